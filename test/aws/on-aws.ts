/** Before each test file of the project "on AWS": the examples find the deployed stack, and a test that fails says what happened in AWS meanwhile. */
import { beforeAll, beforeEach, expect } from "vitest";
import { NAME, sharedStack } from "./deployed.ts";
import { missingPython } from "./python.ts";
import { tellWhatHappened } from "./what-happened.ts";

/** A deploy on a busy machine. Unit: milliseconds. */
const PATIENCE_MS = 300_000;

const missing = missingPython();
if (missing !== undefined && process.env["CI"]) throw new Error(missing);
process.env["WINDHOVER_TEST_STACK"] = NAME;

if (missing === undefined && /[\\/]examples[\\/]/.test(expect.getState().testPath ?? ""))
  beforeAll(async () => {
    await sharedStack();
  }, PATIENCE_MS);

beforeEach((context) => {
  if (missing !== undefined) return context.skip(missing);
  const since = Date.now();
  context.onTestFailed(() => tellWhatHappened(since));
});
