/** Finds the author's line in a stack: the first frame that is neither ours nor Node's. */

/** Built files are mapped to their sources, which lie beside `dist`, whether or not they were installed. */
const ROOT = new URL("..", import.meta.url).href.replace(/\/dist\/$/, "/").replace(/^file:\/\//, "");
/** As an address and as a path: a folder's name may have spaces and umlauts. */
const OURS = [ROOT, decodeURI(ROOT)].flatMap((root) => ["engine", "sdk", "dist/engine", "dist/sdk"].map((folder) => `${root}${folder}/`));
/** `/a b/flows.ts:12:9`, after the function's name in brackets or without one. */
const PLACE = /(?:\(|at (?:async )?)((?:file:\/\/)?[^()]+:\d+:\d+)\)?\s*$/;

/** ` at flows/digest.ts:12:9`, with a leading space, or nothing when no such frame is known. */
export function authorLine(stack = new Error("where").stack ?? ""): string {
  const frame = stack
    .split("\n")
    .slice(1)
    .find((line) => !OURS.some((path) => line.includes(path)) && !line.includes("node:") && !line.includes("(<anonymous>)"));
  const place = frame ? PLACE.exec(frame)?.[1] : undefined;
  return place ? ` at ${place.replace(/^file:\/\//, "")}` : "";
}
