import { flow, task } from "windhover";
import * as z from "zod";

const createTable = task({ name: "create-table" }, async (table: string) => `created ${table}`);
const fill = task({ name: "fill" }, async (table: string, part: number) => `filled ${table} with part ${part}`);
const buildIndex = task({ name: "build-index" }, async (table: string) => `indexed ${table}`);

/** The order is not in the values: the table has to be there before it is filled, and full before its index is built. `waitFor` says so. */
export const rebuild = flow({ name: "rebuild", parameters: z.object({ table: z.string(), parts: z.int().min(1).default(3) }) }, async ({ table, parts }) => {
  const created = createTable(table);
  const filled = Array.from({ length: parts }, (_, part) => fill.withOptions({ waitFor: [created] })(table, part));
  const indexed = buildIndex.withOptions({ waitFor: filled })(table);
  return Promise.all([created, ...filled, indexed]);
});
