import { expect } from "vitest";
import { forEachBackend, whereverItCrashes } from "../backends.ts";
import { rebuild } from "./flow.ts";

const steps = ["created users", "filled users with part 0", "filled users with part 1", "indexed users"];

forEachBackend("a task waits for others whose results it does not use", async ({ client, finish }) => {
  expect(await finish(await client.run(rebuild, { table: "users", parts: 2 }))).toMatchObject({ type: "COMPLETED", result: steps });
});

whereverItCrashes(rebuild, { table: "users", parts: 2 }, steps);
