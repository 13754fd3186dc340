/** What another try of a flow, or of a run, takes over of a map that did not complete. */
import { describe, expect, test } from "vitest";
import { flow, sleep, task, transaction, unmapped } from "windhover";
import { createTestHarness } from "windhover/testing";
import { projectRun } from "../../engine/projection.ts";
import { inEachWorld } from "./worlds.ts";

/** A task that notes the items it ran, and fails those in `bad`. */
function noting(name: string, bad: Set<number>, more: { readonly onRollback?: (n: number) => void } = {}) {
  const ran: number[] = [];
  const run = task({ name, ...more }, async (n: number, by: number) => {
    ran.push(n);
    if (bad.has(n)) throw new Error(`bad ${n}`);
    return n * by;
  });
  return { run, ran };
}

inEachWorld("another try of a map", (world) => {
  test("all items of a map ran again where one had failed: now those that completed are taken over, by a retry of the flow and of the run", async () => {
    for (const warmRuns of [undefined, 0]) {
      await using w = await world({ ...(warmRuns !== undefined && { warmRuns }) });
      const bad = new Set([2]);
      const { run: step, ran } = noting("step-again", bad);
      const f = flow({ name: "map-again", retries: 1, retryDelaySeconds: 60 }, async () => {
        const list = step.map([1, 2, 3], unmapped(10));
        await list.catch(() => {});
        return { all: await list, states: (await list.states()).map(({ type }) => type), each: await Promise.all([...list]) };
      });
      const run = await w.client.run(f);
      await w.advance("2 minutes");
      await expect(run.result()).rejects.toThrow("WH1405");
      expect(ran.splice(0)).toEqual([1, 2, 3, 2]);
      bad.clear();
      const right = { all: [10, 20, 30], states: Array(3).fill("COMPLETED"), each: [10, 20, 30] };
      const again = await run.retry();
      expect(await again.result()).toEqual(right);
      expect(ran.splice(0)).toEqual([2]);
      const [view] = projectRun(await w.client.history(again.id)).calls;
      expect(view?.map).toMatchObject({ total: 3, done: 3, failed: 0, running: 0 });
      expect((await w.events(again)).map(({ type }) => type).slice(0, 4)).toEqual(["started", "called", "items", "attempted"]);
      expect(await (await again.rerunFrom("step-again-0")).result()).toEqual(right);
      expect(ran.sort()).toEqual([1, 2, 3]);
    }
  });

  test("a map over a list that was taken over runs its own bad items alone, and one with other arguments runs all", async () => {
    await using w = await world({ warmRuns: 0 });
    const bad = new Set([40]);
    const first = noting("first-again", new Set());
    const second = noting("second-again", bad);
    const f = flow({ name: "chain-again" }, async () => second.run.map(first.run.map([1, 2, 3, 4], unmapped(10)), unmapped(1)));
    const run = await w.client.run(f);
    await expect(run.result()).rejects.toThrow("WH1405");
    const once = await run.retry();
    await expect(once.result()).rejects.toThrow("WH1405");
    bad.clear();
    expect(await (await once.retry()).result()).toEqual([10, 20, 30, 40]);
    expect([first.ran.splice(0), second.ran.splice(0)]).toEqual([
      [1, 2, 3, 4],
      [10, 20, 30, 40, 40, 40],
    ]);
    const other = noting("other-again", new Set([2]));
    const changes = flow({ name: "changes-again", retries: 1 }, async () => other.run.map([1, 2], unmapped(Math.random())));
    await expect((await w.client.run(changes)).result()).rejects.toThrow("WH1405");
    expect(other.ran).toEqual([1, 2, 1, 2]);
  });

  test("an item that its transaction has taken back runs again", async () => {
    await using w = await world();
    const bad = new Set([3]);
    const undone: number[] = [];
    const { run: step, ran } = noting("undone-again", bad, { onRollback: (n) => void undone.push(n) });
    const f = flow({ name: "undo-again" }, async () => transaction(async () => step.map([1, 2, 3], unmapped(1))));
    const run = await w.client.run(f);
    await expect(run.result()).rejects.toThrow("WH1405");
    expect(undone.sort()).toEqual([1, 2]);
    bad.clear();
    expect(await (await run.retry()).result()).toEqual([1, 2, 3]);
    expect(ran.sort()).toEqual([1, 1, 2, 2, 3, 3]);
  });
});

describe("another try of a map, in any order and through crashes", () => {
  test("its log says the same as its state, and every crash comes to the same end", async () => {
    await using h = await createTestHarness();
    const picky = task({ name: "picky-again" }, async (n: number) => {
      if (n % 3 === 2) throw new Error(`bad ${n}`);
      return n;
    });
    const f = flow({ name: "crashing-again", retries: 2 }, async () => {
      const list = picky.map(Array.from({ length: 7 }, (_, n) => n));
      await list.catch(() => {});
      await sleep("1 minute");
      const [first] = [...list];
      return [await picky(first!), await list];
    });
    for (const state of await h.crashEverywhere(f, {})) expect(state.type).toBe("FAILED");
    expect((await h.simulate(f, {}, { seeds: 20 })).failingSeed).toBeUndefined();
  });
});
