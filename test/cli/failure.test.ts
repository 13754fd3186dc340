import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { pageLines } from "../../cli/explain.ts";
import { errorLines } from "../../cli/failure.ts";

const folder = mkdtempSync(join(tmpdir(), "windhover-failure-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function errorIn(name: string, source: string): Error {
  const file = join(folder, name);
  writeFileSync(file, source);
  return Object.assign(new Error("too much"), { stack: `Error: too much\n    at work (${file}:2:7)` });
}

test("the line at fault is shown, where a person wrote it", () => {
  expect(errorLines(errorIn("work.ts", "one\nconst two = 2;\nthree")).join("\n")).toContain("const two = 2;");
});

test("a bundle's line of half a megabyte went to the terminal", () => {
  const long = "x".repeat(500_000);
  for (const source of [`one\n${long}\nthree`, `${long}\nconst two = 2;\n${long}`])
    expect(errorLines(errorIn("index.mjs", source)).join("\n").length).toBeLessThan(3000);
});

test("a page was printed as raw Markdown, and broken in the middle of words", () => {
  const page =
    "# WH1: A title\n\nSome text with **stress**, a [page](../aws.md) and [WH1005](WH1005.md),\nin two lines.\n\n- one point that is long\n- two\n\n```ts\nconst a = [1];\n```\n";
  expect(pageLines(page, 24)).toEqual([
    "WH1: A title",
    "",
    "Some text with stress, a",
    "page (../aws.md) and",
    "WH1005, in two lines.",
    "",
    "- one point that is long",
    "- two",
    "",
    "    const a = [1];",
  ]);
});
