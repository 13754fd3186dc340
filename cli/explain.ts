/** `windhover explain WH1202`: an error's page. */
import { readFileSync } from "node:fs";
import { ERRORS } from "../engine/errors.ts";
import { isCode, usage, wrap } from "./failure.ts";
import { closest } from "./suggestion.ts";
import { out, print, width } from "./terminal.ts";

export function explain(text: string): void {
  const code = text.toUpperCase().replace(/^(\d)/, "WH$1");
  if (!isCode(code)) {
    const guess = closest(code, Object.keys(ERRORS));
    throw usage(`There is no error ${text}.${guess ? ` Did you mean ${guess}?` : ""}`, { expected: "a code such as WH1202", got: text });
  }
  const page = readFileSync(new URL(`../../docs/errors/${code}.md`, import.meta.url), "utf8");
  for (const line of pageLines(page, Math.min(width(), WIDEST))) print(line);
}

/** Longer lines are hard to read. Unit: characters. */
const WIDEST = 100;

/** A page as a terminal shows it: headings in bold, code set in as it is, the rest broken at spaces. */
export function pageLines(page: string, most: number): string[] {
  const lines: string[] = [];
  let inCode = false;
  let text = "";
  const flush = (): void => {
    if (text !== "") lines.push(...paragraph(text, most));
    text = "";
  };
  for (const line of page.trimEnd().split("\n")) {
    if (inCode && !line.startsWith("```")) lines.push(line === "" ? "" : `    ${line}`);
    else if (!/^(```|#|$)/.test(line) && !MARK.test(line)) text = text === "" ? line : `${text} ${line.trim()}`;
    else {
      flush();
      if (line.startsWith("```")) inCode = !inCode;
      else if (line.startsWith("#")) lines.push(out(line.replace(/^#+ /, ""), "bold"));
      else if (line === "") lines.push("");
      else text = line;
    }
  }
  flush();
  return lines;
}

const MARK = /^\s*([-*]|\d+\.)\s+/;

/** A link says where it leads to, unless that is another code. What follows the mark of a list stands under its text. */
function paragraph(line: string, most: number): string[] {
  const [mark = ""] = MARK.exec(line) ?? [];
  const text = line
    .slice(mark.length)
    .replace(/\[([^\]]+)\]\(([^)]+)\)/g, (_, label: string, to: string) => (isCode(label) ? label : `${label} (${to})`))
    .replace(/\*\*([^*]+)\*\*/g, "$1");
  return wrap(text, most - mark.length).map((part, i) => `${i === 0 ? mark : " ".repeat(mark.length)}${part}`);
}
