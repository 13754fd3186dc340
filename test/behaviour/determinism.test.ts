/** What a flow's body sees of the world: the log's time, the run's random numbers, and nothing that a replay would see otherwise. */
import timers from "node:timers";
import { setInterval as every, setTimeout as later, scheduler, setImmediate as soon } from "node:timers/promises";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { flow, log, sleep, task } from "../../sdk/index.ts";
import { inEachWorld, START } from "./worlds.ts";

const echo = task({ name: "echo" }, async (value: number) => value);

inEachWorld("determinism", (world) => {
  test("the body is deterministic: time, random numbers and ids come from the log", async () => {
    await using w = await world({ warmRuns: 0 });
    const seen: unknown[][] = [];
    const f = flow({ name: "deterministic" }, async () => {
      const values: unknown[] = [Date.now(), new Date().toISOString(), Math.random(), crypto.randomUUID()];
      await echo(1);
      values.push(Math.random(), Date.now());
      await new Promise((resolve) => setTimeout(resolve, 60_000));
      values.push(Date.now());
      seen.push(values);
      return values;
    });
    const run = await w.client.run(f);
    await w.advance("2 minutes");
    const result = (await run.result()) as unknown[];
    expect(result[0]).toBe(START);
    expect(result[6]).toBe(START + 60_000);
    for (const values of seen) expect(values).toEqual(result);
  });

  test("awaiting something that is not durable is an error that says so", async () => {
    await using w = await world();
    const f = flow({ name: "awaits-nothing" }, async () => {
      await new Promise(() => {});
    });
    const run = await w.client.run(f);
    await expect(run.result()).rejects.toThrow("WH1202");
    expect((await run.state()).type).toBe("CRASHED");
    const g = flow({ name: "fetches" }, async () => {
      await fetch("http://127.0.0.1:1/");
    });
    await expect((await w.client.run(g)).result()).rejects.toThrow(/WH1203/);
  });

  test("timers of every kind are durable sleeps in a flow's body, and what repeats or can be taken back by a signal is refused", async () => {
    let w = await world();
    const f = flow({ name: "times" }, async () => {
      const from = Date.now();
      const got = [await later(60_000, "a"), await promisify(globalThis.setTimeout)(60_000, "b"), await soon("c")];
      await scheduler.wait(60_000);
      await scheduler.yield();
      await new Promise<void>((resolve) => timers.setTimeout(resolve, 60_000));
      return [...got, Date.now() - from];
    });
    const run = await w.client.run(f);
    await w.advance("90 seconds");
    w = await w.restart();
    await w.advance("1 hour");
    expect(await w.client.get(run.id).result()).toEqual(["a", "b", "c", 240_000]);
    const repeats = flow({ name: "repeats" }, async () => {
      for await (const _ of every(1000)) return 1;
      return 0;
    });
    await expect((await w.client.run(repeats)).result()).rejects.toThrow("WH1203");
    const signalled = flow({ name: "signalled" }, async () => later(1000, 1, { signal: new AbortController().signal }));
    await expect((await w.client.run(signalled)).result()).rejects.toThrow("WH1203");
    // Outside a flow's body they are what they were.
    expect(await later(1, "outside")).toBe("outside");
    await w[Symbol.asyncDispose]();
  });

  test("changed code under an open run is found before any side effect, with expected, got and the line", async () => {
    let w = await world();
    let changed = false;
    let ran = 0;
    const other = task({ name: "other" }, async () => ++ran);
    const f = flow({ name: "changes" }, async () => {
      if (changed) await other();
      await echo(1);
      await sleep("1 hour");
      return "end";
    });
    const run = await w.client.run(f);
    await w.settled();
    changed = true;
    w = await w.restart();
    await w.advance("2 hours");
    const again = w.client.get(run.id);
    await expect(again.result()).rejects.toThrow(/WH1201.*task echo-0.*task other-0.*determinism\.test\.ts/);
    expect([(await again.state()).type, ran]).toEqual(["CRASHED", 0]);
    await w[Symbol.asyncDispose]();
  });

  test("a timer that is set where a flow's log lines are written is none of the flow's", async () => {
    await using w = await world({ onLog: () => void setTimeout(() => {}, 0) });
    const f = flow({ name: "is-listened-to" }, async () => {
      log.info("heard");
      return 1;
    });
    const run = await w.client.run(f);
    expect(await run.result()).toBe(1);
    expect((await w.events(run)).filter((event) => event.type === "called")).toEqual([]);
  });
});
