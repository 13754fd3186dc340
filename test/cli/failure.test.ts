import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
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
