/** What the simulated worlds have in common: their tasks, and how runs begin, are found and may end. */
import type { Run } from "../../sdk/client-types.ts";
import type { Flow } from "../../sdk/flow.ts";
import { FailNow, task } from "../../sdk/index.ts";
import type { PortsClient } from "../../sdk/ports-client.ts";
import type { Scenario } from "../../sdk/testing/simulation.ts";

/** A schema that takes everything: what inputs look like is not what is simulated. */
export const anything = { "~standard": { version: 1 as const, vendor: "test", validate: (value: unknown) => ({ value }) } };

export const double = task({ name: "double" }, async (n: number) => n * 2);
export const add = task({ name: "add" }, async (a: number, b: number) => a + b);
export const sum = task({ name: "sum" }, async (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0));
export const fails = task({ name: "fails" }, async (why: string): Promise<number> => {
  throw new FailNow(why);
});
/** Fails until its attempt says otherwise: which attempt it is, the log decides. */
export const failing = new Map<string, number>();
export const flaky = task({ name: "flaky", retries: 6, retryDelaySeconds: 2 }, async (n: number, key: string): Promise<number> => {
  const times = (failing.get(key) ?? 0) + 1;
  failing.set(key, times);
  if (times % 2 === 1) throw new Error("not yet");
  return n + 1;
});

export const one =
  (target: unknown, parameters: object = {}): Scenario["begin"] =>
  async (client) => [await client.run(target as Flow<object, unknown>, parameters, { id: "r1" })];
export const several =
  (target: unknown, count: number): Scenario["begin"] =>
  (client) =>
    Promise.all(Array.from({ length: count }, (_, i) => client.run(target as Flow<object, unknown>, { n: i }, { id: `r${i + 1}` })));
export const get = (client: PortsClient, run = "r1"): Run<unknown> => client.get(run);
export const numbered = { ...anything } as typeof anything & {
  readonly "~standard": { readonly types?: { readonly input: { n: number }; readonly output: { n: number } } };
};
export const isEnd =
  (...allowed: readonly string[]) =>
  (ending: string): boolean =>
    allowed.some((start) => ending.startsWith(start));
