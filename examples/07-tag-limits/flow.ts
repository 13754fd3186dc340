import { appendFile } from "node:fs/promises";
import { flow, task, unmapped } from "windhover";
import * as z from "zod";

/** How many tasks with this tag run at once, over all runs, is for the operator to say: `windhover limits set database 2`. Without a limit nothing holds them up. */
const query = task({ name: "query", tags: ["database"] }, async (table: string, journal?: string) => {
  if (journal) await appendFile(journal, `begin ${table}\n`);
  const rows = table.length;
  if (journal) await appendFile(journal, `end ${table}\n`);
  return rows;
});

/** A limit that the task brings along: one call at a time for each customer. */
const notify = task(
  { name: "notify", concurrency: { limit: 1, key: (customer) => customer } },
  async (customer: string, table: string) => `${customer}: ${table}`,
);

const Parameters = z.object({
  tables: z.array(z.string()),
  customer: z.string().default("acme"),
  journal: z.string().optional().describe("A file that is told when a query begins and ends"),
});

export const report = flow({ name: "report", parameters: Parameters }, async ({ tables, customer, journal }) => {
  const sizes = await query.map(tables, unmapped(journal));
  await Promise.all(tables.map((table) => notify(customer, table)));
  return sizes.reduce((sum, size) => sum + size, 0);
});
