import { expect } from "vitest";
import { forEachBackend, whereverItCrashes } from "../backends.ts";
import { customers } from "./flow.ts";

forEachBackend("every customer is scored, and the best one is found", async ({ client, finish }) => {
  const run = await client.run(customers, { count: 25 });
  expect(await finish(run)).toMatchObject({ type: "COMPLETED", result: { customer: "customer-9", score: 84 } });
});

forEachBackend("a count that cannot be is refused before anything runs", async ({ client, finish }) => {
  const run = await client.run(customers, { count: 0 });
  expect(await finish(run)).toMatchObject({ type: "FAILED", error: { code: "WH1101" } });
});

whereverItCrashes(customers, { count: 3 }, { customer: "customer-3", score: 78 });
