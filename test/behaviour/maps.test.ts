import { expect, test } from "vitest";
import { LIMITS } from "../../engine/limits.ts";
import type { RunMessage } from "../../engine/messages.ts";
import { FailNow, flow, sleep, task, unmapped } from "../../sdk/index.ts";
import { inEachWorld } from "./worlds.ts";

const double = task({ name: "double" }, async (n: number) => n * 2);
const add = task({ name: "add" }, async (a: number, b: number) => a + b);

inEachWorld("maps", (world) => {
  test("a map is one call, with results in order and constants in unmapped", async () => {
    await using w = await world();
    const f = flow({ name: "maps" }, async () => add.map([1, 2, 3], unmapped(10)));
    const run = await w.client.run(f);
    expect(await run.result()).toEqual([11, 12, 13]);
    expect((await w.events(run)).filter((e) => e.type === "called")).toHaveLength(1);
  });

  test("chained maps go depth first: an item goes on while others are still running", async () => {
    await using w = await world();
    let release: (() => void) | undefined;
    const order: string[] = [];
    const first = task({ name: "first" }, async (n: number) => {
      if (n === 0)
        await new Promise<void>((resolve) => {
          release = resolve;
        });
      order.push(`first ${n}`);
      return n;
    });
    const second = task({ name: "second" }, async (n: number) => {
      order.push(`second ${n}`);
      return n * 100;
    });
    const f = flow({ name: "depth-first" }, async () => second.map(first.map([0, 1, 2])));
    const run = await w.client.run(f);
    await w.settled();
    expect(order).toContain("second 2");
    expect(order).not.toContain("first 0");
    release?.();
    expect(await run.result()).toEqual([0, 100, 200]);
  });

  test("items retry for themselves, and the others are not held up", async () => {
    await using w = await world();
    const tries = new Map<number, number>();
    const flaky = task({ name: "flaky-item", retries: 2, retryDelaySeconds: 5 }, async (n: number) => {
      tries.set(n, (tries.get(n) ?? 0) + 1);
      if (n === 1 && tries.get(n)! < 3) throw new Error("not yet");
      return n;
    });
    const f = flow({ name: "item-retries" }, async () => flaky.map([0, 1, 2]));
    const run = await w.client.run(f);
    await w.advance("1 minute");
    expect(await run.result()).toEqual([0, 1, 2]);
    expect([...tries.entries()].sort()).toEqual([
      [0, 1],
      [1, 3],
      [2, 1],
    ]);
  });

  test("failures: the list rejects with how many, states() tells each, tolerated ones are left out", async () => {
    await using w = await world();
    const odd = task({ name: "odd" }, async (n: number) => {
      if (n % 2) throw new Error(`odd ${n}`);
      return n;
    });
    const strict = flow({ name: "strict" }, async () => odd.map([0, 1, 2, 3]));
    await expect((await w.client.run(strict)).result()).rejects.toThrow(/WH1405: 2 of 4.*item 1: odd 1/);
    const lenient = flow({ name: "lenient" }, async () => odd.withOptions({ toleratedFailures: 2 }).map([0, 1, 2, 3]));
    expect(await (await w.client.run(lenient)).result()).toEqual([0, 2]);
    const looks = flow({ name: "looks" }, async () => (await odd.map([0, 1]).states()).map((s) => s.type));
    expect(await (await w.client.run(looks)).result()).toEqual(["COMPLETED", "FAILED"]);
  });

  test("for await gives items as they end; iterating gives a future each", async () => {
    await using w = await world({ warmRuns: 0 });
    const f = flow({ name: "streams" }, async () => {
      const list = double.map([1, 2, 3]);
      const seen: number[] = [];
      for await (const { index, state } of list) seen.push(index * 1000 + (state.type === "COMPLETED" ? state.result : -1));
      const second = double.map([5, 6]);
      const [a, b] = [...second];
      return { seen: seen.sort((x, y) => x - y), sum: (await a!) + (await b!), length: second.length };
    });
    expect(await (await w.client.run(f)).result()).toEqual({ seen: [2, 1004, 2006], sum: 22, length: 2 });
  });

  test("two who iterate over one map both see all of its items, as they end and afterwards; so do two futures of one item", async () => {
    await using w = await world({ warmRuns: 0 });
    const slow = task({ name: "one-by-one" }, async (n: number) => n);
    const f = flow({ name: "streams-twice" }, async () => {
      const list = slow.withOptions({ mapConcurrency: 1 }).map([1, 2, 3]);
      const drain = async (): Promise<number[]> => {
        const seen: number[] = [];
        for await (const { state } of list) if (state.type === "COMPLETED") seen.push(state.result);
        return seen;
      };
      const both = await Promise.all([drain(), drain(), Promise.all(list), Promise.all([...list])]);
      return [...both, await drain()];
    });
    expect(await (await w.client.run(f)).result()).toEqual(Array.from({ length: 5 }, () => [1, 2, 3]));
  });

  test("an item that never started says so, whenever it is asked", async () => {
    await using w = await world();
    const bad = task({ name: "bad-item" }, async (n: number) => {
      if (n === 0) throw new Error("no");
      return n;
    });
    const f = flow({ name: "asks-late" }, async () => {
      const list = bad.withOptions({ mapConcurrency: 1, toleratedFailures: 0 }).map([0, 1]);
      const early = [...list].map((item) => item.state());
      await list.catch(() => {});
      const late = [...list].map((item) => item.state());
      return (await Promise.all([...early, ...late])).map(({ name }) => name);
    });
    expect(await (await w.client.run(f)).result()).toEqual(["Failed", "NeverStarted", "Failed", "NeverStarted"]);
  });

  test("an item that was alone in its piece keeps its crashRetries when a process dies with it and others", async () => {
    await using w = await world();
    let begun = 0;
    const hang = (): Promise<never> => new Promise(() => {});
    const item = task({ name: "one-item", crashRetries: 1 }, async (n: number) => (++begun < 3 ? hang() : n));
    const neighbour = task({ name: "neighbour" }, async () => hang());
    const f = flow({ name: "shares-a-process" }, async () => Promise.race([item.map([1]), neighbour()]));
    const run = await w.client.run(f);
    await w.settled();
    const died = async (attempts: Extract<RunMessage, { kind: "crash" }>["attempts"]): Promise<void> => {
      await w.client.send(run.id, { kind: "crash", id: `crash:${begun}`, attempts });
      await w.settled();
    };
    const piece = (id: number) => ({ call: "one-item-0", attempt: 1, piece: { id, from: 0, to: 1 } });
    await died([piece(0), { call: "neighbour-0", attempt: 1 }]);
    await died([piece(1)]);
    expect(begun).toBe(3);
    const sent = (await w.client.history(run.id)).flatMap(({ effects }) => effects).flatMap((e) => (e.do === "task" && e.piece ? [e.alone] : []));
    expect(sent).toEqual([undefined, true, true]);
    expect((await w.events(run)).find((e) => e.type === "items")).toMatchObject({ value: "[1]" });
  });

  test("at most mapConcurrency items run at once", async () => {
    await using w = await world();
    let now = 0;
    let most = 0;
    const busy = task({ name: "busy" }, async (_n: number) => {
      most = Math.max(most, ++now);
      await new Promise((resolve) => setImmediate(resolve));
      now--;
    });
    const f = flow({ name: "bounded" }, async () => {
      await busy.withOptions({ mapConcurrency: 3 }).map(Array.from({ length: 20 }, (_, i) => i));
    });
    await (await w.client.run(f)).result();
    expect(most).toBeLessThanOrEqual(3);
  });

  test("a map over the result of a call, over nothing, and over lists that do not fit", async () => {
    await using w = await world();
    const list = task({ name: "list" }, async (n: number) => Array.from({ length: n }, (_, i) => i));
    const later = flow({ name: "maps-later" }, async () => double.map(list(4)));
    expect(await (await w.client.run(later)).result()).toEqual([0, 2, 4, 6]);
    const empty = flow({ name: "maps-nothing" }, async () => double.map([]));
    expect(await (await w.client.run(empty)).result()).toEqual([]);
    const unequal = flow({ name: "unequal" }, async () => add.map([1, 2], [1]));
    await expect((await w.client.run(unequal)).result()).rejects.toThrow("WH1105");
    const notAList = flow({ name: "not-a-list" }, async () => double.map(3 as never));
    await expect((await w.client.run(notAList)).result()).rejects.toThrow("WH1105");
  });

  test("a retry takes over a completed map with its results", async () => {
    await using w = await world();
    let broken = true;
    const load = task({ name: "load-all" }, async (all: readonly number[]) => {
      if (broken) throw new Error("disk");
      return all;
    });
    const f = flow({ name: "maps-then-fails" }, async () => load(await double.map([1, 2, 3])));
    const run = await w.client.run(f);
    await expect(run.result()).rejects.toThrow("disk");
    broken = false;
    expect(await (await run.retry()).result()).toEqual([2, 4, 6]);
  });

  test("many items travel in chunks", async () => {
    await using w = await world();
    const f = flow({ name: "many" }, async () => {
      const values = await double.map(Array.from({ length: 5000 }, (_, i) => i));
      return values.reduce((a, b) => a + b, 0);
    });
    const run = await w.client.run(f);
    expect(await run.result()).toBe(4999 * 5000);
    expect((await w.events(run)).filter((e) => e.type === "attempted")).toHaveLength(1000);
  });

  test("an item that threw nothing at all, or another value that is false, was one that had completed", async () => {
    await using w = await world();
    const thrown = [undefined, null, 0, "", false];
    const throws = task({ name: "throws-falsy" }, async (n: number) => Promise.reject(thrown[n]));
    const f = flow({ name: "throws-falsy" }, async () => {
      const list = throws.withOptions({ toleratedFailures: 5 }).map([0, 1, 2, 3, 4]);
      const states = (await list.states()).map((state) => (state.type === "FAILED" ? state.error : state.type));
      const each = (await Promise.allSettled([...list])).map((one) => (one.status === "rejected" ? one.reason : one.status));
      return { states, each };
    });
    expect(await (await w.client.run(f)).result()).toEqual({ states: thrown, each: thrown });
  });

  test("a map beside another list, over a map whose length was not known, waited for ever or was given undefined", async () => {
    await using w = await world({ warmRuns: 0 });
    const numbers = task({ name: "numbers-beside", retries: 1 }, async (n: number) => Array.from({ length: n }, (_, i) => i));
    const unknown = (n: number) => double.map(numbers(n));
    const wrong = [
      () => add.map(unknown(3), [1, 2]),
      () => add.map([1, 2], unknown(3)),
      () => add.map(unknown(2), numbers(3)),
      () => add.map(double.map([0, 1, 2]), numbers(2)),
      () => add.map([1, 2], double.map([0, 1, 2])),
    ];
    for (const [i, lists] of wrong.entries()) {
      const run = await w.client.run(flow({ name: `lists-beside-${i}` }, async () => lists()));
      await expect(run.result(), String(i)).rejects.toThrow("WH1105");
    }
    const right = flow({ name: "lists-beside" }, async () => [
      await add.map(unknown(3), [1, 2, 3]),
      await add.map([1, 2, 3], double.map([0, 1, 2])),
      await add.map(unknown(3), numbers(3)),
      await add.map(unknown(3), unmapped(1)),
      await add.map(double.map([0, 1, 2]), unknown(3)),
    ]);
    expect(await (await w.client.run(right)).result()).toEqual([
      [1, 4, 7],
      [1, 4, 7],
      [0, 3, 6],
      [1, 3, 5],
      [0, 4, 8],
    ]);
  });

  test.each([0, 60])("what a map got of one that tolerates failures depended on whether that had ended: after %s seconds", async (seconds) => {
    await using w = await world({ warmRuns: 0 });
    const odd = task({ name: "odd-only" }, async (n: number) => {
      if (n % 2 === 0) throw new FailNow(`${n} is even`);
      return n;
    });
    const tolerant = { toleratedFailures: 1 };
    const f = flow({ name: `follows-tolerated-${seconds}` }, async () => {
      const [before, other] = [odd.withOptions(tolerant).map([1, 4, 3]), odd.withOptions(tolerant).map([2, 1, 1])];
      if (seconds > 0) await sleep(seconds);
      const strict = double.map(before);
      const states = double.withOptions(tolerant).map(before).states();
      const beside = add.withOptions(tolerant).map(before, [10, 20, 30]);
      const apart = add.map(before, other).catch((error: Error) => error.message);
      const rest = double.map(await before);
      return [await strict.catch((error: Error) => error.message), (await states).map(({ type }) => type), await beside, await apart, await rest];
    });
    const run = await w.client.run(f);
    await w.advance("2 minutes");
    expect(await run.result()).toEqual([
      expect.stringMatching(/WH1405.*item 1/),
      ["COMPLETED", "FAILED", "COMPLETED"],
      [11, 33],
      expect.stringMatching(/WH1105.*place by place|WH1105.*items failed/),
      [2, 6],
    ]);
  });

  test("more ran at once than mapConcurrency allows, where the map before came in larger chunks", async () => {
    await using w = await world();
    let [now, most] = [0, 0];
    const probe = task({ name: "probe-at-once", retries: 1 }, async (n: number) => {
      most = Math.max(most, ++now);
      await new Promise((resolve) => setImmediate(resolve));
      now--;
      if (n === 4 && !again.has(n)) {
        again.add(n);
        throw new Error("once more");
      }
      return n;
    });
    const again = new Set<number>();
    const many = Array.from({ length: 20 }, (_, i) => i);
    const f = flow({ name: "follows-chunks" }, async () => probe.withOptions({ mapConcurrency: 2 }).map(double.map(many)));
    const limits: { mapChunks: number } = LIMITS;
    const { mapChunks } = limits;
    limits.mapChunks = 2;
    try {
      expect(await (await w.client.run(f)).result()).toEqual(many.map((n) => 2 * n));
    } finally {
      limits.mapChunks = mapChunks;
    }
    expect(most).toBe(2);
  });
});
