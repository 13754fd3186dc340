/** What a further try of a flow takes over from the one before, and what it does anew. */
import { expect, test } from "vitest";
import * as z from "zod";
import { flow, runInput, sleep, task, transaction, unmapped, waitForInput } from "../../sdk/index.ts";
import { createTestHarness } from "../../sdk/testing/index.ts";
import { inEachWorld } from "./worlds.ts";

const done: string[] = [];
const hold = task({ name: "hold", onRollback: (_: string, [what]) => void done.push(`undo ${what}`) }, async (what: string) => {
  done.push(what);
  return what;
});

inEachWorld("what a transaction took back", (world) => {
  test("was taken for done by the flow's next try, and taken back once more", async () => {
    await using w = await world();
    let broken = true;
    const body = async () =>
      transaction(async () => {
        const seat = await hold("seat");
        const meals = await hold.map(["soup", "cake"]);
        if (broken) throw new Error("sold out");
        return [seat, ...meals];
      });
    const always = flow({ name: "holds-and-fails", retries: 1 }, body);
    done.length = 0;
    await expect((await w.client.run(always)).result()).rejects.toThrow("sold out");
    const once = ["seat", "soup", "cake", "undo cake", "undo soup", "undo seat"];
    expect(done).toEqual([...once, ...once]);

    const run = await w.client.run(flow({ name: "holds-and-is-retried" }, body));
    await expect(run.result()).rejects.toThrow("sold out");
    broken = false;
    done.length = 0;
    expect(await (await run.retry()).result()).toEqual(["seat", "soup", "cake"]);
    expect(done).toEqual(["seat", "soup", "cake"]);
  });

  test("was taken for done by the retry of a run that was cancelled", async () => {
    await using w = await world();
    const f = flow({ name: "holds-and-is-cancelled" }, async () =>
      transaction(async () => {
        await hold("seat");
        await sleep("1 hour");
      }),
    );
    done.length = 0;
    const run = await w.client.run(f);
    await w.settled();
    await run.cancel();
    await w.settled();
    const again = await run.retry();
    await w.advance("2 hours");
    await again.result();
    expect(done).toEqual(["seat", "undo seat", "seat"]);
  });

  test("was taken over from the run before, where a retry of that run had taken it back", async () => {
    await using w = await world();
    let tries = 0;
    const f = flow({ name: "crashes-and-is-retried", retries: 1 }, async () =>
      transaction(async () => {
        await hold("seat");
        // Nothing that the log knows: the run crashes, and its transaction takes nothing back.
        if (++tries === 1) await new Promise(() => {});
        if (tries === 2) throw new Error("sold out");
        return "seated";
      }),
    );
    done.length = 0;
    const run = await w.client.run(f);
    await expect(run.result()).rejects.toThrow("WH1202");
    expect(await (await run.retry()).result()).toBe("seated");
    expect(done).toEqual(["seat", "undo seat", "seat"]);
  });

  test("was found in the cache by the flow's next try, and by other runs", async () => {
    await using w = await world();
    let made = 0;
    const options = { cacheKey: "inputs", retries: 0, onRollback: () => void made-- } as const;
    const cached = task({ name: "cached-and-taken-back", ...options }, async (n: number) => {
      made++;
      return n;
    });
    const body = async () =>
      transaction(async () => {
        const [one, ...more] = [await cached(1), ...(await cached.map([2, 3]))];
        if (broken) throw new Error("sold out");
        return [one, ...more];
      });
    let broken = true;
    await expect((await w.client.run(flow({ name: "caches-and-fails", retries: 1 }, body))).result()).rejects.toThrow("sold out");
    expect(made).toBe(0);
    broken = false;
    expect(await (await w.client.run(flow({ name: "caches-and-ends" }, body))).result()).toEqual([1, 2, 3]);
    expect(made).toBe(3);
  });

  test("what a rollback that failed left standing is not done twice", async () => {
    await using w = await world();
    let made = 0;
    const stays = task({ name: "stays", onRollback: () => Promise.reject(new Error("no way back")) }, async () => ++made);
    const f = flow({ name: "stays-done", retries: 1 }, async () =>
      transaction(async () => {
        await stays();
        throw new Error("sold out");
      }),
    );
    await expect((await w.client.run(f)).result()).rejects.toThrow("sold out");
    expect(made).toBe(1);
  });
});

