import { expect } from "vitest";
import { forEachBackend, whereverItCrashes } from "../backends.ts";
import { computed, forecast } from "./flow.ts";

forEachBackend("what was computed before is taken from the cache, unless it is asked to be fresh", async ({ client, finish }) => {
  const computations = async (parameters: { seeds: number[]; fresh?: boolean }): Promise<number> => {
    const before = computed.times;
    expect(await finish(await client.run(forecast, parameters))).toMatchObject({ type: "COMPLETED" });
    return computed.times - before;
  };
  expect(await computations({ seeds: [1, 2] })).toBe(2);
  expect(await computations({ seeds: [1, 2, 3] })).toBe(1);
  expect(await computations({ seeds: [1, 2, 3], fresh: true })).toBe(3);
});

whereverItCrashes(forecast, { seeds: [7] }, [148.38]);
