import { flow, task } from "windhover";
import * as z from "zod";

let querying = 0;
/** The most queries that this process has seen at once. */
export const seen = { most: 0 };

/** How many tasks with this tag run at once, over all runs, is for the operator to say: `windhover limits set database 2`. Without a limit nothing holds them up. */
const query = task({ name: "query", tags: ["database"] }, async (table: string) => {
  querying++;
  seen.most = Math.max(seen.most, querying);
  await new Promise((resolve) => setImmediate(resolve));
  querying--;
  return table.length;
});

/** A limit that the task brings along: one call at a time for each customer. */
const notify = task(
  { name: "notify", concurrency: { limit: 1, key: (customer) => customer } },
  async (customer: string, table: string) => `${customer}: ${table}`,
);

export const report = flow(
  { name: "report", parameters: z.object({ tables: z.array(z.string()), customer: z.string().default("acme") }) },
  async ({ tables, customer }) => {
    const sizes = await query.map(tables);
    await Promise.all(tables.map((table) => notify(customer, table)));
    return sizes.reduce((sum, size) => sum + size, 0);
  },
);
