/** What a call is given of other calls. */
import { describe, expect, test } from "vitest";
import { flow, sleep, task, unmapped } from "windhover";
import { createTestHarness } from "windhover/testing";
import { projectRun } from "../../engine/projection.ts";
import { inEachWorld } from "./worlds.ts";

const double = task({ name: "double-input" }, async (n: number) => n * 2);
const add = task({ name: "add-inputs" }, async (a: number, b: number) => a + b);
const sum = task({ name: "sum-inputs" }, async (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0));
const odd = task({ name: "odd-input" }, async (n: number) => {
  if (n % 2) throw new Error(`odd ${n} ${"x".repeat(5000)}`);
  return n;
});

const items = flow({ name: "items-as-inputs" }, async () => {
  const [a, b, c] = [...double.map([1, 2, 3])];
  const [d, e] = [...add.map([a!, b!] as unknown as number[], unmapped(c!) as never)];
  return [await add(a!, c!), await sum([a!, b!, c!] as unknown as number[]), await d, await add(e!, a!)];
});

inEachWorld("items of a map as inputs", (world) => {
  test("an item's future as an argument was undefined", async () => {
    for (const warmRuns of [undefined, 0]) {
      await using w = await world({ ...(warmRuns !== undefined && { warmRuns }) });
      expect(await (await w.client.run(items)).result()).toEqual([8, 12, 8, 12]);
    }
  });

  test("a call that waits for an item began before it", async () => {
    await using w = await world({ warmRuns: 0 });
    const order: string[] = [];
    let release: (() => void) | undefined;
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const held = task({ name: "held-item" }, async (n: number) => {
      if (n === 2) await gate;
      order.push(`item ${n}`);
    });
    const after = task({ name: "after-item" }, async (n: number) => order.push(`after ${n}`));
    const child = flow({ name: "child-after-item" }, async () => order.push("child"));
    const f = flow({ name: "waits-for-items" }, async () => {
      const [one, two] = [...held.map([1, 2])];
      await Promise.all([after.withOptions({ waitFor: [one!] })(1), after.withOptions({ waitFor: [two!] })(2), child.withOptions({ waitFor: [one!, two!] })()]);
    });
    const run = await w.client.run(f);
    await w.settled();
    expect(order).toEqual(["item 1", "after 1"]);
    const { calls, edges } = projectRun(await w.client.history(run.id));
    expect(calls.find(({ id }) => id === "after-item-1")?.state.reason).toMatchObject({ code: "dependency", blockedBy: ["held-item-0/1"] });
    expect(edges.filter(({ to }) => to === "after-item-1")).toEqual([{ from: "held-item-0", to: "after-item-1", kind: "order" }]);
    release?.();
    await run.result();
    expect(order.slice(0, 3)).toEqual(["item 1", "after 1", "item 2"]);
    expect(order.slice(3).sort()).toEqual(["after 2", "child"]);
  });

  test("a call whose item failed, or never ran, is NotReady with the item's error as its cause", async () => {
    for (const warmRuns of [undefined, 0]) {
      await using w = await world({ ...(warmRuns !== undefined && { warmRuns }) });
      const f = flow({ name: "bad-items-as-inputs" }, async () => {
        const list = odd.withOptions({ mapConcurrency: 1, toleratedFailures: 0 }).map([0, 1, 2]);
        const [zero, one, two] = [...list];
        const results = await Promise.allSettled([double(zero!), double(one!), double(two!)]);
        await sleep("1 minute");
        results.push(...(await Promise.allSettled([double(one!), double(two!)])));
        await list.catch(() => {});
        return results.map((r) => (r.status === "fulfilled" ? r.value : [r.reason.code, String(r.reason.cause?.message).slice(0, 5), r.reason.got]));
      });
      const run = await w.client.run(f);
      await w.advance("2 minutes");
      const [zero, one, two, again, third] = (await run.result()) as unknown[];
      expect(zero).toBe(0);
      expect([one, again]).toEqual(Array(2).fill(["WH1404", "odd 1", "odd-input-0/1"]));
      for (const end of [two, third]) expect(end).toMatchObject(["WH1404", expect.anything(), "odd-input-0/2"]);
    }
  });

  test("the error of a call whose input failed, and that of a map, had no cause where that was too long for the log", async () => {
    await using w = await world({ warmRuns: 0 });
    const long = task({ name: "fails-at-length" }, async (): Promise<number> => {
      throw new Error(`long ${"x".repeat(5000)}`);
    });
    const f = flow({ name: "long-causes" }, async () => {
      const bad = long();
      const list = odd.map([1]);
      await Promise.allSettled([bad, list]);
      await sleep("1 minute");
      const ends = await Promise.allSettled([double(bad), list]);
      return ends.map((end) => end.status === "rejected" && [end.reason.code, end.reason.message.slice(0, 80), end.reason.cause?.message.slice(0, 5)]);
    });
    const run = await w.client.run(f);
    await w.advance("2 minutes");
    expect(await run.result()).toEqual([
      ["WH1404", expect.anything(), "long "],
      ["WH1405", expect.stringContaining("the first is item 0: odd 1"), "odd 1"],
    ]);
  });

  test("a promise, or another run's future, was waited for without a wait", async () => {
    await using w = await world();
    const mine: Promise<unknown>[] = [];
    const leak = flow({ name: "leaks-a-future" }, async () => {
      const call = double(1);
      mine.push(call);
      await call;
    });
    await (await w.client.run(leak)).result();
    const f = flow({ name: "foreign-futures" }, async () => {
      const other = mine[0] as ReturnType<typeof double>;
      const codes = [];
      for (const start of [
        () => double(other),
        () => sum([1, other] as unknown as number[]),
        () => double.withOptions({ waitFor: [other] })(1),
        () => double.withOptions({ waitFor: [Promise.resolve(1) as never] })(1),
        () => double.map([other] as unknown as number[]),
        () => leak.withOptions({ waitFor: [undefined as never] })(),
      ])
        codes.push(await Promise.resolve(start()).catch((error: { code: string }) => error.code));
      return codes;
    });
    expect(await (await w.client.run(f)).result()).toEqual(Array(6).fill("WH1011"));
  });
});

describe("items of a map as inputs, through crashes", () => {
  test("every crash comes to the same end", async () => {
    await using h = await createTestHarness();
    for (const state of await h.crashEverywhere(items, {})) expect(state).toMatchObject({ type: "COMPLETED", result: [8, 12, 8, 12] });
    expect((await h.simulate(items, {}, { seeds: 20 })).failingSeed).toBeUndefined();
  });
});
