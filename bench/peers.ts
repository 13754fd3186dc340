/**
 * What the same shape costs elsewhere, from public prices of 2026-11-22 in us-east-1, without free tiers and, like our own figures, without compute.
 *
 * Step Functions, Standard: $25 a million state transitions (aws.amazon.com/step-functions/pricing). An execution of n tasks makes n transitions, one for its start and one for its
 * end; an inline Map adds one. Each task invokes a Lambda function ($0.20 a million). A Distributed Map is charged one transition for each child that it starts
 * (docs.aws.amazon.com/step-functions/latest/dg/concepts-transitions.html): at best Express children of 100 items each ($1 a million, and 100 ms of 64 MB at $16.67 a million GB-s),
 * at worst a Standard child an item.
 *
 * Durable functions: $8 a million operations (the start of an execution, a step, a wait, a child context), $0.25 a GB written (aws.amazon.com/lambda/pricing). A Map runs each item in a
 * child context, so an item with one step is two operations; an execution has 3,000 at most, so a large map is cut into executions. About 300 bytes are written an operation.
 */
export interface PeerFees {
  /** Unit: US dollars. */
  readonly stepFunctions: number;
  /** Where there is a dearer way to write the same. */
  readonly stepFunctionsMost?: number;
  readonly durableFunctions?: number;
}

const MILLION = 1e6;
const TRANSITION = 25 / MILLION;
const INVOCATION = 0.2 / MILLION;
const EXPRESS = 1 / MILLION + 0.1 * (64 / 1024) * (16.67 / MILLION);
const OPERATION = 8 / MILLION + (300 / 2 ** 30) * 0.25;
const SCHEDULED = 1 / MILLION;
const OPERATIONS_AN_EXECUTION = 3000;

const transitions = (tasks: number, map: number): number => (tasks + 2 + map) * TRANSITION + tasks * INVOCATION;

/** Tasks in a row. */
export const chain = (tasks: number): PeerFees => ({ stepFunctions: transitions(tasks, 0), durableFunctions: (tasks + 1) * OPERATION + INVOCATION });

/** Tasks in a row, each in a function of its own: durable functions run their steps in the one function. */
export const chainByQueue = (tasks: number): PeerFees => ({ stepFunctions: transitions(tasks, 0) });

/** Tasks side by side. */
export const fanOut = (tasks: number): PeerFees => ({ stepFunctions: transitions(tasks, 1), durableFunctions: (2 * tasks + 2) * OPERATION + INVOCATION });

export function largeMap(items: number): PeerFees {
  const children = items / 100;
  const executions = Math.ceil((2 * items) / (OPERATIONS_AN_EXECUTION - 2));
  return {
    stepFunctions: children * (TRANSITION + EXPRESS + INVOCATION),
    stepFunctionsMost: items * (2 * TRANSITION + INVOCATION),
    durableFunctions: (2 * items + 2 * executions) * OPERATION + executions * INVOCATION,
  };
}

/** A chain that a schedule starts. */
export function scheduled(times: number, tasks: number): PeerFees {
  const { stepFunctions, durableFunctions = 0 } = chain(tasks);
  return { stepFunctions: times * (stepFunctions + SCHEDULED), durableFunctions: times * (durableFunctions + SCHEDULED) };
}
