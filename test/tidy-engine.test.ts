import { expect, test } from "vitest";
import { isNode, line, type Node, product, walk } from "./tidy/tree.ts";

/** What reads a clock, draws, waits or reaches out: in the engine only the ports do. */
const OUTSIDE = [
  "process",
  "performance",
  "fetch",
  "console",
  "setTimeout",
  "setInterval",
  "setImmediate",
  "XMLHttpRequest",
  "WebSocket",
  "require",
  "navigator",
];

/** Where the engine has to touch one all the same. An entry that is no longer needed fails, so the list only holds what is true. */
const ALLOWED: readonly { readonly file: string; readonly what: string; readonly why: string }[] = [
  {
    file: "engine/instance.ts",
    what: "setImmediate",
    why: "completions are handed to the flow one per turn of the event loop, so that all of its microtasks settle in between",
  },
  { file: "engine/determinism.ts", what: "performance", why: "it is what is patched" },
  { file: "engine/determinism.ts", what: "Math.random", why: "it is what is patched" },
  { file: "engine/foreign.ts", what: "process", why: "its clocks are patched" },
];

const names = (node: unknown): string => (isNode(node) && node.type === "Identifier" ? String(node.name) : "");

/** `Date.now`, `new Date()`, `Math.random` … as written at this node, or null. */
function reach(node: Node, above: readonly Node[], local: ReadonlySet<string>): string | null {
  if (node.type === "MemberExpression") {
    const member = `${names(node.object)}.${names(node.property)}`;
    return ["Date.now", "Math.random", "crypto.randomUUID", "crypto.getRandomValues", "crypto.randomBytes", "Atomics.wait"].includes(member) ? member : null;
  }
  if (
    (node.type === "NewExpression" || node.type === "CallExpression") &&
    names(node.callee) === "Date" &&
    (node.type === "CallExpression" || (node.arguments as unknown[]).length === 0)
  )
    return "new Date()";
  if (node.type === "ImportSpecifier" && /^random|^getRandomValues$/.test(names(node.imported))) return names(node.imported);
  if (node.type !== "Identifier" || !OUTSIDE.includes(String(node.name)) || local.has(String(node.name))) return null;
  const parent = above.at(-1);
  const isKey = parent && ((parent.type === "MemberExpression" && parent.property === node && !parent.computed) || (parent.key === node && !parent.computed));
  return isKey || parent?.type.startsWith("TS") ? null : String(node.name);
}

test("the engine reads no clock, draws no number, starts no timer and does no I/O", () => {
  const found: { readonly file: string; readonly what: string; readonly where: string }[] = [];
  for (const file of product.filter((source) => source.startsWith("engine/"))) {
    const local = new Set<string>();
    walk(file, (node) => {
      if (node.type === "VariableDeclarator" || node.type === "FunctionDeclaration") local.add(names(node.id));
      for (const parameter of Array.isArray(node.params) ? node.params : []) local.add(names(parameter));
    });
    walk(file, (node, above) => {
      const what = reach(node, above, local);
      if (what) found.push({ file, what, where: `${file}:${line(file, node.start)} ${what}` });
    });
  }
  const fits = (one: { readonly file: string; readonly what: string }) => ALLOWED.some((allowed) => allowed.file === one.file && allowed.what === one.what);
  expect(found.filter((one) => !fits(one)).map((one) => one.where)).toEqual([]);
  const stale = ALLOWED.filter((allowed) => product.includes(allowed.file) && !found.some((one) => one.file === allowed.file && one.what === allowed.what));
  expect(stale).toEqual([]);
});
