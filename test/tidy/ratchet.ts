/**
 * A ratchet is a committed list of the exceptions that a rule still has. It may only shrink: what is not in the list fails, and what has become better is taken
 * out. On a developer's machine the list is rewritten there and then (commit it); in CI a list that could be shorter fails.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { root } from "./tree.ts";

export type Exceptions = Readonly<Record<string, number>>;

/** `found`: what breaks the rule now, with a measure that must not grow. */
export function ratchet(name: string, found: Exceptions): void {
  const path = join(root, "test", "tidy", "ratchets", `${name}.json`);
  const allowed = existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as Exceptions) : {};
  const worse = Object.entries(found).filter(([key, measure]) => measure > (allowed[key] ?? 0));
  expect(Object.fromEntries(worse), `${name}: these are new or have grown`).toEqual({});
  const shrunk = Object.fromEntries(Object.entries(found).sort(([a], [b]) => (a < b ? -1 : 1)));
  if (JSON.stringify(shrunk) === JSON.stringify(allowed)) return;
  if (!process.env.CI) writeFileSync(path, `${JSON.stringify(shrunk, null, 2)}\n`);
  else expect(allowed, `${name}: the list can be shorter; run \`npx vitest run test/tidy\` and commit it`).toEqual(shrunk);
}
