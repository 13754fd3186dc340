/**
 * The code of the functions: one file each, made of a user's entries and one of our own entry points by esbuild. A construct cannot wait, so it is bundled synchronously; what was
 * bundled once in a process is taken again as long as none of its files has changed.
 */
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, extname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { type BuildFailure, type BuildOptions, buildSync, type Message, type Metafile } from "esbuild";
import { WindhoverError } from "../engine/errors.ts";
import { type BundledFile, inlined, named, projectOf } from "./source-map.ts";

/** The oldest Node that the bundle has to run on: the functions' runtime. */
export const NODE = 24;

/** A file of `functions/`, the factory that it exports, and how that is given the user's code: loaded, or to be loaded when it sees fit. */
const PROGRAMS = {
  orchestrator: { file: "orchestrator", factory: "orchestrator", code: "loaded" },
  executor: { file: "executor", factory: "executor", code: "loaded" },
  api: { file: "api", factory: "api", code: "loaded" },
  deployed: { file: "deployed", factory: "deployed", code: "later" },
  container: { file: "container", factory: "container", code: "loaded" },
  deadLetters: { file: "dead-letters", factory: "deadLetters", code: "none" },
} as const;
export type Program = keyof typeof PROGRAMS;

export interface Bundle {
  /** The folder with `index.mjs` and what it loads later: what a function's archive holds. */
  readonly folder: string;
  readonly file: string;
  /** What is read when it is loaded: `index.mjs` and all that it imports at once. */
  readonly bytes: number;
  /** What is read later, if anything asks for it. */
  readonly laterBytes: number;
  /** Of what is in the file: the same code has the same hash on every machine. */
  readonly hash: string;
}

export interface BundleOptions {
  /** Absolute paths of the user's entries. */
  readonly entries: readonly string[];
  /** Packages that are left out, because a layer or an image brings them. */
  readonly external?: readonly string[];
  /** With a map from the code to its sources, which Node reads when it loads the code. */
  readonly sourceMaps?: boolean | undefined;
}

const here = fileURLToPath(import.meta.url);
const root = dirname(dirname(here));
/** Sources where this runs as sources, JavaScript where it runs from the built package. */
const own = (path: string, dot = "."): string => join(root, `${path}${extname(here).replace(".", dot)}`);
/** The user's `import "windhover"` is this very copy, so that there is one registry of flows. */
const OWN = { windhover: own("sdk/index"), "windhover/testing": own("sdk/testing/index"), "windhover/client": own("sdk/client") };

/**
 * Modules of Node of which an import is slow, because it reads everything that they export: that of `http` loads Node's whole `fetch`, that of `process` opens its streams. As an
 * object each gives what is asked for.
 */
const OBJECTS = ["http", "process"].flatMap((name) => [name, `node:${name}`].map((path) => [path, own(`functions/builtins/${name}`, ".c")]));

/** The bundle of one function, or of the program of a container. @throws WH2030 with the file and line. */
export function bundleProgram(program: Program, options: BundleOptions): Bundle {
  const { file, factory, code } = PROGRAMS[program];
  const entries = options.entries.map((entry) => JSON.stringify(entry));
  const imports = code === "loaded" ? entries.map((entry, i) => `import * as entry${i} from ${entry};\n`).join("") : "";
  const given = {
    none: "",
    loaded: `[${entries.map((_, i) => `entry${i}`).join(", ")}]`,
    later: `[${entries.map((entry) => `() => import(${entry})`).join(", ")}]`,
  };
  const modules = given[code];
  // A container is a program that ends; a function is a handler that is called.
  const last = program === "container" ? `await ${factory}(${modules});\n` : `export const handler = ${factory}(${modules});\n`;
  const source = `${imports}import { ${factory} } from ${JSON.stringify(own(`functions/${file}`))};\n${last}`;
  return bundleSource(program, source, options, {
    minify: true,
    target: `node${NODE}`,
    alias: {
      ...OWN,
      ...Object.fromEntries(OBJECTS),
      // The function that CloudFormation runs at each deploy checks schedules once more, in the environment that all functions have.
      ...(program !== "deployed" && { windhover: own("functions/sdk") }),
    },
    // What is imported later is a file of its own: only so is what nobody asks for left out of the rest. A container fetches one file.
    splitting: program !== "container",
    ...(options.sourceMaps && { sourcemap: program === "container" ? ("external" as const) : ("linked" as const), sourcesContent: false }),
  });
}

/** A program for this machine, which imports the entries and says what is in them: see `describe.ts`. @throws WH2030 */
export function bundleDescription(options: BundleOptions): Bundle {
  const imports = options.entries.map((entry) => `() => import(${JSON.stringify(entry)})`).join(", ");
  const source = `import { describeEntries } from ${JSON.stringify(own("infra/describe"))};\nawait describeEntries([${imports}]);\n`;
  return bundleSource(
    "description",
    source,
    { ...options, external: [...(options.external ?? []), "../adapters/*"] },
    { sourcemap: "inline", sourceRoot: pathToFileURL(`${OUT}/`).href, sourcesContent: false, target: `node${process.versions.node}` },
  );
}

interface Known {
  readonly bundle: Bundle;
  readonly inputs: string;
}
const known = new Map<string, Known>();
let folder: string | undefined;

