import { flow, task } from "windhover";
import * as z from "zod";

const fetchSales = task({ name: "fetch-sales" }, async (region: string, day: string) => [...region, ...day].map((letter) => letter.charCodeAt(0) % 10));

/** A flow that can be run alone … */
export const region = flow({ name: "region", parameters: z.object({ region: z.string(), day: z.iso.date() }) }, async ({ region, day }) => {
  const sales = await fetchSales(region, day);
  return { region, total: sales.reduce((sum, sale) => sum + sale, 0) };
});

/** … or as a part of another: each call is a run of its own, with its own state, log and retries. These run side by side. */
export const company = flow(
  { name: "company", parameters: z.object({ regions: z.array(z.string()).default(["north", "south", "west"]), day: z.iso.date() }) },
  async ({ regions, day }) => {
    const totals = await Promise.all(regions.map((name) => region({ region: name, day })));
    return { day, total: totals.reduce((sum, { total }) => sum + total, 0) };
  },
);

/** A flow of flows of flows: a day's failure does not keep the other days from being counted. */
export const week = flow({ name: "week", parameters: z.object({ days: z.array(z.string()) }) }, async ({ days }) => {
  const results = await Promise.allSettled(days.map((day) => company({ day })));
  return { counted: results.filter(({ status }) => status === "fulfilled").length, failed: results.filter(({ status }) => status === "rejected").length };
});
