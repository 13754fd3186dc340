// npm run bench -- NAME [args]: bundles bench/NAME.ts and runs it with this Node. BENCH_DIRECTORY says on which disk.
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const [name, ...args] = process.argv.slice(2);
const names = readdirSync(join(root, "bench"))
  .filter((file) => file.endsWith(".ts"))
  .map((file) => file.slice(0, -3));
if (!name || !names.includes(name)) {
  console.error(`npm run bench -- ${names.join(" | ")}`);
  process.exit(2);
}
const { build } = await import("esbuild");
const outfile = join(root, "node_modules", ".cache", "windhover-bench", `${name}.mjs`);
mkdirSync(dirname(outfile), { recursive: true });
// Modules outside `bench` that look for files beside themselves go on looking beside their source.
const sourceUrl = {
  name: "source-url",
  setup({ onLoad }) {
    onLoad({ filter: /[\\/](test|infra)[\\/].*\.ts$/ }, async ({ path }) => ({
      // Not in lines that are texts, of which another program is made.
      contents: (await readFile(path, "utf8")).replace(/^(?!\s*["']).*$/gm, (line) =>
        line.replaceAll("import.meta.url", JSON.stringify(pathToFileURL(path).href)),
      ),
      loader: "ts",
    }));
  },
};
await build({
  entryPoints: [join(root, "bench", `${name}.ts`)],
  bundle: true,
  packages: "external",
  platform: "node",
  format: "esm",
  outfile,
  plugins: [sourceUrl],
  logLevel: "error",
});
const { status } = spawnSync(process.execPath, ["--expose-gc", outfile, ...args], { stdio: "inherit" });
process.exit(status ?? 1);
