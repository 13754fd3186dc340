/** What is deployed to the emulator and timed there. A step takes a number and gives the next. */
import * as z from "zod";
import { flow, task } from "../sdk/index.ts";

const size = z.object({ n: z.number() });
const step = task({ name: "step" }, async (n: number) => n + 1);
const pooled = task({ name: "pooled-step", pool: "workers" }, async (n: number) => n + 1);

export const chain = flow({ name: "chain", parameters: size }, async ({ n }) => {
  let value = 0;
  while (value < n) value = await step(value);
  return value;
});
export const chainByQueue = flow({ name: "chain-by-queue", parameters: size }, async ({ n }) => {
  let value = 0;
  while (value < n) value = await pooled(value);
  return value;
});
export const fanOut = flow({ name: "fan-out", parameters: size }, async ({ n }) => {
  const values = await Promise.all(Array.from({ length: n }, (_, i) => step(i)));
  return values.length;
});
