/**
 * Bundles a user's entries to one temporary module. Their own files are in it, with source maps; packages stay outside, found from the file that imports them;
 * `windhover` is always the copy that this command is part of, so that there is one registry of flows and one scope.
 */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { isBuiltin } from "node:module";
import { tmpdir } from "node:os";
import { dirname, extname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { BuildFailure, Loader, OnLoadResult, OnResolveArgs, OnResolveResult, Plugin, PluginBuild } from "esbuild";
import { WindhoverError } from "../engine/errors.ts";

export interface Bundle {
  /** The module to import. */
  readonly url: string;
  /** The user's files that are in it: a change of one of them asks for a new bundle. */
  readonly inputs: readonly string[];
  /** Deletes the temporary files. */
  dispose(): Promise<void>;
}

const LOADERS: Readonly<Record<string, Loader>> = {
  ".ts": "ts",
  ".mts": "ts",
  ".cts": "ts",
  ".tsx": "tsx",
  ".jsx": "jsx",
  ".js": "js",
  ".mjs": "js",
  ".cjs": "js",
};

/**
 * `source` is the module's text; what it imports is looked for from `folder`.
 * @throws WH2009 when a file does not exist or does not compile, with its line.
 */
export async function bundle(source: string, folder: string): Promise<Bundle> {
  const esbuild = await import("esbuild");
  const out = await mkdtemp(join(tmpdir(), "windhover-"));
  const file = join(out, "entry.mjs");
  try {
    const built = await esbuild.build({
      stdin: { contents: source, resolveDir: folder, sourcefile: join(folder, "(windhover)"), loader: "ts" },
      absWorkingDir: folder,
      outfile: file,
      bundle: true,
      format: "esm",
      platform: "node",
      target: `node${process.versions.node}`,
      // Node's own conditions: a package must not be found as another file than Node would find.
      conditions: [],
      mainFields: ["main"],
      sourcemap: "inline",
      sourcesContent: false,
      keepNames: true,
      metafile: true,
      logLevel: "silent",
      // What is CommonJS among the user's files may call `require`.
      banner: {
        js: `import { createRequire as __windhover_require } from "node:module"; const require = __windhover_require(${JSON.stringify(pathToFileURL(join(folder, "/")).href)});`,
      },
      plugins: [packages],
    });
    const inputs = Object.keys(built.metafile.inputs).filter((input) => !input.endsWith("(windhover)") && input !== "<stdin>");
    return { url: pathToFileURL(file).href, inputs: inputs.map((input) => resolve(folder, input)), dispose: () => rm(out, { recursive: true, force: true }) };
  } catch (error) {
    await rm(out, { recursive: true, force: true });
    throw asLoadFailure(error, folder);
  }
}

function asLoadFailure(error: unknown, folder: string): unknown {
  const [first] = (error as Partial<BuildFailure>).errors ?? [];
  if (!first) return error;
  const { location, text } = first;
  const inside = location && location.file !== "<stdin>" && !location.file.endsWith("(windhover)");
  const missing = /^Could not resolve "((?:@[^/"]+\/)?[^./"@][^/"]*)/.exec(text)?.[1];
  const place = inside ? `${resolve(folder, location.file)}:${location.line}:${location.column + 1}` : undefined;
  return new WindhoverError("WH2009", {
    message: place ? `${place} ${text.startsWith("Could not resolve") ? `imports what is not there: ${text}.` : `does not compile: ${text}`}` : text,
    expected: "files that can be imported",
    got: inside ? location.lineText.trim() : text,
    ...(missing && { action: `Install it (npm install ${missing}), or correct the import.` }),
  });
}

/** Packages are not bundled; our own files come from this installation; the user's files know where they lie. */
const packages: Plugin = {
  name: "windhover",
  setup(build) {
    build.onResolve({ filter: /^windhover(\/|$)/ }, ({ path }) => ({ path: ownFile(path), external: true }));
    build.onResolve({ filter: /^[^./]/ }, (args) => (args.pluginData === SEEN || args.kind === "entry-point" ? undefined : ofPackage(build, args)));
    build.onLoad({ filter: /\.[mc]?[tj]sx?$/ }, ({ path }) => located(path));
  },
};
const SEEN = Symbol("seen");

async function ofPackage(build: PluginBuild, { path, importer, resolveDir, kind }: OnResolveArgs): Promise<OnResolveResult | undefined> {
  if (isBuiltin(path)) return { path, external: true };
  const found = await build.resolve(path, { importer, resolveDir, kind, pluginData: SEEN });
  if (found.errors.length > 0 || found.external) return { errors: found.errors, path: found.path, external: found.external };
  // A package of a workspace, or a path that tsconfig.json maps, may be the user's own source.
  const own = !found.path.includes("/node_modules/") && !found.path.includes("\\node_modules\\");
  if (own || extname(found.path) === ".json") return { path: found.path };
  return { path: kind === "require-call" ? found.path : pathToFileURL(found.path).href, external: true };
}

const HERE = dirname(fileURLToPath(import.meta.url));
const EXPORTS: Readonly<Record<string, string>> = { windhover: "sdk/index", "windhover/testing": "sdk/testing/index", "windhover/client": "sdk/client" };

function ownFile(name: string): string {
  const file = EXPORTS[name];
  if (!file)
    throw new WindhoverError("WH2009", { message: `"${name}" is no part of the package windhover.`, expected: Object.keys(EXPORTS).join(", "), got: name });
  return pathToFileURL(join(dirname(HERE), `${file}${extname(fileURLToPath(import.meta.url))}`)).href;
}

/** In the bundle `import.meta` would name the temporary file. Lines stay as they are. */
async function located(path: string): Promise<OnLoadResult | undefined> {
  const text = await readFile(path, "utf8");
  if (!text.includes("import.meta.")) return undefined;
  const known: Readonly<Record<string, string>> = { url: pathToFileURL(path).href, filename: path, dirname: dirname(path) };
  const contents = text.replace(/\bimport\.meta\.(url|filename|dirname)\b/g, (_, name: string) => JSON.stringify(known[name]));
  return { contents, loader: LOADERS[extname(path)] ?? "ts", resolveDir: dirname(path) };
}
