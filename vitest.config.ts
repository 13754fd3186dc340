import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  resolve: {
    // Tests and examples import the package by its name, as its users do, and get the sources.
    alias: [
      { find: /^windhover$/, replacement: here("./sdk/index.ts") },
      { find: /^windhover\/testing$/, replacement: here("./sdk/testing/index.ts") },
      { find: /^windhover\/client$/, replacement: here("./sdk/client.ts") },
    ],
  },
  // `await using` is newer than the oldest Node that we support.
  oxc: { target: "es2023" },
  test: {
    include: ["**/*.test.ts"],
    globalSetup: [here("./test/aws/test-run.ts")],
    exclude: ["node_modules/**", "dist/**", ".windhover/**"],
    // No test is a stopwatch: the bound is there to end one that hangs.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    coverage: { include: ["engine/**", "sdk/**", "adapters/**", "server/**", "cli/**"], exclude: ["**/*.test.ts"] },
  },
});
