#!/usr/bin/env node
// Everything that CI checks, in one command. `--checks` leaves the tests out, for those who run them apart.
import { spawnSync } from "node:child_process";
import { appendFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const bin = (name, file) => [join(root, "node_modules", name, file)];
const checks = [
  ["install", [join(root, "scripts", "install.mjs")]],
  ["build", [join(root, "scripts", "build.mjs")]],
  ["types", [...bin("typescript", "bin/tsc"), "-p", "tsconfig.json", "--pretty", "false"]],
  ["lint and format", [...bin("@biomejs/biome", "bin/biome"), "ci", "--colors=off", "."]],
  ["unused code", [...bin("knip", "bin/knip.js"), "--no-progress"]],
  ["package", [...bin("publint", "src/cli.js"), "--strict"]],
  ["package types", [...bin("@arethetypeswrong/cli", "dist/index.js"), "--pack", ".", "--profile", "esm-only", "--no-emoji", "--no-color"]],
  ...(process.argv.includes("--checks") ? [] : [["tests", [...bin("vitest", "vitest.mjs"), "run"]]]),
];

const failed = [];
for (const [name, args] of checks) {
  const began = Date.now();
  const live = name === "tests";
  const done = spawnSync(process.execPath, args, {
    cwd: root,
    encoding: "utf8",
    stdio: ["ignore", live ? "inherit" : "pipe", live ? "inherit" : "pipe"],
    maxBuffer: 1 << 28,
  });
  const good = done.status === 0;
  if (!good) {
    failed.push(name);
    process.stdout.write(`${done.stdout ?? ""}${done.stderr ?? ""}`);
  }
  console.log(`${good ? "ok    " : "FAILED"} ${name} (${((Date.now() - began) / 1000).toFixed(1)} s)`);
  if (!good && name === "install") break;
}
console.log(failed.length ? `${failed.length} of ${checks.length} checks failed: ${failed.join(", ")}` : `${checks.length} checks, all well`);
// The continuous integration counts checks together with tests.
if (process.env.WINDHOVER_CHECKS_FILE)
  appendFileSync(process.env.WINDHOVER_CHECKS_FILE, JSON.stringify({ passed: checks.length - failed.length, failed: failed.length }));
process.exitCode = failed.length ? 1 : 0;
