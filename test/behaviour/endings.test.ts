/** A cancel, a pause or a timeout that comes when a run is about to end, to begin again or to go on as another. */
import { expect, test } from "vitest";
import * as z from "zod";
import { continueAsNew, flow, runInput, sleep, task, transaction } from "../../sdk/index.ts";
import { inEachWorld } from "./worlds.ts";

inEachWorld("a run that waits for its next try", (world) => {
  const begun: number[] = [];
  const failing = flow({ name: "fails-once-an-hour", retries: 1, retryDelaySeconds: 3600 }, async () => {
    begun.push(Date.now());
    if (begun.length === 1) throw new Error("not yet");
    return "done";
  });
  const pausedFor = async (w: Awaited<ReturnType<typeof world>>, duration: string) => {
    begun.length = 0;
    const run = await w.client.run(failing);
    await w.advance("1 minute");
    await run.pause();
    await w.advance(duration);
    expect(await run.state()).toMatchObject({ type: "PAUSED", name: "Paused" });
    expect(begun).toHaveLength(1);
    return run;
  };

  test.each([
    ["10 minutes", "AwaitingRetry", 3600],
    ["2 hours", "Completed", 7260],
  ])("could not be paused, and began all the same: it was paused for %s", async (duration, name, seconds) => {
    await using w = await world();
    const run = await pausedFor(w, duration);
    await run.resume();
    await w.settled();
    expect((await run.state()).name).toBe(name);
    await w.advance("1 hour");
    expect(await run.result()).toBe("done");
    expect(((begun[1] ?? 0) - (begun[0] ?? 0)) / 1000).toBe(seconds);
    expect(w.errors).toEqual([]);
  });

  test("is cancelled while it is paused", async () => {
    await using w = await world();
    const run = await pausedFor(w, "10 minutes");
    await run.cancel();
    await w.advance("2 hours");
    expect(await run.state()).toMatchObject({ type: "CANCELLED" });
    expect(begun).toHaveLength(1);
    expect(w.errors).toEqual([]);
  });
});

inEachWorld("a run that has not started", (world) => {
  test("took a pause or an input without a word, and nobody remembered it", async () => {
    await using w = await world();
    const Go = runInput({ name: "go-before-it-starts", schema: z.boolean() });
    const later = flow({ name: "starts-later" }, async () => "done");
    const run = await w.client.run(later, {}, { scheduledTime: new Date(w.client.ports.clock.now() + 3_600_000) });
    await expect(run.pause()).rejects.toThrow(/WH2064.*Scheduled/);
    await expect(run.input(Go, true)).rejects.toThrow("WH2064");
    await w.advance("1 hour");
    expect(await run.result()).toBe("done");

    const long = flow({ name: "takes-an-hour" }, async () => sleep("1 hour"));
    const one = long.deployment({ name: "one-at-a-time", concurrency: { limit: 1 } });
    const [, waiting] = [await w.client.run(one), await w.client.run(one)];
    await w.settled();
    await expect(waiting.pause()).rejects.toThrow(/WH2064.*AwaitingConcurrencySlot/);
    await w.advance("1 hour");
    await waiting.pause();
  });
});

inEachWorld("while a flow's hook runs", (world) => {
  test.each(["cancel", "pause"] as const)("%s left the run Cancelling for ever, or ended the hook", async (what) => {
    await using w = await world();
    let open = (): void => {};
    let entered = (): void => {};
    const [gate, inside] = [new Promise<void>((resolve) => (open = resolve)), new Promise<void>((resolve) => (entered = resolve))];
    let hooks = 0;
    const onCompletion = [
      async () => {
        entered();
        await gate;
        hooks++;
      },
      async () => void hooks++,
    ];
    const f = flow({ name: `ends-with-a-hook-${what}`, timeoutSeconds: 60, onCompletion }, async () => "done");
    const run = await w.client.run(f);
    await inside;
    await run[what]();
    open();
    await w.advance("2 minutes");
    if (what === "pause") {
      await run.cancel();
      await w.settled();
    }
    expect(await run.state()).toMatchObject({ type: "COMPLETED", result: "done" });
    expect(hooks).toBe(2);
    expect(w.errors).toEqual([]);
  });
});

inEachWorld("continueAsNew", (world) => {
  const again = { parameters: z.object({ n: z.number().default(0) }) };
  test("after a cancel, or a timeout, that the flow's code had swallowed kept the turn from ending", async () => {
    await using w = await world();
    const body = async ({ n }: { n: number }): Promise<void> => {
      await sleep("1 hour").catch(() => {});
      continueAsNew({ n: n + 1 });
    };
    const cancelled = await w.client.run(flow({ name: "polls-and-is-cancelled", ...again }, body));
    const late = await w.client.run(flow({ name: "polls-and-is-late", timeoutSeconds: 60, ...again }, body));
    await w.settled();
    await cancelled.cancel();
    await w.advance("2 minutes");
    expect(await cancelled.state()).toMatchObject({ type: "CANCELLED" });
    expect(await late.state()).toMatchObject({ type: "FAILED", name: "TimedOut" });
    expect((await w.client.runs()).runs).toHaveLength(2);
    expect(w.errors).toEqual([]);
  });

  test("a failure that nobody had seen was lost with the run that went on", async () => {
    await using w = await world();
    const fail = task({ name: "fails-unseen" }, async () => {
      throw new Error("no connection");
    });
    const f = flow({ name: "goes-on-unseen", ...again }, async ({ n }) => {
      if (n > 0) return n;
      void fail();
      await sleep("1 minute");
      continueAsNew({ n: 1 });
    });
    const run = await w.client.run(f);
    await w.advance("2 minutes");
    await expect(run.result()).rejects.toThrow(/WH1406.*fails-unseen/);
  });

  test("what is open is dropped, and a transaction around it takes back", async () => {
    await using w = await world();
    const undone: number[] = [];
    const seat = task({ name: "seat-and-go-on", onRollback: (n: number) => void undone.push(n) }, async (n: number) => n);
    const child = flow({ name: "child-that-is-left" }, async () => sleep("1 day"));
    const f = flow({ name: "goes-on-in-a-transaction", ...again }, async ({ n }): Promise<number> => {
      if (n > 0) return n;
      void child();
      return transaction(async () => {
        await seat(7);
        return continueAsNew({ n: 1 });
      });
    });
    expect(await (await w.client.run(f)).result()).toBe(1);
    await w.settled();
    expect(undone).toEqual([7]);
    expect((await w.client.runs({ flow: "child-that-is-left" })).runs[0]?.state.type).toBe("CANCELLED");
  });
});
