import { statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { LEAST_NODE } from "../sdk/node-version.ts";
import { files, root, text } from "./tidy/tree.ts";

const manifest = JSON.parse(text("package.json"));
interface Locked {
  readonly version: string;
  readonly resolved?: string;
  readonly dev?: boolean;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}
const locked: Readonly<Record<string, Locked>> = JSON.parse(text("package-lock.json")).packages;

describe("the package", () => {
  test("pins every dependency exactly", () => {
    const all = { ...manifest.dependencies, ...manifest.devDependencies, ...manifest.optionalDependencies } as Record<string, string>;
    expect(Object.entries(all).filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))).toEqual([]);
  });

  test("locks what it pins, from no particular registry", () => {
    const { "": top, ...rest } = locked;
    expect(top).toMatchObject({ dependencies: manifest.dependencies, devDependencies: manifest.devDependencies });
    expect(
      Object.entries(rest)
        .filter(([, one]) => one.resolved)
        .map(([path]) => path),
    ).toEqual([]);
    expect(text("package-lock.json")).not.toMatch(/https?:\/\/[^"]*\.tgz/);
  });

  test("locks the binaries of every platform, or `npm ci` refuses the lock", () => {
    const missing = Object.values(locked)
      .flatMap((one) => Object.keys(one.optionalDependencies ?? {}))
      .filter((name) => !Object.keys(locked).some((path) => path.endsWith(`node_modules/${name}`)));
    expect(missing).toEqual([]);
  });

  test("runs on Node 20, the version that CI tests and the types describe", () => {
    expect(manifest.engines.node).toBe(`>=${LEAST_NODE}`);
    expect(manifest.devDependencies["@types/node"]).toMatch(/^20\./);
    expect(text(".github/workflows/ci.yml")).toContain("node: [20, 22, 24]");
  });

  test("says types first in every export", () => {
    const entries = Object.entries(manifest.exports as Record<string, string | Record<string, string>>).filter(([, target]) => typeof target !== "string");
    expect(entries.filter(([, target]) => Object.keys(target)[0] !== "types").map(([name]) => name)).toEqual([]);
  });

  test("carries its licence", () => {
    expect(manifest.license).toBe("Apache-2.0");
    expect(text("LICENSE")).toContain("Apache License");
  });
});

describe("the repository", () => {
  /** Each has a README of about ten lines: what it is for, what it promises, what may enter, where to start reading. */
  const FOLDERS = ["engine", "sdk", "adapters", "server", "functions", "infra", "cli", "ui", "examples", "test", "bench", "docs"];

  test.each(FOLDERS)("%s/ says what it is for", (folder) => {
    const source = text(`${folder}/README.md`);
    expect(source).toMatch(/^# /);
    expect(source.split("\n").length).toBeLessThanOrEqual(40);
  });

  test("engine/README.md names each of its files, once, and no other", () => {
    const named = [...text("engine/README.md").matchAll(/`([a-z-]+\.ts)`/g)].map(([, name]) => name as string);
    const listed = named.slice(named.lastIndexOf("events.ts"));
    const there = files.filter((file) => /^engine\/[^/]+\.ts$/.test(file)).map((file) => file.slice("engine/".length));
    expect([...listed].sort()).toEqual([...there].sort());
  });

  test("names no machine's paths", () => {
    const places = [
      ["", "work", ""],
      ["", "root", ""],
      ["", "home", "[a-z]+", ""],
      ["", "Users", "[A-Za-z]+", ""],
    ]
      .map((parts) => parts.join("/"))
      .join("|");
    const path = new RegExp(`(?<![\\w.}$-])(?:${places})`);
    const readable = files.filter(
      (file) => /(^|\/)[^.]*$|\.(ts|tsx|mjs|js|json|md|css|html|yml|txt|d\.ts|svg)$/.test(file) && statSync(join(root, file)).size < 2_000_000,
    );
    const found = readable.flatMap((file) =>
      text(file)
        .split("\n")
        .flatMap((line, i) => (path.test(line) ? [`${file}:${i + 1} ${line.trim().slice(0, 120)}`] : [])),
    );
    expect(found).toEqual([]);
  });
});
