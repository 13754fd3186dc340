#!/usr/bin/env node
// count.mjs TESTS.json CHECKS.json: what failed, by name and by the first lines of why, and then the last line of a CI run, `N passed, N failed`, from vitest's
// report and the checks of verify.mjs. The names stand last because the end of a long log is what people see of it.
import { readFileSync } from "node:fs";
import { relative } from "node:path";

const [tests, checks] = process.argv.slice(2).map((file) => {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return null;
  }
});
const linesOfWhy = 12;
const why = (messages) =>
  messages
    .join("\n")
    .split("\n")
    .slice(0, linesOfWhy)
    .map((line) => `    ${line}`)
    .join("\n");
const files = tests?.testResults ?? [];
for (const file of files) {
  const name = relative(process.cwd(), file.name);
  for (const test of file.assertionResults.filter((each) => each.status === "failed")) {
    console.log(`failed: ${name} > ${test.fullName}, after ${Math.round(test.duration ?? 0)} ms\n${why(test.failureMessages ?? [])}`);
  }
}
// A file that cannot be loaded has no test that could fail: it counts as one.
const broken = files.filter((file) => file.status === "failed" && file.assertionResults.every((test) => test.status !== "failed"));
for (const file of broken) console.log(`failed: ${relative(process.cwd(), file.name)}, as a whole\n${why([file.message ?? ""])}`);
const passed = (tests?.numPassedTests ?? 0) + (checks?.passed ?? 0);
// No report at all is a failure too.
const failed = (tests?.numFailedTests ?? 1) + broken.length + (checks?.failed ?? 1);
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
