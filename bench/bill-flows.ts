/** The flows whose bill is looked at. A step takes a number and gives the next: what the step itself would cost is not ours. */
import * as z from "zod";
import { flow, interval, task } from "../sdk/index.ts";

/** The pools of the chains by way of a queue: how long a task may take there. In the first a message is hidden for so short a time that nobody has to shorten it. Unit: seconds. */
export const POOLS = { workers: 60, patient: 900 } as const;

/** `from`: other numbers in each run, for a result that the bucket has already is not put again. */
const size = z.object({ n: z.number(), from: z.number() });
const step = task({ name: "step" }, async (n: number) => n + 1);
const pooled = task({ name: "pooled-step", pool: "workers" satisfies keyof typeof POOLS }, async (n: number) => n + 1);
const patient = task({ name: "patient-step", pool: "patient" satisfies keyof typeof POOLS }, async (n: number) => n + 1);
/** Lets time pass, as the world has it: see `bill-shapes.ts`. */
export const passing = { ms: (_ms: number): void => {} };
/** What took over a second before travels alone: one task a message. The first shows it, the others cost no time. */
const long = task({ name: "long-step" }, async (n: number, takesMs: number) => {
  if (takesMs > 0) passing.ms(takesMs);
  return n + 1;
});
/** What may run at most once also runs alone, in an invocation of its own. */
const alone = task({ name: "alone-step", crashRetries: 0 }, async (n: number) => n + 1);
const numbers = (n: number, from: number): number[] => Array.from({ length: n }, (_, i) => from + i);
const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

export const chain = flow({ name: "chain", parameters: size }, async ({ n, from }) => {
  let value = from;
  while (value < from + n) value = await step(value);
  return value;
});
export const chainByQueue = flow({ name: "chain-by-queue", parameters: size }, async ({ n, from }) => {
  let value = from;
  while (value < from + n) value = await pooled(value);
  return value;
});
export const chainByPatientQueue = flow({ name: "chain-by-patient-queue", parameters: size }, async ({ n, from }) => {
  let value = from;
  while (value < from + n) value = await patient(value);
  return value;
});
export const oneByOne = flow({ name: "one-by-one", parameters: size }, async ({ n, from }) => {
  await long(from, 1100);
  return sum(await Promise.all(numbers(n, from).map((i) => long(i, 0))));
});
export const atMostOnce = flow({ name: "at-most-once", parameters: size }, async ({ n, from }) =>
  sum(await Promise.all(numbers(n, from).map((i) => alone(i)))),
);
export const packed = flow({ name: "packed", parameters: size }, async ({ n, from }) => sum(await Promise.all(numbers(n, from).map((i) => step(i)))));
export const mapped = flow({ name: "mapped", parameters: size }, async ({ n, from }) => (await step.map(numbers(n, from))).length);

export const three = flow({ name: "three" }, async () => step(await step(await step(0))));
export const minutely = three.deployment({ name: "minutely", schedules: [interval("1 minute")] });
