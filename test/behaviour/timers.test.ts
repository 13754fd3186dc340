/** Timers find the call that set them by their id alone. */
import { expect, test } from "vitest";
import { flow, task } from "windhover";
import { inEachWorld } from "./worlds.ts";

inEachWorld("timers", (world) => {
  test("a timer finds its call, or its item, also where the call's key looks like a timer's id or like an item's", async () => {
    await using w = await world({ warmRuns: 0 });
    const tries = new Map<string, number>();
    const flaky = task({ name: "flaky-by-key", retries: 1, retryDelaySeconds: 60 }, async (of: string) => {
      tries.set(of, (tries.get(of) ?? 0) + 1);
      if (tries.get(of) === 1) throw new Error("not yet");
      return of;
    });
    const f = flow({ name: "timers-by-id" }, async () => {
      const keys = ["a", "a@1", "a/0", "a/0@1", "@", "/"];
      const calls = keys.map((key) => flaky.withOptions({ key })(key));
      const maps = ["m", "m/1", "m@2"].map((key) => flaky.withOptions({ key }).map([`${key} 0`, `${key} 1`]));
      return [await Promise.all(calls), await Promise.all(maps)];
    });
    const run = await w.client.run(f);
    await w.advance("2 minutes");
    expect(await run.result()).toEqual([["a", "a@1", "a/0", "a/0@1", "@", "/"], ["m", "m/1", "m@2"].map((key) => [`${key} 0`, `${key} 1`])]);
    expect([...tries.values()]).toEqual(Array(12).fill(2));
  });
});
