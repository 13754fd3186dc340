import { expect, test } from "vitest";
import { flow, sleep } from "windhover";
import { createTestHarness } from "windhover/testing";
import { findRun } from "../../cli/find-run.ts";
import type { PortsClient } from "../../sdk/ports-client.ts";

const dozing = flow({ name: "find-run-dozing" }, async () => {
  await sleep("1 hour");
});

test("a run that has started is found by its id, also while its row is still to come", async () => {
  await using harness = await createTestHarness();
  const { id } = await harness.client.run(dozing, {}, { name: "dozer" });
  await harness.advance("1 second");
  const { ports } = harness.client as unknown as PortsClient;
  const index = { ...ports.index, run: async () => null, runs: async () => ({ rows: [] }) };
  expect(await findRun({ ...ports, index }, id)).toMatchObject({ id, name: "dozer", flow: "find-run-dozing" });
  await expect(findRun({ ...ports, index }, "dozer")).rejects.toMatchObject({ code: "WH2002" });
});
