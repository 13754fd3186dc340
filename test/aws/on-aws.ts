/** Before each test file of the project "on AWS": clients and commands find the deployed stack, and a test that fails says what happened in AWS meanwhile. */
import { beforeEach } from "vitest";
import { sharedStack } from "./deployed.ts";
import { missingPython } from "./python.ts";
import { tellWhatHappened } from "./what-happened.ts";

const missing = missingPython();
if (missing !== undefined && process.env["CI"]) throw new Error(missing);
const deployed = missing === undefined ? await sharedStack() : undefined;
process.env["WINDHOVER_TEST_STACK"] = deployed?.resources.stack ?? "";

beforeEach((context) => {
  if (!deployed) return context.skip(missing);
  const since = Date.now();
  context.onTestFailed(() => tellWhatHappened(deployed.server, since));
});
