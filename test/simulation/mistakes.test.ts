/** Does the simulation find what it is there to find? Each of the model's mistakes is made in the real engine, and each must be found; and so are those that its later watches are for. */
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type Mistake, mistakes } from "./mistakes.ts";
import { ROOT, SEEDS, search } from "./search.ts";
import { slips } from "./slips.ts";

describe("the simulation finds the mistake", () => {
  test.each(mistakes.map((mistake): [string, Mistake] => [mistake.name, mistake]))("%s", async (name, { worlds, edits, seeds = SEEDS }) => {
    const found = await search(name, edits, { worlds, seeds });
    expect(found, `not found under ${seeds} seeds of ${worlds.join(", ")}`).not.toBeNull();
    console.log(`${name}: ${found?.world}, seed ${found?.seed}: ${found?.violation.slice(0, 160)}`);
  });

  test.each(slips.map((slip): [string, (typeof slips)[number]] => [slip.name, slip]))("%s, and says what is wrong", async (name, { worlds, edits, says }) => {
    const found = await search(name, edits, { worlds, seeds: SEEDS });
    expect(found?.violation).toMatch(says);
  });

  test("without a mistake nothing is found", async () => {
    expect(await search("none", [], { worlds: [...new Set([...mistakes, ...slips].flatMap(({ worlds }) => worlds))], seeds: 50 })).toBeNull();
  });

  test("the mistakes are those of the model, but for those that say why they are not", async () => {
    type Modelled = readonly [name: string, world: string, faults: object, unseen?: string];
    const { mistakes: modelled } = (await import(join(ROOT, "test/model/scenarios.mjs"))) as { readonly mistakes: readonly Modelled[] };
    expect(mistakes.map(({ name }) => name)).toEqual(modelled.filter(([, , , unseen]) => unseen === undefined).map(([name]) => name));
  });
});
