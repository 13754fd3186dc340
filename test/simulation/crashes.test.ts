/** The process dies right before and right after each durable event of a flow, and the run ends as if nothing had happened. */
import { expect, test } from "vitest";
import { artifact, concurrency, emit, FailNow, flow, runContext, sleep, task, transaction } from "windhover";
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

test("what a transaction takes back may come in the order in which tasks side by side happened to end", async () => {
  let begun = 0;
  const book = task({ name: "crash-book", onRollback: () => {} }, async (what: string, ticks: number) => {
    // The quicker one is another in every other attempt.
    const ownTicks = begun++ % 4 < 2 ? ticks : 60 - ticks;
    for (let i = 0; i < ownTicks; i++) await new Promise((resolve) => setImmediate(resolve));
    return what;
  });
  const trip = flow({ name: "crash-trip" }, async () => {
    try {
      await transaction(async () => {
        await Promise.all([book("flight", 5), book("hotel", 55)]);
        throw new FailNow("no card");
      });
    } catch (error) {
      return (error as Error).message;
    }
  });
  await using h = await createTestHarness();
  for (const state of await h.crashEverywhere(trip, {})) expect(state.type).toBe("COMPLETED");
});

test("a flow whose result depends on how often its tasks ran is caught, with the event and both ends", async () => {
  let runs = 0;
  const count = task({ name: "count-runs" }, async () => ++runs);
  const counting = flow({ name: "counting" }, async () => (await count()) % 100);
  await using h = await createTestHarness();
  await expect(h.crashEverywhere(counting, {})).rejects.toThrow(/WH1408.*durable event 1 of .*undisturbed it ends as COMPLETED 1/);
});

test("a flow that comes to the same end by another way is caught, with the call that differs", async () => {
  let runs = 0;
  const odd = task({ name: "odd-runs" }, async () => ++runs % 2 === 1);
  const wandering = flow({ name: "wandering" }, async () => {
    runs = 0;
    const first = await odd();
    await (first ? add(1, 2) : add(2, 1));
    return "there";
  });
  await using h = await createTestHarness();
  // A crash in the middle runs the task again, and the flow's body forgets how often it did.
  await expect(h.crashEverywhere(wandering, {})).rejects.toThrow(/WH1408.*by another way: it did not decide: task odd-runs = true/s);
});

/** Flows in which much goes on at once: whatever a crash does to who is first, what is decided is the same. */
const hooked = task({ name: "crash-hooked", onCompletion: [async () => {}], retries: 1 }, async (n: number) => n * 2);
const tagged = task({ name: "crash-tagged", concurrency: { limit: 1 } }, async (n: number) => n + 1);
const branches = flow({ name: "crash-branches", onCompletion: [async () => {}] }, async () => {
  const branch = async (n: number): Promise<number> => add(await hooked(n), await tagged(await add(n, n)));
  const kids = [1, 2].map((n) => twice({ n }));
  const held = concurrency("crash-slot", {}, async () => add.map([1, 2, 3], [4, 5, 6]));
  return [...(await Promise.all([branch(1), branch(2), branch(3)])), ...(await Promise.all(kids)), await held];
});
/** In the flow's second life the call has another number. */
const secondLife = task({ name: "crash-second-life" }, async () => {
  if (!runContext().task?.id.endsWith("~2")) throw new Error("once more");
});
const repeating = flow({ name: "crash-repeating", retries: 1, retryDelaySeconds: 5 }, async () => {
  const n = await add(1, 2);
  const kid = await twice({ n });
  await secondLife();
  await emit({ type: "crash-repeated", detail: { n } });
  await artifact.markdown("crash-note", `${kid}`);
  return kid;
});
const following = flow({ name: "crash-following" }, async () => {
  const doubled = hooked.map([1, 2, 3, 4]);
  const [sum, waited] = await Promise.all([add(add(1, 2), 3), sleep("1 minute").then(() => add(4, 5))]);
  return [...(await tagged.map(doubled)), sum, waited];
});
test.each([
  ["branches with slots and hooks", branches],
  ["a second life of the flow", repeating],
  ["maps over maps", following],
] as const)("%s come to the same history, whichever event the crash came at", async (_what, target) => {
  await using h = await createTestHarness();
  const states = await h.crashEverywhere(target as typeof chain, {});
  expect(new Set(states.map(describeEnding)).size).toBe(1);
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
