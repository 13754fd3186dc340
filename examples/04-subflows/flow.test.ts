import { expect } from "vitest";
import { forEachBackend, whereverItCrashes } from "../backends.ts";
import { company, week } from "./flow.ts";

forEachBackend("a flow that is called in a flow is a run of its own", async ({ client, finish }) => {
  expect(await finish(await client.run(company, { day: "2026-11-22" }))).toMatchObject({ type: "COMPLETED", result: { day: "2026-11-22", total: 179 } });
  // A list may be a moment behind.
  await expect.poll(async () => (await client.runs({ flow: "region" })).runs, { timeout: 30_000 }).toHaveLength(3);
});

forEachBackend("a subflow that fails is the caller's to handle", async ({ client, finish }) => {
  expect(await finish(await client.run(week, { days: ["2026-11-22", "someday"] }))).toMatchObject({ type: "COMPLETED", result: { counted: 1, failed: 1 } });
});

whereverItCrashes(week, { days: ["2026-11-22", "someday"] }, { counted: 1, failed: 1 });
