import { expect } from "vitest";
import { forEachBackend, whereverItCrashes } from "../backends.ts";
import { sturdy } from "./flow.ts";

forEachBackend("undisturbed, it takes its steps", async ({ client, finish }) => {
  expect(await finish(await client.run(sturdy, { steps: 4 }))).toMatchObject({ type: "COMPLETED", result: [0, 1, 2, 3] });
});

whereverItCrashes(sturdy, { steps: 4 }, [0, 1, 2, 3]);