const load = task({ name: "load-to-scale" }, async (n: number) => n);
const scale = task({ name: "scale" }, async (n: number, by: number) => n * by);
const publish = task({ name: "publish-scaled" }, async (...numbers: number[]) => numbers);

inEachWorld("a run that is run again", (world) => {
  const by = { parameters: z.object({ by: z.number() }) };

  test("with other parameters kept what had been made of the old ones, wherever a future was among the arguments", async () => {
    await using w = await world();
    const f = flow({ name: "scales", ...by }, async (p) => publish(await scale(load(1), p.by), ...(await scale.map(load.map([2, 3]), unmapped(p.by)))));
    const run = await w.client.run(f, { by: 2 });
    expect(await run.result()).toEqual([2, 4, 6]);
    expect(await (await run.rerunFrom("publish-scaled-0", { parameters: { by: 3 } })).result()).toEqual([3, 6, 9]);
  });

  test("with the same takes over what was made of futures, items and maps, at its second try as well", async () => {
    await using w = await world();
    let tries = 0;
    const f = flow({ name: "scales-again", retries: 1, ...by }, async (p) => {
      const numbers = load.map([2, 3]);
      const early = scale.map(numbers, unmapped(p.by));
      const all = [await scale(load(1), p.by), ...(await early), ...(await scale.map(numbers, unmapped(p.by)))];
      if (++tries < 4) throw new Error("not yet");
      return publish(...all);
    });
    const run = await w.client.run(f, { by: 2 });
    await expect(run.result()).rejects.toThrow("not yet");
    const again = await run.retry();
    expect(await again.result()).toEqual([2, 4, 6, 4, 6]);
    const reused = (events: Awaited<ReturnType<typeof w.events>>) =>
      events.flatMap((event) => (event.type === "settled" && event.label === "Reused" ? [event.call] : []));
    const calls = ["load-to-scale-0", "load-to-scale-1", "scale-0", "scale-1", "scale-2"];
    expect(reused(await w.events(run)).sort()).toEqual(calls.map((call) => `${call}~2`));
    expect(reused(await w.events(again)).sort()).toEqual(calls.flatMap((call) => [call, `${call}~2`]));
  });

  test("never asked again for an answer that had not come in time", async () => {
    await using w = await world();
    const Approval = runInput({ name: "approval-in-time", schema: z.boolean() });
    const f = flow({ name: "asks-again", retries: 1 }, async () => {
      const approved = await waitForInput(Approval, { timeout: "1 hour" });
      if (approved === null) throw new Error("nobody has answered");
      return approved;
    });
    const run = await w.client.run(f);
    await w.advance("3 hours");
    await expect(run.result()).rejects.toThrow("nobody has answered");
    const again = await run.retry();
    await w.advance("90 minutes");
    expect(await again.state()).toMatchObject({ type: "PAUSED" });
    await again.input(Approval, true);
    expect(await again.result()).toBe(true);
  });
});

test("what a transaction took back runs again wherever the process dies", async () => {
  const h = await createTestHarness();
  const counted = task({ name: "held-and-counted", onRollback: () => {} }, async (n: number) => n);
  const until = Date.parse("2026-01-01T05:00:00Z");
  const f = flow({ name: "holds-through-crashes", retries: 1, retryDelaySeconds: 36_000 }, async () =>
    transaction(async () => {
      const all = [await counted(1), ...(await counted.map([2, 3]))];
      if (Date.now() < until) throw new Error("sold out");
      return all;
    }),
  );
  expect(await h.crashEverywhere(f, {})).toEqual(expect.arrayContaining([expect.objectContaining({ type: "COMPLETED" })]));
});
