import { flow, task } from "windhover";
import * as z from "zod";

const add = task({ name: "add" }, async (n: number) => n + 1);

export const chain = flow({ name: "chain", parameters: z.object({ n: z.number() }) }, async ({ n }) => {
  let sum = 0;
  for (let i = 0; i < n; i++) sum = await add(sum);
  return sum;
});

export const fan = flow({ name: "fan", parameters: z.object({ n: z.number() }) }, async ({ n }) => {
  const all = await Promise.all(Array.from({ length: n }, (_, i) => add(i)));
  return all.reduce((a, b) => a + b, 0);
});
