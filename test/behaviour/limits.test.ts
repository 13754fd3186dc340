import { expect, test } from "vitest";
import { concurrency, flow, rateLimit, sleep, task } from "../../sdk/index.ts";
import { inEachWorld, type World } from "./worlds.ts";

/** Counts how many are inside at once, and lets them out by hand. */
function gate() {
  const waiting: (() => void)[] = [];
  const seen = { now: 0, most: 0, total: 0 };
  return {
    seen,
    async pass() {
      seen.total++;
      seen.most = Math.max(seen.most, ++seen.now);
      await new Promise<void>((resolve) => waiting.push(resolve));
      seen.now--;
    },
    open: () =>
      waiting.splice(0).forEach((go) => {
        go();
      }),
  };
}
async function drain(w: World, g: ReturnType<typeof gate>): Promise<void> {
  for (let i = 0; i < 20; i++) {
    await w.settled();
    g.open();
  }
  await w.settled();
}

inEachWorld("limits", (world) => {
  test("a tag's limit holds over all runs, first come first served, and leaks nothing", async () => {
    await using w = await world();
    await w.client.setLimit("llm", 2);
    const g = gate();
    const ask = task({ name: "ask", tags: ["llm"] }, () => g.pass());
    const f = flow({ name: "asks-llm" }, async () => ask());
    const runs = await Promise.all(Array.from({ length: 5 }, () => w.client.run(f)));
    await w.settled();
    expect(g.seen.now).toBe(2);
    const [limit] = await w.client.limits();
    expect([limit?.holders.length, limit?.waiters.length]).toEqual([2, 3]);
    await drain(w, g);
    await Promise.all(runs.map((run) => run.result()));
    expect([g.seen.most, g.seen.total]).toEqual([2, 5]);
    const [after] = await w.client.limits();
    expect(after).toMatchObject({ holders: [], waiters: [] });
  });

  test("which limits are set is read once a turn, however many calls with tags it makes", async () => {
    await using w = await world();
    await w.client.setLimit("other", 1);
    const { registry } = w.runtime.host.ports;
    const list = registry.list.bind(registry);
    let reads = 0;
    registry.list = (kind) => {
      if (kind === "limit") reads++;
      return list(kind);
    };
    const ask = task({ name: "asks-often", tags: ["often"] }, async (n: number) => n);
    const f = flow({ name: "many-tagged" }, async () => {
      for (let i = 0; i < 5; i++) await ask(i);
      return (await Promise.all(Array.from({ length: 50 }, (_, i) => ask(i)))).length;
    });
    expect(await (await w.client.run(f)).result()).toBe(50);
    expect(reads).toBe(1);
  });

  test("a task's own concurrency, for each key", async () => {
    await using w = await world();
    const g = gate();
    const sync = task({ name: "sync", concurrency: { limit: 1, key: (customer: string) => customer } }, (_customer: string) => g.pass());
    const f = flow({ name: "syncs" }, async () => {
      await Promise.all([sync("a"), sync("a"), sync("b")]);
    });
    const run = await w.client.run(f);
    await w.settled();
    expect(g.seen.now).toBe(2);
    await drain(w, g);
    await run.result();
  });

  test("concurrency() holds a slot while its function runs, also over a crash", async () => {
    let w = await world();
    await w.client.setLimit("db", 1);
    const f = flow({ name: "uses-db" }, async () =>
      concurrency("db", {}, async () => {
        await sleep("1 hour");
        return "done";
      }),
    );
    const [first, second] = [await w.client.run(f), await w.client.run(f)];
    await w.settled();
    expect((await w.client.limits())[0]?.holders).toHaveLength(1);
    w = await w.restart();
    await w.advance("90 minutes");
    expect(await w.client.get(first.id).state()).toMatchObject({ type: "COMPLETED" });
    expect((await w.client.get(second.id).state()).type).not.toBe("COMPLETED");
    await w.advance("90 minutes");
    expect(await w.client.get(second.id).result()).toBe("done");
    expect((await w.client.limits())[0]?.holders).toHaveLength(0);
    await w[Symbol.asyncDispose]();
  });

  test("asking for more slots than there are is refused, and a cancelled waiter gives its place up", async () => {
    await using w = await world();
    await w.client.setLimit("small", 1);
    const greedy = flow({ name: "greedy" }, async () => concurrency("small", { occupy: 2 }, async () => 1));
    await expect((await w.client.run(greedy)).result()).rejects.toThrow("WH2012");
    const holds = flow({ name: "holds-small" }, async () => concurrency("small", {}, async () => sleep("1 hour")));
    const [a, b] = [await w.client.run(holds), await w.client.run(holds)];
    await w.settled();
    await b.cancel();
    await w.settled();
    expect((await b.state()).type).toBe("CANCELLED");
    expect((await w.client.limits())[0]?.waiters).toEqual([]);
    await w.advance("2 hours");
    await a.result();
  });

  test("a refusal reaches the run also where it is the first thing that a limit ever says", async () => {
    await using w = await world();
    await w.client.setLimit("database", 1);
    const greedy = flow({ name: "greedy-of-a-key" }, async () => concurrency("database", { key: "acme", occupy: 2 }, async () => 1));
    await expect((await w.client.run(greedy)).result()).rejects.toThrow("WH2012");
  });

  test("a limit of 0 holds everything up until it is raised; what asks for more than it is raised to is refused, and holds nobody up", async () => {
    await using w = await world();
    await w.client.setLimit("shut", 0);
    const two = flow({ name: "wants-two" }, async () => concurrency("shut", { occupy: 2 }, async () => 2));
    const one = flow({ name: "wants-one" }, async () => concurrency("shut", {}, async () => 1));
    const [greedy, modest] = [await w.client.run(two), await w.client.run(one)];
    await w.settled();
    expect((await w.client.limits())[0]?.waiters).toHaveLength(2);
    await w.client.setLimit("shut", 1);
    await expect(greedy.result()).rejects.toThrow("WH2012");
    expect(await modest.result()).toBe(1);
    await w.settled();
    expect((await w.client.limits())[0]).toMatchObject({ holders: [], waiters: [] });
  });

  test("a block inside a block of the same limit is refused, however many slots there are; one beside it waits for its turn", async () => {
    await using w = await world();
    await w.client.setLimit("db", 1);
    const inner = (): Promise<number> => concurrency("db", {}, async () => 1);
    const nested = flow({ name: "nested-blocks" }, async () => concurrency("db", {}, inner));
    await expect((await w.client.run(nested)).result()).rejects.toThrow("WH1308");
    const byKey = flow({ name: "nested-keys" }, async () => concurrency("db", {}, () => concurrency("db", { key: "a" }, async () => 2)));
    expect(await (await w.client.run(byKey)).result()).toBe(2);
    const beside = flow({ name: "blocks-beside" }, async () => Promise.all([inner(), inner()]));
    expect(await (await w.client.run(beside)).result()).toEqual([1, 1]);
    await w.client.setLimit("db", 2);
    await expect((await w.client.run(nested)).result()).rejects.toThrow("WH1308");
    await w.settled();
    expect((await w.client.limits())[0]).toMatchObject({ holders: [], waiters: [] });
  });

  test("a task that needs the slot of the block around it is refused, as a map as well; one in another branch waits until the block is over", async () => {
    await using w = await world();
    await w.client.setLimit("wh", 1);
    const query = task({ name: "wh-query", tags: ["wh"] }, async (n: number) => n);
    const inside = flow({ name: "asks-inside" }, async () => concurrency("wh", {}, async () => query(1)));
    await expect((await w.client.run(inside)).result()).rejects.toThrow("WH1308");
    const second = task({ name: "second-query", tags: ["aa", "wh"] }, async (n: number) => n);
    await w.client.setLimit("aa", 5);
    const mapped = flow({ name: "maps-inside" }, async () => concurrency("wh", {}, async () => second.map([1, 2])));
    await expect((await w.client.run(mapped)).result()).rejects.toThrow("WH1308");
    const branches = flow({ name: "asks-beside" }, async () => Promise.all([concurrency("wh", {}, async () => sleep("1 hour")), query(1), query.map([2, 3])]));
    const run = await w.client.run(branches);
    await w.advance("2 hours");
    expect(await run.result()).toEqual([undefined, 1, [2, 3]]);
    expect((await w.client.limits()).map(({ holders, waiters }) => [...holders, ...waiters])).toEqual([[], []]);
  });

  test("a limit that a flow around holds is refused, not waited for", async () => {
    await using w = await world();
    await w.client.setLimit("db", 1);
    const child = flow({ name: "asks-again" }, async () => concurrency("db", {}, async () => 1));
    const f = flow({ name: "holds" }, async () => concurrency("db", {}, async () => child()));
    await expect((await w.client.run(f)).result()).rejects.toThrow("WH1308");
  });

  test("a subflow beside a block waits for its turn, whichever comes first; one inside of it is refused, and so is what that one calls", async () => {
    await using w = await world();
    await w.client.setLimit("sub", 1);
    const child = flow({ name: "sub-child" }, async () => concurrency("sub", {}, async () => 1));
    const grandchild = flow({ name: "sub-middle" }, async () => child());
    const block = (): Promise<void> => concurrency("sub", {}, async () => sleep("1 hour"));
    const beside = flow({ name: "sub-beside" }, async () =>
      Promise.all([
        block(),
        child(),
        (async () => {
          await sleep("10 minutes");
          return child();
        })(),
      ]),
    );
    const run = await w.client.run(beside);
    await w.advance("2 hours");
    expect(await run.result()).toEqual([undefined, 1, 1]);
    const inside = flow({ name: "sub-inside" }, async () => concurrency("sub", {}, async () => child()));
    await expect((await w.client.run(inside)).result()).rejects.toThrow("WH1308");
    const below = flow({ name: "sub-below" }, async () => concurrency("sub", {}, async () => grandchild()));
    await expect((await w.client.run(below)).result()).rejects.toThrow("WH1308");
    await w.settled();
    expect((await w.client.limits())[0]).toMatchObject({ holders: [], waiters: [] });
  });

  test("a run that began before calls noted the blocks around them has its subflows taken for inside of every block that it holds", async () => {
    await using w = await world();
    const { log } = w.runtime.host.ports;
    const append = log.append.bind(log);
    log.append = (entry) => {
      for (const event of entry.events) if (event.type === "started") (event as { flags: readonly string[] }).flags = [];
      return append(entry);
    };
    const child = flow({ name: "old-child" }, async () => concurrency("old", {}, async () => 1));
    const inside = flow({ name: "old-inside" }, async () =>
      Promise.all([concurrency("old", {}, async () => sleep("1 hour")), sleep("10 minutes").then(() => child())]),
    );
    const run = await w.client.run(inside);
    await w.advance("2 hours");
    await expect(run.result()).rejects.toThrow("WH1308");
  });

  test("a rate grants so many a period", async () => {
    await using w = await world();
    await w.client.setLimit("api", { limit: 2, per: "1 minute" });
    const at: number[] = [];
    const call = task({ name: "call" }, async () => void at.push(w.client.ports.clock.now()));
    const f = flow({ name: "rated" }, async () => {
      for (let i = 0; i < 5; i++) {
        await rateLimit("api");
        await call();
      }
    });
    const run = await w.client.run(f);
    await w.advance("5 minutes");
    await run.result();
    const first = at[0]!;
    expect(at.map((t) => Math.round((t - first) / 60_000))).toEqual([0, 0, 1, 1, 2]);
  });
});
