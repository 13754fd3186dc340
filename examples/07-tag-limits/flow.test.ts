import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";
import { forEachBackend, whereverItCrashes } from "../backends.ts";
import { report } from "./flow.ts";

forEachBackend("no more than two queries run at once, over several runs together", async ({ client, finish, folder }) => {
  await client.setLimit("database", 2);
  const tables = ["orders", "users", "items", "carts", "parts"];
  const journal = join(folder, "queries.txt");
  const runs = await Promise.all([1, 2, 3].map(() => client.run(report, { tables, journal })));
  for (const run of runs) expect(await finish(run)).toMatchObject({ type: "COMPLETED", result: 26 });
  let open = 0;
  const atOnce = (await readFile(journal, "utf8"))
    .trim()
    .split("\n")
    .map((line) => (open += line.startsWith("begin") ? 1 : -1));
  expect(atOnce).toHaveLength(30);
  expect(Math.max(...atOnce)).toBeLessThanOrEqual(2);
  expect(await client.limits()).toMatchObject([{ name: "database", limit: 2 }]);
});

whereverItCrashes(report, { tables: ["orders", "users"] }, 11);
