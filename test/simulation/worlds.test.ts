/**
 * Every world under thousands of seeds. One seed alone: `WORLD=limit SEED=123 npx vitest run test/simulation/worlds.test.ts` tells its story; `SEEDS=100000` runs that many in all.
 */
import { afterAll, describe, expect, test } from "vitest";
import { runSeed, undisturbed } from "../../sdk/testing/simulation.ts";
import { forget, worlds } from "./worlds.ts";

const { WORLD, SEED, SEEDS = "20480" } = process.env;
const NOW = Date.parse("2026-01-01T00:00:00Z");
const options = { now: NOW, stubs: new Map<string, (...args: never[]) => unknown>() };
const chosen = Object.entries(worlds).filter(([name]) => WORLD === undefined || name === WORLD);
const first = SEED === undefined ? 1 : Number(SEED);
const each = SEED === undefined ? Math.ceil(Number(SEEDS) / chosen.length) : 1;

const alone = (name: string, seed: number): string => `WORLD=${name} SEED=${seed} npx vitest run --project here test/simulation/worlds.test.ts`;

describe("the simulated world", () => {
  let total = 0;
  afterAll(() => console.log(`simulation: ${total} seeds in ${chosen.length} worlds`));

  test.each(chosen)(
    "%s ends as it does undisturbed, whatever happens",
    async (name, world) => {
      forget();
      const expected = await undisturbed(world, options);
      const failures: string[] = [];
      for (let seed = first; seed < first + each && failures.length < 3; seed++) {
        forget();
        total++;
        const { violations, story } = await runSeed(world, seed, options, expected);
        if (violations.length > 0) failures.push(`${alone(name, seed)}: ${violations.join("; ")}\n  ${story.join("\n  ")}`);
      }
      expect(failures.join("\n")).toBe("");
    },
    600_000,
  );
});

test("a seed tells the same story every time", async () => {
  const world = worlds["limit"] as (typeof worlds)[string];
  for (const seed of [3, 17, 40]) {
    forget();
    const once = await runSeed(world, seed, options);
    forget();
    expect(await runSeed(world, seed, options)).toEqual(once);
  }
});
