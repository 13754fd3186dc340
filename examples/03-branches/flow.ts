import { flow, task } from "windhover";
import * as z from "zod";

const countRows = task({ name: "count-rows" }, async (table: string) => table.length * 1000);
const loadAtOnce = task({ name: "load-at-once" }, async (rows: number) => `${rows} rows at once`);
const loadInParts = task({ name: "load-in-parts" }, async (from: number, to: number) => to - from);
const warn = task({ name: "warn" }, async (table: string) => `${table} is empty`);

/** Branches, loops and early returns are the language's own. What decides them has to come from parameters and tasks: then a replay decides the same. */
export const branches = flow(
  { name: "branches", parameters: z.object({ table: z.string(), part: z.int().positive().default(2500) }) },
  async ({ table, part }) => {
    const rows = await countRows(table);
    if (rows === 0) return warn(table);
    if (rows <= part) return loadAtOnce(rows);
    let loaded = 0;
    for (let from = 0; from < rows; from += part) loaded += await loadInParts(from, Math.min(rows, from + part));
    return `${loaded} rows in ${Math.ceil(rows / part)} parts`;
  },
);
