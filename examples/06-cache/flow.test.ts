import { expect } from "vitest";
import { forEachBackend, whereverItCrashes } from "../backends.ts";
import { forecast } from "./flow.ts";

forEachBackend("what was computed before is taken from the cache, unless it is asked to be fresh", async ({ client, finish }) => {
  const result = async (parameters: { seeds: number[]; fresh?: boolean }): Promise<unknown> => {
    const state = await finish(await client.run(forecast, parameters));
    return state.type === "COMPLETED" ? state.result : state;
  };
  expect(await result({ seeds: [7, 8] })).toEqual({ prices: [148.38, expect.any(Number)], fromCache: 0 });
  expect(await result({ seeds: [7, 8, 9] })).toMatchObject({ fromCache: 2 });
  expect(await result({ seeds: [7, 8, 9], fresh: true })).toMatchObject({ fromCache: 0 });
});

whereverItCrashes(forecast, { seeds: [7] }, { prices: [148.38], fromCache: 0 });
