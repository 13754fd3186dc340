/** Makes a mistake in the sources, bundles the engine with it, and has the simulation look for it. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { build, type Plugin } from "esbuild";
import { afterAll } from "vitest";
import type { Replacement } from "./mistakes.ts";
import type { Found, Search } from "./mutant.ts";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/** As many of each world are looked at, unless a mistake says otherwise. */
export const SEEDS = 1500;
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

export async function search(name: string, edits: readonly Replacement[], what: Search): Promise<Found> {
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
