/** What claims cost: nothing, as long as no process dies. */
import { expect, test } from "vitest";
import { runSeed, undisturbed } from "../../sdk/testing/simulation.ts";
import { forget, worlds } from "./worlds.ts";

const options = { now: Date.parse("2026-01-01T00:00:00Z"), stubs: new Map<string, (...args: never[]) => unknown>(), coldEvery: 0 };
/** Faults of which no process dies, and no answer is lost. */
const HARMLESS = /: (delayed|twice|late|early lease)$/;

test("a task message that was only sent twice, or late, never makes an attempt crash that may run at most once", async () => {
  const world = worlds["at-most-once-by-queue"] as (typeof worlds)[string];
  forget();
  const expected = await undisturbed(world, options);
  let harmless = 0;
  let copies = 0;
  for (let seed = 1; seed <= 400; seed++) {
    forget();
    const { endings, story, violations } = await runSeed(world, seed, options, expected);
    expect(violations, `seed ${seed}`).toEqual([]);
    if (story.length === 0 || !story.every((line) => HARMLESS.test(line))) continue;
    harmless++;
    if (story.some((line) => line.includes("tasks.enqueue") && line.endsWith("twice"))) copies++;
    expect(endings, `seed ${seed}: ${story.join("; ")}`).toEqual(expected);
  }
  expect(harmless).toBeGreaterThan(20);
  expect(copies).toBeGreaterThan(2);
});
