import { expect, test } from "vitest";
import { createTestHarness } from "windhover/testing";
import { forEachBackend, whereverItCrashes } from "../backends.ts";
import { daily, training } from "./flow.ts";

forEachBackend("the deployment runs when it is asked to", async ({ client, finish }) => {
  const run = await client.run(daily, { day: "2026-03-01" });
  expect(await finish(run)).toMatchObject({ type: "COMPLETED", result: "model-2026-03-01" });
  const runs = async (): Promise<readonly unknown[]> => (await client.runs({ deployment: "daily-training" })).runs;
  // A list may be a moment behind.
  await expect.poll(runs, { timeout: 30_000 }).toContainEqual(expect.objectContaining({ id: run.id, tags: ["ml"] }));
});

test("it trains once a day, on the day that it is for", async () => {
  await using harness = await createTestHarness({ now: new Date("2026-03-27T12:00:00Z") });
  // Starting a run registers the deployment; from then on its schedule counts.
  await harness.client.run(daily, { day: "2026-03-27" });
  await harness.advance("4 days");
  const { runs } = await harness.client.runs({ deployment: "daily-training" });
  const results = await Promise.all(runs.map(({ id }) => harness.client.get(id).result()));
  expect(results.sort()).toEqual(["model-2026-03-27", "model-2026-03-28", "model-2026-03-29", "model-2026-03-30", "model-2026-03-31"]);
});

whereverItCrashes(training, { day: "2026-03-01" }, "model-2026-03-01");
