/** The whole engine with a mistake in it, bundled into one file, looks for itself in the worlds that it is given. Runs in a thread of its own. */
import { parentPort, workerData } from "node:worker_threads";
import { runSeed, undisturbed } from "../../sdk/testing/simulation.ts";
import { forget, worlds } from "./worlds.ts";

export interface Search {
  readonly worlds: readonly string[];
  readonly seeds: number;
}
/** Where the mistake showed; null when all seeds went well. */
export type Found = { readonly world: string; readonly seed: number; readonly violation: string } | null;

// A mistake may well throw where nobody expects it; that is a finding too.
process.on("unhandledRejection", () => {});

async function search({ worlds: names, seeds }: Search): Promise<Found> {
  const options = { now: Date.parse("2026-01-01T00:00:00Z"), stubs: new Map<string, (...args: never[]) => unknown>() };
  for (const name of names) {
    const world = worlds[name];
    if (!world) throw new Error(`There is no world "${name}".`);
    forget();
    let expected: readonly string[];
    try {
      expected = await undisturbed(world, options);
    } catch (error) {
      return { world: name, seed: 0, violation: (error as Error).message };
    }
    for (let seed = 1; seed <= seeds; seed++) {
      forget();
      const [violation] = (await runSeed(world, seed, options, expected)).violations;
      if (violation !== undefined) return { world: name, seed, violation };
    }
  }
  return null;
}

if (parentPort) parentPort.postMessage(await search(workerData as Search));
