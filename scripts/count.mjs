#!/usr/bin/env node
// count.mjs TESTS.json CHECKS.json: the last line of a CI run, `N passed, N failed`, from vitest's report and the checks of verify.mjs.
import { readFileSync } from "node:fs";

const [tests, checks] = process.argv.slice(2).map((file) => {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return null;
  }
});
// A file that cannot be loaded has no test that could fail: it counts as one.
const broken = (tests?.testResults ?? []).filter((file) => file.status === "failed" && file.assertionResults.every((test) => test.status !== "failed")).length;
const passed = (tests?.numPassedTests ?? 0) + (checks?.passed ?? 0);
// No report at all is a failure too.
const failed = (tests?.numFailedTests ?? 1) + broken + (checks?.failed ?? 1);
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
