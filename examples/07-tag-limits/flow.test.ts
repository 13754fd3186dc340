import { expect } from "vitest";
import { forEachBackend, whereverItCrashes } from "../backends.ts";
import { report, seen } from "./flow.ts";

forEachBackend("no more than two queries run at once, over several runs together", async ({ client, finish }) => {
  seen.most = 0;
  await client.setLimit("database", 2);
  const tables = ["orders", "users", "items", "carts", "parts"];
  const runs = await Promise.all([1, 2, 3].map(() => client.run(report, { tables })));
  for (const run of runs) expect(await finish(run)).toMatchObject({ type: "COMPLETED", result: 26 });
  expect(seen.most).toBeGreaterThan(0);
  expect(seen.most).toBeLessThanOrEqual(2);
  expect(await client.limits()).toMatchObject([{ name: "database", limit: 2 }]);
});

whereverItCrashes(report, { tables: ["orders", "users"] }, 11);
