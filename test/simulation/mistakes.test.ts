/** Does the simulation find what it is there to find? Each of the model's mistakes is made in the real engine, and each must be found. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { build, type Plugin } from "esbuild";
import { afterAll, describe, expect, test } from "vitest";
import { type Mistake, mistakes, type Replacement } from "./mistakes.ts";
import type { Found, Search } from "./mutant.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const SEEDS = 1500;
const places = mkdtempSync(join(tmpdir(), "windhover-mistakes-"));
afterAll(() => rmSync(places, { recursive: true, force: true }));

const replacing = (edits: readonly Replacement[]): Plugin => ({
  name: "mistake",
  setup(bundler) {
    const used = new Set<Replacement>();
    bundler.onLoad({ filter: /\.ts$/ }, ({ path }) => {
      const own = edits.filter(({ file }) => file === relative(ROOT, path));
      if (own.length === 0) return undefined;
      let contents = readFileSync(path, "utf8");
      for (const edit of own) {
        const parts = contents.split(edit.find);
        if (parts.length !== 2) throw new Error(`${edit.file} has the snippet ${parts.length - 1} times, not once: ${edit.find}`);
        contents = parts.join(edit.replace);
        used.add(edit);
      }
      return { contents, loader: "ts" };
    });
    bundler.onEnd(() => {
      const missed = edits.find((edit) => !used.has(edit));
      if (missed) throw new Error(`${missed.file} is not part of the bundle`);
    });
  },
});

async function search(name: string, edits: readonly Replacement[], what: Search): Promise<Found> {
  const outfile = join(places, `${name.replaceAll(/\W+/g, "-")}.mjs`);
  await build({
    entryPoints: [join(ROOT, "test/simulation/mutant.ts")],
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    outfile,
    external: ["libsql", "esbuild"],
    logLevel: "silent",
    plugins: [replacing(edits)],
  });
  const worker = new Worker(outfile, { workerData: what });
  try {
    return await new Promise((resolve, reject) => {
      worker.once("message", resolve);
      worker.once("error", reject);
    });
  } finally {
    await worker.terminate();
  }
}

describe("the simulation finds the mistake", () => {
  test.each(mistakes.map((mistake): [string, Mistake] => [mistake.name, mistake]))("%s", async (name, { worlds, edits, seeds = SEEDS }) => {
    const found = await search(name, edits, { worlds, seeds });
    expect(found, `not found under ${seeds} seeds of ${worlds.join(", ")}`).not.toBeNull();
    console.log(`${name}: ${found?.world}, seed ${found?.seed}: ${found?.violation.slice(0, 160)}`);
  });

  test("without a mistake nothing is found", async () => {
    expect(await search("none", [], { worlds: [...new Set(mistakes.flatMap(({ worlds }) => worlds))], seeds: 50 })).toBeNull();
  });

  test("the mistakes are those of the model, but for those that say why they are not", async () => {
    type Modelled = readonly [name: string, world: string, faults: object, unseen?: string];
    const { mistakes: modelled } = (await import(join(ROOT, "test/model/scenarios.mjs"))) as { readonly mistakes: readonly Modelled[] };
    expect(mistakes.map(({ name }) => name)).toEqual(modelled.filter(([, , , unseen]) => unseen === undefined).map(([name]) => name));
  });
});
