/** The process dies right before and right after each durable event of a flow, and the run ends as if nothing had happened. */
import { expect, test } from "vitest";
import { FailNow, flow, sleep, task, transaction } from "windhover";
import { createTestHarness } from "windhover/testing";
import * as z from "zod";
import { runWithCrash } from "../../sdk/testing/crashes.ts";
import { describeEnding, settledResults } from "../../sdk/testing/endings.ts";

const options = { seed: 1, now: Date.parse("2026-01-01T00:00:00Z"), stubs: new Map<string, (...args: never[]) => unknown>() };

const add = task({ name: "crash-add" }, async (a: number, b: number) => a + b);
const twice = flow({ name: "crash-child", parameters: z.object({ n: z.number() }) }, async ({ n }) => add(n, n));
const chain = flow({ name: "crash-chain" }, async () => {
  let n = 0;
  for (let i = 0; i < 5; i++) n = await add(n, i);
  return n;
});
const wide = flow({ name: "crash-wide" }, async () => {
  const parts = await add.map([1, 2, 3], [4, 5, 6]);
  await sleep("1 day");
  const kid = await twice({ n: 5 });
  const [x, y] = await Promise.all([add(1, kid), add(2, kid)]);
  return [...parts, x, y];
});
const saga = flow({ name: "crash-saga" }, async () => {
  try {
    await transaction(async () => {
      await add(1, 1);
      throw new FailNow("no");
    });
  } catch (error) {
    return (error as Error).message;
  }
});

test.each([
  ["a chain", chain],
  ["maps, sleeps, subflows", wide],
  ["a transaction", saga],
] as const)("%s survives a crash at every event", async (_what, target) => {
  await using h = await createTestHarness();
  const states = await h.crashEverywhere(target as typeof chain, {});
  const undisturbed = await runWithCrash(target as typeof chain, {}, options);
  expect(states).toHaveLength(undisturbed.appends);
  for (const state of states) expect(describeEnding(state)).toBe(describeEnding(undisturbed.state));
});

test("a chain has the same history, whichever event the crash came behind", async () => {
  const undisturbed = await runWithCrash(chain, {}, options);
  for (let at = 1; at <= undisturbed.appends; at++) {
    const { history } = await runWithCrash(chain, {}, options, { at, when: "after" });
    expect(settledResults(history), `after event ${at}`).toEqual(settledResults(undisturbed.history));
  }
});

test("a flow whose result depends on how often its tasks ran is caught, with the event and both ends", async () => {
  let runs = 0;
  const count = task({ name: "count-runs" }, async () => ++runs);
  const counting = flow({ name: "counting" }, async () => (await count()) % 100);
  await using h = await createTestHarness();
  await expect(h.crashEverywhere(counting, {})).rejects.toThrow(/WH1408.*durable event 1 of .*undisturbed it ends as COMPLETED 1/);
});

test("simulate says which seed failed, and the seed alone fails again", async () => {
  let runs = 0;
  const count = task({ name: "count-simulated" }, async () => ++runs);
  const counting = flow({ name: "counting-simulated" }, async () => ((await count()) > 1 ? "often" : "once"));
  await using h = await createTestHarness();
  const { states, failingSeed } = await h.simulate(counting, {}, { seeds: 50 });
  expect(failingSeed).toBe(1);
  expect(states).toHaveLength(1);
  const sound = await h.simulate(chain, {}, { seeds: 50, firstSeed: 7 });
  expect(sound.failingSeed).toBeUndefined();
  expect(sound.states).toHaveLength(50);
});
