/** Worlds in which a run is paused for as long as it likes: nothing new starts until somebody resumes it, and then nothing is missing. */
import { LIMITS } from "../../engine/limits.ts";
import { concurrency, flow, sleep, task, waitForInput } from "../../sdk/index.ts";
import type { PortsClient } from "../../sdk/ports-client.ts";
import { entriesOf } from "../../sdk/testing/endings.ts";
import type { Scenario } from "../../sdk/testing/simulation.ts";
import { Answer } from "./basic-worlds.ts";
import { double, flaky, get, isEnd, numbered, one, several, sum } from "./cast.ts";

export const worlds: Record<string, Scenario> = {};

/** Paused at some moment; resumed when nothing happens any more. That its time is up does not start anything either. */
const paused: Pick<Scenario, "acts" | "next"> = {
  acts: [(client) => get(client).pause()],
  next: async (client) => {
    await get(client)
      .resume()
      .catch(() => {});
    return [];
  },
};

const short = task({ name: "short-of-slots", tags: ["short"] }, async (n: number) => n + 1);
const mapShort = flow({ name: "map-short", parameters: numbered }, async ({ n }) => {
  const many = short.map([n, n + 1, n + 2]);
  return sum(await double.map(many));
});
worlds["map-limit-long-pause"] = {
  async begin(client) {
    await client.setLimit("short", 1);
    return several(mapShort, 2)(client);
  },
  slots: { short: 1 },
  ...paused,
};
const chunky = flow({ name: "chunky" }, async () =>
  sum(await double.withOptions({ mapConcurrency: 3 }).map(flaky.map([1, 2, 3, 4, 5], ["l1", "l2", "l3", "l4", "l5"]))),
);
worlds["map-long-pause"] = {
  begin(client) {
    (LIMITS as { mapChunks: number }).mapChunks = 2;
    return one(chunky)(client);
  },
  ...paused,
};
const hooked = task({ name: "hooked-in-pause", onCompletion: [async () => {}], onRunning: [async () => {}] }, async (n: number) => n);
const everything = flow({ name: "everything-paused", onCompletion: [async () => {}] }, async () => {
  // All at once, so that nothing of it fails unseen when the run is cancelled.
  const asked = async (): Promise<unknown> => (await waitForInput(Answer, { timeout: "1 hour" })) ?? 0;
  const slept = sleep("10 minutes").then(() => double(2));
  return Promise.all([hooked(1), slept, asked(), concurrency("paused-slot", {}, async () => flaky(3, "everything"))]);
});
const withSlot = async (client: PortsClient) => {
  await client.setLimit("paused-slot", 1);
  return one(everything)(client);
};
worlds["long-pause"] = { begin: withSlot, slots: { "paused-slot": 1 }, ...paused };
/** Paused, perhaps, while it waits for its next try: that does not begin before the resume, and not before its time. */
const READY = Date.parse("2026-01-01T00:15:00Z");
const again = flow({ name: "again-after-pause", retries: 3, retryDelaySeconds: 600, onCompletion: [async () => {}] }, async () => {
  const n = await double(1);
  if (Date.now() < READY) throw new Error("not yet");
  return double(n);
});
worlds["retry-long-pause"] = { begin: one(again), ...paused };
worlds["retry-long-pause-cancel"] = {
  begin: one(again),
  acts: [(client) => get(client).pause()],
  async next(client) {
    await get(client)
      .cancel()
      .catch(() => {});
    return [];
  },
  mayEnd: isEnd("CANCELLED", "COMPLETED 4"),
  check: (world) => (entriesOf(world, "run:r1").some(({ events }) => events.some(({ type }) => type === "ended")) ? undefined : "it has not ended"),
};
/** What waited for the resume, and is not the author's, does not keep a cancelled run from ending. */
worlds["long-pause-cancel"] = {
  begin: withSlot,
  slots: { "paused-slot": 1 },
  acts: [(client) => get(client).pause()],
  async next(client) {
    await get(client)
      .cancel()
      .catch(() => {});
    return [];
  },
  mayEnd: isEnd("CANCELLED", "COMPLETED [1,4,0,4]"),
  check: (world) => (entriesOf(world, "run:r1").some(({ events }) => events.some(({ type }) => type === "ended")) ? undefined : "it has not ended"),
};
