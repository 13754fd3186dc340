/**
 * A ratchet is a committed list of the exceptions that a rule still has. It may only shrink: what is not in the list fails, and what has become better is taken
 * out. On a developer's machine the list is rewritten there and then (commit it); in CI a list that could be shorter fails. A rule that is new begins with what it
 * finds: `RATCHET=begin npx vitest run test/tidy`, for a reviewer to see.
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
  if (process.env.RATCHET === "begin") return write(path, found);
  const worse = Object.entries(found).filter(([key, measure]) => measure > (allowed[key] ?? 0));
  expect(Object.fromEntries(worse), `${name}: these are new or have grown`).toEqual({});
  if (process.env.CI) expect(allowed, `${name}: the list can be shorter; run \`npx vitest run test/tidy\` and commit it`).toEqual(found);
  else if (JSON.stringify(sorted(found)) !== JSON.stringify(allowed)) write(path, found);
}

const sorted = (list: Exceptions) => Object.fromEntries(Object.entries(list).sort(([a], [b]) => (a < b ? -1 : 1)));
const write = (path: string, list: Exceptions) => writeFileSync(path, `${JSON.stringify(sorted(list), null, 2)}\n`);
