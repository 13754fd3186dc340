import { existsSync, readFileSync } from "node:fs";
import { parseSync } from "oxc-parser";
import { describe, expect, test } from "vitest";

const source = (file: string) => readFileSync(new URL(file, import.meta.url), "utf8");
const exported = (file: string) => parseSync(file, source(file)).module.staticExports.flatMap((statement) => statement.entries);
const names = exported("windhover.d.ts").flatMap((entry) => entry.exportName.name ?? []);
const types = [...source("windhover.d.ts").matchAll(/^export (?:interface|type) (\w+)/gm)].map((match) => match[1] as string);
const values = names.filter((name) => !types.includes(name));

test("contract.ts names every type of the contract", () => {
  const listed = exported("contract.ts").flatMap((entry) => (entry.isType ? (entry.exportName.name ?? []) : []));
  expect(types.length).toBeGreaterThan(20);
  expect(listed.sort()).toEqual([...types].sort());
});

// Until the package has its entry there is nothing to hold against the contract; from then on this runs by itself.
describe.runIf(existsSync(new URL("../../sdk/index.ts", import.meta.url)))("at run time", () => {
  test("every value of the contract is exported by windhover or windhover/testing", async () => {
    const entries = ["windhover", "windhover/testing"];
    const modules = await Promise.all(entries.map((name) => import(/* @vite-ignore */ name) as Promise<object>));
    const there = new Set(modules.flatMap((module) => Object.keys(module)));
    expect(values.filter((name) => !there.has(name))).toEqual([]);
  });
});
