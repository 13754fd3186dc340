import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

const common = {
  resolve: {
    // Tests and examples import the package by its name, as its users do, and get the sources.
    alias: [
      { find: /^windhover$/, replacement: here("./sdk/index.ts") },
      { find: /^windhover\/testing$/, replacement: here("./sdk/testing/index.ts") },
      { find: /^windhover\/client$/, replacement: here("./sdk/client.ts") },
    ],
  },
  // `await using` is newer than the oldest Node that we support.
  oxc: { target: "es2023" as const },
};
// No test is a stopwatch: the bound is there to end one that hangs.
const patience = { testTimeout: 120_000, hookTimeout: 120_000 };
const exclude = ["node_modules/**", "dist/**", ".windhover/**"];
const testRun = here("./test/aws/test-run.ts");
const endToEnd = "test/aws/e2e/**/*.test.ts";

export default defineConfig({
  test: {
    projects: [
      {
        ...common,
        test: { name: "here", include: ["**/*.test.ts"], exclude: [...exclude, endToEnd], globalSetup: [testRun], ...patience },
      },
      {
        // A stack is deployed once, to an emulator, for all of these by the first.
        ...common,
        test: {
          name: "on AWS",
          include: ["examples/**/*.test.ts", endToEnd],
          exclude,
          globalSetup: [testRun],
          // They wait more than they work, and take their turn after those that work.
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
          setupFiles: [here("./test/aws/on-aws.ts")],
          ...patience,
        },
      },
    ],
    coverage: { include: ["engine/**", "sdk/**", "adapters/**", "server/**", "cli/**"], exclude: ["**/*.test.ts"] },
  },
});
