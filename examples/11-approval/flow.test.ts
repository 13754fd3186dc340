import { expect, test } from "vitest";
import { createTestHarness } from "windhover/testing";
import { forEachBackend, whereverItCrashes } from "../backends.ts";
import { Approval, newsletter } from "./flow.ts";

forEachBackend("it waits for a person, and goes on with the answer", async ({ client, finish, reach }) => {
  const run = await client.run(newsletter, { topic: "kestrels" });
  await reach(run, "PAUSED");
  await expect(run.input(Approval, { approved: "yes" } as never)).rejects.toMatchObject({ code: "WH1106" });
  await run.input(Approval, { approved: true, note: "2nd edition" });
  expect(await finish(run)).toMatchObject({ type: "COMPLETED", result: "Everything about kestrels (2nd edition)" });
});

test("after three days without an answer it goes on without one", async () => {
  await using harness = await createTestHarness();
  const run = await harness.client.run(newsletter, { topic: "kestrels" });
  await harness.advance("2 days");
  expect((await run.state()).type).toBe("PAUSED");
  await harness.advance("1 day");
  expect(await run.result()).toBe("nobody answered");
});

whereverItCrashes(newsletter, { topic: "kestrels" }, "nobody answered");
