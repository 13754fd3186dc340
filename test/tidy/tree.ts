/** The repository as the tidy tests see it: its files, their text, their syntax trees and their imports. */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, posix } from "node:path";
import { fileURLToPath } from "node:url";
import { type ParseResult, parseSync } from "oxc-parser";

export const root = fileURLToPath(new URL("../..", import.meta.url));

/** Tracked files and those that could be: what is ignored is nobody's business. */
export const files: readonly string[] = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], {
  cwd: root,
  encoding: "utf8",
  maxBuffer: 1 << 28,
})
  .split("\0")
  .filter((file) => file !== "" && existsSync(join(root, file)))
  .sort();

/** The folders whose code is the product. */
export const ROOMS = ["sdk", "engine", "adapters", "server", "functions", "infra", "cli"] as const;

const isSource = (file: string) => /\.(ts|tsx|mts)$/.test(file) && !file.endsWith(".d.ts");
export const sources: readonly string[] = files.filter(isSource);
export const isTest = (file: string) => file.endsWith(".test.ts") || file.startsWith("test/");
/** What ships: sources of the rooms without the tests beside them. */
export const product: readonly string[] = sources.filter((file) => ROOMS.some((room) => file.startsWith(`${room}/`)) && !isTest(file));

const texts = new Map<string, string>();
export function text(file: string): string {
  let known = texts.get(file);
  if (known === undefined) {
    known = readFileSync(join(root, file), "utf8");
    texts.set(file, known);
  }
  return known;
}

const trees = new Map<string, ParseResult>();
export function parse(file: string, source = text(file)): ParseResult {
  let known = trees.get(file);
  if (known === undefined) {
    known = parseSync(file, source);
    if (known.errors.length) throw new Error(`${file} cannot be parsed: ${known.errors[0]?.message}`);
    trees.set(file, known);
  }
  return known;
}

/** A node of the syntax tree, as far as these tests look at it. */
export interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [key: string]: unknown;
}

export const isNode = (value: unknown): value is Node => typeof value === "object" && value !== null && typeof (value as Node).type === "string";

/** Every node of a file, parents first. The visitor gets the nodes above, nearest last. */
export function walk(file: string, visit: (node: Node, above: readonly Node[]) => void): void {
  const above: Node[] = [];
  const into = (value: unknown): void => {
    if (Array.isArray(value)) for (const item of value) into(item);
    else if (isNode(value)) {
      visit(value, above);
      above.push(value);
      for (const [key, child] of Object.entries(value)) if (key !== "parent") into(child);
      above.pop();
    }
  };
  into(parse(file).program);
}

export function line(file: string, offset: number): number {
  return text(file).slice(0, offset).split("\n").length;
}

export interface Import {
  /** As written. */
  readonly from: string;
  /** A path from the root for a file of ours, else null. */
  readonly file: string | null;
  readonly kind: "static" | "dynamic" | "type";
}

/** All imports of a file, in every form: `import`, `export … from`, `import()`, `import("…").T` in types, `require` and `new URL("./…", import.meta.url)` aside. */
export function imports(file: string): readonly Import[] {
  const found: Import[] = [];
  const add = (from: unknown, kind: Import["kind"]) => {
    if (typeof from !== "string") return;
    found.push({ from, kind, file: from.startsWith(".") ? posix.normalize(posix.join(dirname(file), from)) : null });
  };
  const value = (node: unknown) => (isNode(node) ? node.value : undefined);
  walk(file, (node) => {
    const allTypes = (list: unknown, key: string) => Array.isArray(list) && list.length > 0 && list.every((one) => isNode(one) && one[key] === "type");
    if (node.type === "ImportDeclaration") add(value(node.source), node.importKind === "type" || allTypes(node.specifiers, "importKind") ? "type" : "static");
    else if (node.type === "ExportAllDeclaration" || node.type === "ExportNamedDeclaration")
      add(value(node.source), node.exportKind === "type" || allTypes(node.specifiers, "exportKind") ? "type" : "static");
    else if (node.type === "ImportExpression") add(value(node.source), "dynamic");
    else if (node.type === "TSImportType") add(value(node.source) ?? value((node.argument as Node | undefined)?.literal), "type");
  });
  return found;
}

/** The package of a bare import: `@scope/name/sub` is `@scope/name`, `node:fs` stays. */
export function packageOf(from: string): string {
  return from.startsWith("node:")
    ? from
    : from
        .split("/")
        .slice(0, from.startsWith("@") ? 2 : 1)
        .join("/");
}
