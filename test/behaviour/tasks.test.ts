import { expect, test } from "vitest";
import * as z from "zod";
import { exponential, FailNow, flow, RetryAfter, runContext, sleep, task, WindhoverError } from "../../sdk/index.ts";
import { inEachWorld } from "./worlds.ts";

const add = task({ name: "add" }, async (a: number, b: number) => a + b);

inEachWorld("tasks", (world) => {
  test("a chain runs inline, and its steps are in the log in order", async () => {
    await using w = await world();
    const chain = flow({ name: "chain" }, async () => {
      let value = 0;
      for (let i = 0; i < 5; i++) value = await add(value, 1);
      return value;
    });
    const run = await w.client.run(chain);
    expect(await run.result()).toBe(5);
    const events = await w.events(run);
    expect(events.filter((e) => e.type === "attempted").map((e) => [e.call, e.where])).toEqual(Array.from({ length: 5 }, (_, i) => [`add-${i}`, "inline"]));
    expect(events.filter((e) => e.type === "settled")).toHaveLength(5);
  });

  test("a future as an argument makes a dependency, and is not awaited by the flow", async () => {
    await using w = await world();
    const edges = flow({ name: "edges" }, async () => add(add(1, 2), add(3, add(4, 5))));
    const run = await w.client.run(edges);
    expect(await run.result()).toBe(15);
  });

  test("what an upstream task throws fails those that need it, without running them", async () => {
    await using w = await world();
    const bad = task({ name: "bad" }, async (): Promise<number> => {
      throw new Error("no data");
    });
    const downstream = flow({ name: "downstream" }, async () => {
      const state = await add(bad(), 1).state();
      return [state.type, state.name, state.type === "FAILED" ? state.error.message : ""];
    });
    const run = await w.client.run(downstream);
    const [type, name, message] = (await run.result()) as string[];
    expect([type, name]).toEqual(["FAILED", "NotReady"]);
    expect(message).toContain("WH1404");
  });

  test("retries are counted, delayed by the list, and end with the last error", async () => {
    await using w = await world();
    const seen: number[] = [];
    const flaky = task({ name: "flaky", retries: 3, retryDelaySeconds: [1, 10] }, async (fails: number) => {
      seen.push(w.client.ports.clock.now());
      if (seen.length <= fails) throw new Error(`try ${seen.length}`);
      return "ok";
    });
    const once = flow({ name: "retry-once" }, async () => flaky(2));
    const run = await w.client.run(once);
    await w.advance("1 minute");
    expect(await run.result()).toBe("ok");
    expect([seen[1]! - seen[0]!, seen[2]! - seen[1]!]).toEqual([1000, 10_000]);
    seen.length = 0;
    const never = flow({ name: "retry-never" }, async () => flaky(9));
    const failing = await w.client.run(never);
    await w.advance("5 minutes");
    await expect(failing.result()).rejects.toThrow("try 4");
    expect(seen).toHaveLength(4);
  });

  test("FailNow is not retried, RetryAfter sets its own delay, a condition may refuse", async () => {
    await using w = await world();
    const runs: Record<string, number[]> = { now: [], after: [], refused: [] };
    const failNow = task({ name: "fail-now", retries: 5 }, async () => {
      runs["now"]!.push(1);
      throw new FailNow("wrong password");
    });
    const retryAfter = task({ name: "retry-after", retries: 1, retryDelaySeconds: 1 }, async () => {
      runs["after"]!.push(w.client.ports.clock.now());
      if (runs["after"]!.length === 1) throw new RetryAfter("2 minutes");
      return 1;
    });
    const refused = task({ name: "refused", retries: 5, retryCondition: (error) => (error as Error).message !== "stop" }, async () => {
      runs["refused"]!.push(1);
      throw new Error("stop");
    });
    const all = flow({ name: "verdicts" }, async () => (await Promise.all([failNow().state(), retryAfter().state(), refused().state()])).map((s) => s.type));
    const run = await w.client.run(all);
    await w.advance("10 minutes");
    expect(await run.result()).toEqual(["FAILED", "COMPLETED", "FAILED"]);
    expect([runs["now"]!.length, runs["refused"]!.length]).toEqual([1, 1]);
    expect(runs["after"]![1]! - runs["after"]![0]!).toBe(120_000);
  });

  test("exponential delays double up to their maximum", () => {
    expect(exponential(2, { maxSeconds: 10 }).slice(0, 5)).toEqual([2, 4, 8, 10, 10]);
  });

  test("a task that takes too long is timed out, and its signal fires", async () => {
    await using w = await world();
    let aborted = false;
    const slow = task({ name: "slow", timeoutSeconds: 5 }, async () => {
      const { signal } = runContext().task!;
      signal.addEventListener("abort", () => {
        aborted = true;
      });
      await new Promise(() => {});
    });
    const timed = flow({ name: "timed" }, async () => {
      const state = await slow().state();
      return state.name;
    });
    const run = await w.client.run(timed);
    await w.advance("10 seconds");
    expect(await run.result()).toBe("TimedOut");
    expect(aborted).toBe(true);
  });

  test("the idempotency key stays the same over attempts and differs between calls", async () => {
    await using w = await world();
    const keys: string[] = [];
    const keyed = task({ name: "keyed", retries: 1 }, async () => {
      keys.push(runContext().task!.idempotencyKey);
      if (keys.length === 1) throw new Error("again");
    });
    const twice = flow({ name: "keys" }, async () => {
      await keyed();
      await keyed();
    });
    await (await w.client.run(twice)).result();
    expect(keys[0]).toBe(keys[1]);
    expect(keys[2]).not.toBe(keys[0]);
  });

  test("a result that cannot be stored fails with the path to what is wrong, and is not retried", async () => {
    await using w = await world();
    class Connection {}
    let runs = 0;
    const odd = task({ name: "odd", retries: 3 }, async () => {
      runs++;
      return { rows: [1, new Connection()] };
    });
    const f = flow({ name: "odd-result" }, async () => odd());
    await expect((await w.client.run(f)).result()).rejects.toThrow(/WH1102.*rows\[1\]/);
    expect(runs).toBe(1);
  });

  test("results come back as copies: a flow sees the same on its first run as on a replay", async () => {
    await using w = await world();
    const rich = task({ name: "rich" }, async () => ({ at: new Date(0), tags: new Set(["a"]), big: 10n, nothing: undefined, error: new TypeError("x") }));
    const f = flow({ name: "copies" }, async () => {
      const value = await rich();
      return [value.at instanceof Date, value.tags instanceof Set, value.big === 10n, "nothing" in value, value.error instanceof TypeError];
    });
    expect(await (await w.client.run(f)).result()).toEqual([true, true, true, true, true]);
  });

  test("a failure that nobody awaited fails the run", async () => {
    await using w = await world();
    const bad = task({ name: "unseen" }, async () => {
      throw new Error("lost");
    });
    const f = flow({ name: "forgets" }, async () => {
      void bad();
      await add(1, 1);
      return "fine";
    });
    await expect((await w.client.run(f)).result()).rejects.toThrow("WH1406");
  });

  test("a flow ends only when everything that it started has ended", async () => {
    await using w = await world();
    let release: (() => void) | undefined;
    const held = task(
      { name: "held" },
      () =>
        new Promise<string>((resolve) => {
          release = () => resolve("late");
        }),
    );
    const f = flow({ name: "does-not-wait" }, async () => {
      void held();
      return "returned";
    });
    const run = await w.client.run(f);
    await w.settled();
    expect((await run.state()).type).toBe("RUNNING");
    release?.();
    expect(await run.result()).toBe("returned");
  });

  test("caching: by inputs, with an expiry, refreshed on demand, and never a failure", async () => {
    await using w = await world();
    let runs = 0;
    const cached = task({ name: "cached", cacheKey: "inputs", cacheExpirationSeconds: 60 }, async (n: number) => {
      runs++;
      if (n < 0) throw new Error("negative");
      return n * 2;
    });
    const f = flow({ name: "uses-cache" }, async () => {
      const first = await cached(2);
      const state = await cached(2).state();
      const fresh = await cached.withOptions({ refreshCache: true })(2);
      const failed = [await cached(-1).state(), await cached(-1).state()].map((s) => s.type);
      return [first, state.name, fresh, failed];
    });
    expect(await (await w.client.run(f)).result()).toEqual([4, "Cached", 4, ["FAILED", "FAILED"]]);
    expect(runs).toBe(4);
    await w.advance("2 minutes");
    const again = flow({ name: "after-expiry" }, async () => (await cached(2).state()).name);
    expect(await (await w.client.run(again)).result()).toBe("Completed");
  });

  test("withOptions gives the same task other options, also inside a flow", async () => {
    await using w = await world();
    let runs = 0;
    const flaky = task({ name: "other-options", retries: 0 }, async () => {
      runs++;
      if (runs < 3) throw new Error("not yet");
      return runs;
    });
    const f = flow({ name: "with-options" }, async () => flaky.withOptions({ retries: 5, retryDelaySeconds: 30, name: "renamed" })());
    const run = await w.client.run(f);
    await w.advance("2 minutes");
    expect(await run.result()).toBe(3);
    expect((await w.events(run)).some((e) => e.type === "called" && e.call === "renamed-0")).toBe(true);
  });

  test("a function option inside a flow is refused with WH1009", async () => {
    await using w = await world();
    const f = flow({ name: "function-option" }, async () => add.withOptions({ retryCondition: () => true })(1, 2));
    await expect((await w.client.run(f)).result()).rejects.toThrow("WH1009");
  });

  test("waitFor orders calls that share no data", async () => {
    await using w = await world();
    const order: string[] = [];
    const note = task({ name: "note" }, async (what: string) => void order.push(what));
    const f = flow({ name: "ordered" }, async () => {
      const first = note("first");
      const second = note.withOptions({ waitFor: [first] })("second");
      await note.withOptions({ waitFor: [first, second] })("third");
    });
    await (await w.client.run(f)).result();
    expect(order).toEqual(["first", "second", "third"]);
  });

  test("keys name calls; the same key twice is refused", async () => {
    await using w = await world();
    const f = flow({ name: "keyed-calls" }, async () => {
      await add.withOptions({ key: "paris" })(1, 1);
      await add.withOptions({ key: "paris" })(2, 2);
    });
    const run = await w.client.run(f);
    await expect(run.result()).rejects.toThrow("WH1010");
    expect((await w.events(run)).some((e) => e.type === "called" && e.call === "add:paris")).toBe(true);
  });

  test("a task finds the flow's parameters in its context also where they are too long for the log", async () => {
    let w = await world();
    const look = task({ name: "looks-at-parameters" }, async (_: number) => (runContext().parameters as { text: string }).text.length);
    const f = flow({ name: "long-parameters", parameters: z.object({ text: z.string() }) }, async () => {
      const inline = await look(1);
      await sleep("1 hour");
      return [inline, ...(await Promise.all([look(2), look(3)])), ...(await look.map([4]))];
    });
    const run = await w.client.run(f, { text: "x".repeat(10_000) });
    await w.settled();
    w = await w.restart();
    await w.advance("2 hours");
    expect(await w.client.get(run.id).result()).toEqual([10_000, 10_000, 10_000, 10_000]);
    await w[Symbol.asyncDispose]();
  });

  test("a task in a pool goes by that pool's queue", async () => {
    await using w = await world();
    const heavy = task({ name: "heavy", pool: "big" }, async () => "done");
    const f = flow({ name: "pooled" }, async () => heavy());
    const run = await w.client.run(f);
    expect(await run.result()).toBe("done");
    expect((await w.events(run)).find((e) => e.type === "attempted")).not.toHaveProperty("where");
  });

  test("a flow's pool is that of its tasks and maps that name none, never inline; subflows have their own", async () => {
    await using w = await world();
    const plain = task({ name: "in-the-flows-pool" }, async (n: number) => n);
    const own = task({ name: "in-its-own-pool", pool: "small" }, async (n: number) => n);
    const inner = flow({ name: "pooled-inner" }, async () => plain(3));
    const outer = flow({ name: "pooled-outer", pool: "big" }, async () => [await plain(1), await own(2), ...(await plain.map([4, 5])), await inner()]);
    const run = await w.client.run(outer);
    expect(await run.result()).toEqual([1, 2, 4, 5, 3]);
    const events = (await w.client.history(run.id)).flatMap((entry) => [...entry.events, ...entry.effects]);
    expect(events.flatMap((e) => ("do" in e && e.do === "task" ? [e.pool] : []))).toEqual(["big", "small", "big", "big"]);
    expect(events.filter((e) => "do" in e && e.do === "inline")).toEqual([]);
    const [child] = (await w.client.runs({ flow: "pooled-inner" })).runs;
    expect((await w.events(child?.id as string)).find((e) => e.type === "attempted")).toHaveProperty("where", "inline");
  });

  test("a flow's persistResult: false is refused, by itself and by withOptions", () => {
    expect(() => flow({ name: "keeps-nothing", persistResult: false }, async () => 1)).toThrow("WH1003");
    const f = flow({ name: "keeps-all", persistResult: true }, async () => 1);
    expect(() => f.withOptions({ name: "keeps-less", persistResult: false })).toThrow("WH1003");
  });

  test("persistResult: false keeps no result in the log, and a cold run computes it again", async () => {
    await using w = await world({ warmRuns: 0 });
    let runs = 0;
    const big = task({ name: "not-stored", persistResult: false }, async () => {
      runs++;
      return { secret: "s".repeat(100) };
    });
    const f = flow({ name: "transient" }, async () => {
      const value = await big();
      await sleep("1 minute");
      return value.secret.length;
    });
    const run = await w.client.run(f);
    await w.advance("2 minutes");
    expect(await run.result()).toBe(100);
    expect(JSON.stringify(await w.events(run))).not.toContain("sssss");
    expect(runs).toBeGreaterThan(1);
  });

  test("bad options are refused where they are written", () => {
    const make = (options: object) => () => task({ name: "t", ...options } as never, async () => {});
    expect(make({ retries: -1 })).toThrow(/WH1003.*retries/);
    expect(make({ retries: 1.5 })).toThrow("WH1003");
    expect(make({ timeoutSeconds: 0 })).toThrow("WH1003");
    expect(make({ retry: 3 })).toThrow(/WH1003.*"retry"/);
    expect(make({ refreshCache: "yes" })).toThrow(/WH1003.*refreshCache/);
    expect(() => task({} as never, async () => {})).toThrow("WH1001");
    expect(() => task({ name: "" }, async () => {})).toThrow(WindhoverError);
  });

  test("an option that would do nothing is refused: a call's at a definition, a task's at a flow, a cache's without a key", () => {
    const ofTask = (options: object) => () => task({ name: "t", ...options } as never, async () => {});
    const ofFlow = (options: object) => () => flow({ name: "f", ...options } as never, async () => {});
    expect(ofTask({ mapConcurrency: 2 })).toThrow(/WH1003.*"mapConcurrency".*withOptions/);
    expect(ofTask({ parameters: {} })).toThrow(/WH1003.*"parameters"/);
    expect(ofTask({ cacheExpirationSeconds: 60 })).toThrow(/WH1003.*cacheKey/);
    const keyless = task({ name: "keyless" }, async () => {});
    expect(() => keyless.withOptions({ cacheExpirationSeconds: 60 })).toThrow(/WH1003.*cacheKey/);
    expect(() => keyless.withOptions({ cacheExpirationSeconds: 60, onCompletion: [() => {}] })).toThrow(/WH1003.*cacheKey/);
    expect(() => keyless.withOptions({ cacheKey: "inputs" }).withOptions({ cacheExpirationSeconds: 60 })).not.toThrow();
    expect(ofFlow({ cacheKey: "inputs" })).toThrow(/WH1003.*"cacheKey"/);
    expect(ofFlow({ crashRetries: 0 })).toThrow(/WH1003.*"crashRetries"/);
    const f = flow({ name: "options-of-flow" }, async () => 1);
    expect(() => f.withOptions({ mapConcurrency: 2 })).toThrow(/WH1003.*"mapConcurrency"/);
  });

  test("a key goes with the call also where a flow is given another name", async () => {
    await using w = await world();
    const child = flow({ name: "keyed-child" }, async () => 1).withOptions({ name: "keyed-renamed", key: "one" });
    const f = flow({ name: "calls-keyed" }, async () => child().then(() => 2));
    const run = await w.client.run(f);
    await run.result();
    expect((await w.events(run)).find((event) => event.type === "called")).toMatchObject({ call: "keyed-renamed:one" });
  });
});
