/** A cancel, a pause or a timeout that comes when a run is about to end, to begin again or to go on as another. */
import { expect, test } from "vitest";
import * as z from "zod";
import { flow, runInput, sleep } from "../../sdk/index.ts";
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
