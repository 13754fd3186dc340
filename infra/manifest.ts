/** What a user's entries export, known while a stack is synthesized. A construct cannot wait, so the entries are loaded by a process of their own. */
import { spawnSync } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { dirname, isAbsolute, join, normalize, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { ERRORS, type ErrorCode, WindhoverError } from "../engine/errors.ts";
import { type BundleOptions, bundleDescription } from "./bundle.ts";
import type { Answer, Description } from "./describe.ts";

const INDEXES = ["index.ts", "index.mts", "index.js", "index.mjs", "index.cts", "index.cjs", "index.tsx"];
/** A module that has not loaded by then waits for something. Unit: milliseconds. */
const PATIENCE_MS = 60_000;

/** Absolute paths of the entries; a folder stands for its `index`. @throws WH2009 when there is no such file. */
export function entryFiles(entry: string | readonly string[], folder = process.cwd()): readonly string[] {
  const entries = typeof entry === "string" ? [entry] : entry;
  if (entries.length === 0) throw new WindhoverError("WH2009", { message: "There is no entry to load.", expected: "at least one file", got: "none" });
  return entries.map((path) => {
    const file = isAbsolute(path) ? path : resolve(folder, path);
    if (!existsSync(file)) throw new WindhoverError("WH2009", { message: `There is no file ${file}.`, expected: "a file that exports flows", got: path });
    if (!statSync(file).isDirectory()) return file;
    const index = INDEXES.map((name) => join(file, name)).find((candidate) => existsSync(candidate));
    if (index) return index;
    throw new WindhoverError("WH2009", { message: `The folder ${file} has no index.ts.`, expected: "a file, or a folder with an index.ts", got: path });
  });
}

const known = new Map<string, Description>();

/**
 * Loads the entries as the functions will: from the same kind of bundle, in a Node process without this one's modules.
 * @throws WH2030 when they cannot be bundled · WH2009 when one throws while it is loaded, or none exports a flow · WH1002 for two of one name · what a definition itself
 * throws (WH1001, WH1003 …)
 */
export function describeEntries(options: BundleOptions): Description {
  const bundle = bundleDescription(options);
  const before = known.get(bundle.hash);
  if (before) return before;
  const { output, status, signal, stderr } = spawnSync(process.execPath, ["--enable-source-maps", bundle.file], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe", "pipe"],
    timeout: PATIENCE_MS,
    maxBuffer: 1 << 28,
    // What tests and debuggers put there is not for this process.
    env: { ...process.env, NODE_OPTIONS: "" },
  });
  const answer = parsed(output?.[3]);
  if (!answer)
    throw new WindhoverError("WH2009", {
      message:
        signal === null
          ? `Loading ${options.entries.join(", ")} ended its process (status ${status}): ${stderr.trim().split("\n").slice(-5).join("\n")}`
          : `${options.entries.join(", ")} had not loaded after ${PATIENCE_MS / 1000} seconds.`,
      expected: "files that can be imported",
      got: signal === null ? `exit ${status}` : "no end",
    });
  if (!answer.ok) throw refusal(answer, options.entries);
  known.set(bundle.hash, answer.description);
  return answer.description;
}

function parsed(text: string | null | undefined): Answer | undefined {
  try {
    return JSON.parse(text ?? "") as Answer;
  } catch {
    return undefined;
  }
}

/** What we throw about a definition keeps its code; what the user's file throws is told with its place. */
function refusal({ code, message, expected, got, stack = "" }: Extract<Answer, { readonly ok: false }>, entries: readonly string[]): WindhoverError {
  const place = placeOf(stack);
  if (code !== undefined && Object.hasOwn(ERRORS, code)) {
    const of = code === "WH2009" ? entries.join(", ") : place;
    return new WindhoverError(code as ErrorCode, { message: of === undefined ? message : `${of}: ${message}`, expected, got });
  }
  return new WindhoverError("WH2009", {
    message: `${place ?? entries.join(", ")} threw while it was loaded: ${message}`,
    expected: "a file that can be imported",
    got: message,
  });
}

/** The first line of a stack that is the user's own. */
function placeOf(stack: string): string | undefined {
  const places = [...stack.matchAll(/\(?((?:file:\/\/)?\/[^()\s]+:\d+:\d+)\)?$/gm)].map((match) => normalize((match[1] as string).replace(/^file:\/\//, "")));
  return places.find((place) => !place.includes("/node_modules/") && !place.includes("windhover-bundles-") && !OURS.some((ours) => place.startsWith(ours)));
}
const OURS = ["engine", "sdk", "infra"].map((folder) => join(dirname(dirname(fileURLToPath(import.meta.url))), folder, "/"));
