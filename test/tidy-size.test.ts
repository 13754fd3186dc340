import { expect, test } from "vitest";
import { ratchet } from "./tidy/ratchet.ts";
import { files, isTest, line, type Node, product, sources, text, walk } from "./tidy/tree.ts";

const FILE_LINES = 400;
const FUNCTION_LINES = 80;

test(`a file has at most ${FILE_LINES} lines`, () => {
  const written = files.filter((file) => /\.(ts|tsx|mjs|css|html)$/.test(file) && !file.startsWith("test/golden/"));
  const long = written.map((file) => [file, text(file).split("\n").length - 1] as const).filter(([, lines]) => lines > FILE_LINES);
  ratchet("long-files", Object.fromEntries(long));
});

/** A name that stays the same when lines are added above: the function's own, or that of the nearest thing with a name. */
function nameOf(node: Node, above: readonly Node[]): string {
  for (const candidate of [node, ...[...above].reverse()]) {
    const name = (candidate.id as Node | null | undefined)?.name ?? (candidate.key as Node | null | undefined)?.name;
    if (typeof name === "string") return name;
  }
  return "(nameless)";
}

test(`a function has at most ${FUNCTION_LINES} lines`, () => {
  const long: Record<string, number> = {};
  for (const file of sources.filter((source) => !isTest(source)))
    walk(file, (node, above) => {
      if (!["FunctionDeclaration", "FunctionExpression", "ArrowFunctionExpression"].includes(node.type) || !node.body) return;
      const lines = line(file, node.end) - line(file, node.start) + 1;
      const key = `${file} ${nameOf(node, above)}`;
      if (lines > FUNCTION_LINES) long[key] = Math.max(lines, long[key] ?? 0);
    });
  ratchet("long-functions", long);
});

test("a file is called after what is in it, never utils, helpers, common or misc", () => {
  expect(files.filter((file) => /(^|\/)(utils?|helpers?|common|misc|shared|stuff|lib)(\/|\.[a-z.]+$)/i.test(file))).toEqual([]);
});

test("nothing is left unfinished in what ships", () => {
  const marks = new RegExp(
    ["TO" + "DO", "FIX" + "ME", "X" + "XX", "not impl" + "emented", "@ts-" + "ignore"]
      .map((mark) => `\\b${mark}\\b|^${mark}$`)
      .join("|")
      .replaceAll("\\b@", "@"),
  );
  const found = product.flatMap((file) =>
    text(file)
      .split("\n")
      .flatMap((content, i) => (marks.test(content) ? [`${file}:${i + 1} ${content.trim()}`] : [])),
  );
  expect(found).toEqual([]);
});
