import { flow, runContext, task } from "windhover";
import * as z from "zod";

/** Expensive: its result is used again for an hour, by all runs of all flows that call it with the same arguments. A failure is never cached. It says which run has computed it. */
const simulateMarket = task({ name: "simulate-market", cacheKey: "inputs", cacheExpirationSeconds: 3600 }, async (seed: number, steps: number) => {
  let price = 100;
  for (let x = seed, i = 0; i < steps; i++) {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
    price *= 1 + (x / 2 ** 32 - 0.4985) / 100;
  }
  return { price: Number(price.toFixed(2)), computedBy: runContext().runId };
});

export const forecast = flow(
  { name: "forecast", parameters: z.object({ seeds: z.array(z.int()).default([1, 2, 3]), fresh: z.boolean().default(false) }) },
  async ({ seeds, fresh }) => {
    const simulate = fresh ? simulateMarket.withOptions({ refreshCache: true }) : simulateMarket;
    const markets = await Promise.all(seeds.map((seed) => simulate(seed, 10_000)));
    const { runId } = runContext();
    return { prices: markets.map(({ price }) => price), fromCache: markets.filter(({ computedBy }) => computedBy !== runId).length };
  },
);