function bundleSource(name: string, source: string, { entries, external = [], sourceMaps }: BundleOptions, options: BuildOptions): Bundle {
  const key = JSON.stringify([name, source, external, sourceMaps]);
  const before = known.get(key);
  if (before && inputsOf(JSON.parse(before.inputs).map(([file]: [string]) => file)) === before.inputs) return before.bundle;
  const resolveDir = dirname(entries[0] ?? here);
  const built = build({
    stdin: { contents: source, resolveDir, sourcefile: "(windhover)", loader: "ts" },
    absWorkingDir: root,
    outdir: OUT,
    entryNames: "index",
    chunkNames: "[hash]",
    outExtension: { ".js": ".mjs" },
    write: false,
    bundle: true,
    format: "esm",
    platform: "node",
    mainFields: ["module", "main"],
    alias: OWN,
    // A door that no function goes through: `connect()` to a database on this machine, with its native module.
    external: [...external, "../adapters/embedded/*"],
    // Errors are told apart by their names, and a flow's stack by its functions'.
    keepNames: true,
    metafile: true,
    legalComments: "none",
    logLevel: "silent",
    banner: { js: BANNER },
    ...options,
  });
  const files = filesOf(built.outputFiles ?? [], options.sourcemap, resolveDir);
  const hash = createHash("sha256");
  for (const { path, contents } of files) hash.update(basename(path)).update(contents);
  const digest = hash.digest("hex").slice(0, 16);
  const target = join(scratch(), `${name}-${digest}`);
  mkdirSync(target, { recursive: true });
  for (const { path, contents } of files) writeFileSync(join(target, basename(path)), contents);
  const bundle = { folder: target, file: join(target, "index.mjs"), ...sizes(built.metafile), hash: digest };
  const inputs = Object.keys(built.metafile?.inputs ?? {}).filter((input) => !input.includes("(windhover)") && !input.startsWith("<"));
  known.set(key, { bundle, inputs: inputsOf(inputs.map((input) => resolve(root, input))) });
  return bundle;
}
/** What is written. Maps of a program name their sources; the description's, which never leaves this machine, stands in its code as it is. */
function filesOf(outputs: readonly BundledFile[], sourcemap: BuildOptions["sourcemap"], folder: string): readonly BundledFile[] {
  if (sourcemap !== "linked" && sourcemap !== "external") return outputs;
  const files = outputs.map((file) => (file.path.endsWith(".map") ? named(file, projectOf(folder), root) : file));
  return sourcemap === "external" ? inlined(files) : files;
}
/** Nothing is written there: outputs are told by their names. */
const OUT = join(root, "dist", ".bundle");

function sizes(metafile: Metafile | undefined): Pick<Bundle, "bytes" | "laterBytes"> {
  const outputs = metafile?.outputs ?? {};
  const loaded = new Set<string>();
  const queue = Object.keys(outputs).filter((path) => basename(path) === "index.mjs");
  for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
    if (loaded.has(path)) continue;
    loaded.add(path);
    for (const { kind, path: imported } of outputs[path]?.imports ?? []) if (kind === "import-statement" && imported in outputs) queue.push(imported);
  }
  const sum = (paths: readonly string[]): number => paths.reduce((bytes, path) => bytes + (outputs[path]?.bytes ?? 0), 0);
  return { bytes: sum([...loaded]), laterBytes: sum(Object.keys(outputs).filter((path) => !loaded.has(path))) };
}

/** CommonJS packages call `require` and look at `__dirname`, which a module does not have. */
const BANNER = [
  'import { createRequire as __wh_require } from "node:module";',
  'import { fileURLToPath as __wh_path } from "node:url";',
  "const require = __wh_require(import.meta.url);",
  "const __filename = __wh_path(import.meta.url);",
  'const __dirname = __wh_path(new URL(".", import.meta.url));',
].join("");

function build(options: BuildOptions): ReturnType<typeof buildSync> {
  try {
    return buildSync(options);
  } catch (error) {
    const [first] = (error as Partial<BuildFailure>).errors ?? [];
    throw first ? failure(first) : error;
  }
}

function failure({ text, location }: Message): WindhoverError {
  const place = location && !location.file.includes("(windhover)") ? `${resolve(root, location.file)}:${location.line}:${location.column + 1}` : undefined;
  const native = /\.node"?( files)?:/.test(text);
  return new WindhoverError("WH2030", {
    message: place ? `${place}: ${text}` : text,
    expected: native ? "code without native modules" : "files that can be bundled",
    got: location?.lineText.trim() || text,
    ...(native && {
      action: "Leave the package out with `external` and give the functions a layer that has it, or use a container pool with an image of your own.",
    }),
  });
}

/** Every file with its time and size; a file that is gone makes a difference too. */
function inputsOf(files: readonly string[]): string {
  return JSON.stringify(
    files.map((file) => {
      const { mtimeMs, size } = statSync(file, { throwIfNoEntry: false }) ?? { mtimeMs: 0, size: 0 };
      return [file, mtimeMs, size];
    }),
  );
}

/** Gone with this process: the CDK copies what it deploys into its own output. */
function scratch(): string {
  if (folder === undefined) {
    const made = mkdtempSync(join(tmpdir(), "windhover-bundles-"));
    process.on("exit", () => rmSync(made, { recursive: true, force: true }));
    folder = made;
  }
  return folder;
}
