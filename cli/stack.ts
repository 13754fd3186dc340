/** The author's part of a stack: frames of this package and of Node tell an author nothing. */
import { dirname, relative } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
/** Built files are mapped to their sources, which lie beside `dist`. */
const ROOTS = ROOT.endsWith("/dist") ? [ROOT, dirname(ROOT)] : [ROOT];
const OURS = ROOTS.flatMap((root) => [pathToFileURL(root).href, root]).flatMap((root) =>
  ["sdk", "engine", "adapters", "cli", "server"].map((folder) => `${root}/${folder}/`),
);

/** Where a function's code lies in AWS: a bundle, whose lines tell nobody anything. */
const BUNDLE = "/var/task/";
/** What `bundle.ts` makes of the user's files: a line that has no other place there was written by the bundler. */
const TEMPORARY = /[\\/]windhover-\w+[\\/]entry\.mjs:/;
const isUsers = (line: string): boolean =>
  !line.includes("node:") &&
  !line.includes(BUNDLE) &&
  !TEMPORARY.test(line) &&
  !line.includes("(<anonymous>)") &&
  !line.includes("/node_modules/") &&
  !OURS.some((path) => line.includes(path));
const placeOf = (line: string): string | undefined => /(?:\(|at (?:async )?)((?:file:\/\/)?[^()]+:\d+:\d+)\)?\s*$/.exec(line)?.[1];

/** Frames of the user's own files, as they stand in the stack. */
export function userFrames(stack: string | undefined): readonly string[] {
  const lines = (stack ?? "").split("\n").filter((line) => /^\s+at /.test(line));
  return lines.filter(isUsers).map((line) =>
    line
      .trim()
      .replaceAll("file://", "")
      .replace(/^at <anonymous> \((.*)\)$/, "at $1"),
  );
}

/** `/project/flows.ts:12:9`, or undefined when the stack has no line of the user's. */
export function userPlace(stack: string | undefined): string | undefined {
  for (const frame of userFrames(stack)) {
    const place = placeOf(frame);
    if (place) return place;
  }
  return undefined;
}

/** A path as one would type it here. */
export function shortPath(path: string): string {
  const short = relative(process.cwd(), path);
  return short !== "" && !short.startsWith("..") ? short : path;
}
