/** `windhover explain WH1202`: an error's page. */
import { readFileSync } from "node:fs";
import { ERRORS } from "../engine/errors.ts";
import { isCode, usage } from "./failure.ts";
import { closest } from "./suggestion.ts";
import { out, print } from "./terminal.ts";

export function explain(text: string): void {
  const code = text.toUpperCase().replace(/^(\d)/, "WH$1");
  if (!isCode(code)) {
    const guess = closest(code, Object.keys(ERRORS));
    throw usage(`There is no error ${text}.${guess ? ` Did you mean ${guess}?` : ""}`, { expected: "a code such as WH1202", got: text });
  }
  const page = readFileSync(new URL(`../../docs/errors/${code}.md`, import.meta.url), "utf8");
  for (const line of page.trimEnd().split("\n")) print(line.startsWith("#") ? out(line.replace(/^#+ /, ""), "bold") : line);
}
