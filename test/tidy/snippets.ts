/**
 * The TypeScript in README and docs. Every fence that says `ts` is compiled against the built package, as a user's file would be; a word after it says more:
 *
 * - `ts run`            it is run too, and must end with status 0
 * - `ts throws WH1001`  it is run too, and must end with this error
 * - `ts continued`      it goes on where the fence before it on the page ended (and may be followed by `run` or `throws …`)
 */
import { files, text } from "./tree.ts";

export interface Snippet {
  readonly file: string;
  /** Of the fence, from 1. */
  readonly line: number;
  readonly code: string;
  readonly run: boolean;
  readonly throws?: string;
}

const FENCE = /^```(\w*)[ \t]*(.*)\n([\s\S]*?)^```[ \t]*$/gm;

export function snippetsOf(file: string, source: string): readonly Snippet[] {
  const found: Snippet[] = [];
  let before = "";
  for (const match of source.matchAll(FENCE)) {
    const [, language, words = "", body = ""] = match;
    if (language === "typescript" || language === "tsx") throw new Error(`${file}: write the fence as \`ts\`, or it is not checked`);
    if (language !== "ts") continue;
    const info = /^(continued)?\s*(?:(run)|throws (WH\d+))?$/.exec(words.trim());
    if (!info) throw new Error(`${file}: \`ts ${words}\` is not known; see test/tidy/snippets.ts`);
    before = info[1] ? `${before}\n${body}` : body;
    const throws = info[3];
    found.push({ file, line: source.slice(0, match.index).split("\n").length, code: before, run: Boolean(info[2] ?? throws), ...(throws && { throws }) });
  }
  return found;
}

export const snippets: readonly Snippet[] = files.filter((file) => file.endsWith(".md")).flatMap((file) => snippetsOf(file, text(file)));
