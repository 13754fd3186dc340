/** Finds the author's line in a stack: the first frame that is neither ours nor Node's. */
const OURS = new URL("..", import.meta.url).href;

/** ` at flows/digest.ts:12:9`, with a leading space, or nothing when no such frame is known. */
export function authorLine(stack = new Error("where").stack ?? ""): string {
  const frame = stack
    .split("\n")
    .slice(1)
    .find((line) => !isOurs(line) && !line.includes("node:") && !line.includes("(<anonymous>)"));
  const place = frame ? /\(?((?:file:\/\/)?[^()\s]+:\d+:\d+)\)?\s*$/.exec(frame)?.[1] : undefined;
  return place ? ` at ${place.replace(/^file:\/\//, "")}` : "";
}

function isOurs(line: string): boolean {
  const path = OURS.replace(/^file:\/\//, "");
  return ["engine", "sdk"].some((folder) => line.includes(`${path}${folder}/`));
}
