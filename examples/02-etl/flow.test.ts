import { expect } from "vitest";
import { forEachBackend, whereverItCrashes } from "../backends.ts";
import { etl } from "./flow.ts";

forEachBackend("a source that fails twice is asked a third time", async ({ client, finish }) => {
  expect(await finish(await client.run(etl, { failures: 2 }))).toMatchObject({ type: "COMPLETED", result: { loaded: 4 } });
});

forEachBackend("one that goes on failing fails the run with its own error", async ({ client, finish }) => {
  expect(await finish(await client.run(etl, { failures: 9 }))).toMatchObject({ type: "FAILED", error: { message: expect.stringContaining("503") } });
});

forEachBackend("what cannot succeed is not tried again", async ({ client, finish }) => {
  expect(await finish(await client.run(etl, { source: "" }))).toMatchObject({ type: "FAILED", error: { name: "FailNow" } });
});

whereverItCrashes(etl, { failures: 1 }, { loaded: 4 });
