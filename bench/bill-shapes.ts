/** The standard shapes, run once to warm up and once to be counted: what a container does once in its life (a flow that is noted as known, a connection) is not in it. */

import { COMPUTE, MINUTES_A_MONTH, pricedBy, STANDING_FREE } from "../adapters/aws/prices.ts";
import { runCost } from "../adapters/aws/run-cost.ts";
import { addUsage, timesUsage, type Usage } from "../adapters/aws/usage.ts";
import type { RunState } from "../engine/run-state.ts";
import * as flows from "./bill-flows.ts";
import * as peers from "./peers.ts";
import { idleQueueUsage, routineUsage } from "./pollers.ts";
import { World } from "./world.ts";

export interface Shape {
  readonly name: string;
  /** What the bill is for: a million tasks, or a month. */
  readonly per: "million tasks" | "month";
  /** Unit: US dollars. */
  readonly goal?: number;
  /** Usage for one of `per`. */
  readonly usage: Usage;
  /** What the run's own log makes of it, for one of `per`. Unit: US dollars. */
  readonly told?: number;
  /** What of it AWS gives everybody each month and for ever, where the goal counts on that. */
  readonly free?: Usage;
  /** Unit: US dollars, for one of `per`. */
  readonly peers?: peers.PeerFees;
}

export interface ShapeOptions {
  /** Items of the large map. */
  readonly items: number;
  /** Only these, by name. */
  readonly only?: readonly string[];
  /** Called with the world before a shape is counted. */
  readonly onShape?: (name: string, world: World) => void;
}

const MILLION = 1e6;
/** Tasks of a run that is not counted, at most. */
const WARM_UP = 1000;
type Expected = (n: number, from: number) => number;
const sum: Expected = (n, from) => n * from + (n * (n + 1)) / 2;
const last: Expected = (n, from) => from + n;
const EXPECTED: Readonly<Record<string, Expected>> = {
  three: () => 3,
  chain: last,
  "chain-by-queue": last,
  "chain-by-patient-queue": last,
  "one-by-one": sum,
  "at-most-once": sum,
  packed: sum,
  mapped: (n) => n,
};
/** How often a stack looks for dead letters. Unit: minutes. */
const DEAD_LETTERS_MINUTES = 5;

export async function* measure(endpoint: string, { items, only, onShape }: ShapeOptions): AsyncGenerator<Shape, void> {
  const world = await World.open(endpoint, [flows], flows.POOLS);
  flows.passing.ms = (ms) => world.pass(ms);
  const wanted = (name: string): boolean => only === undefined || only.length === 0 || only.some((part) => name.includes(part));
  let runs = 0;

  async function once(flow: string, n: number): Promise<{ readonly usage: Usage; readonly told: number }> {
    const from = 1e9 + runs * 1e7;
    const id = `bill${String(runs++).padStart(12, "0")}`;
    const usage = await world.cost(() => world.start(flow, flow === "three" ? {} : { n, from }, id));
    expectResult((await world.history(id)).at(-1)?.state as RunState | undefined, EXPECTED[flow]?.(n, from));
    return { usage, told: await told(world, id) };
  }
  async function* perMillion(name: string, flow: string, n: number, goal: number | undefined, fees: peers.PeerFees): AsyncGenerator<Shape, void> {
    if (!wanted(name)) return;
    await once(flow, Math.min(n, WARM_UP));
    onShape?.(name, world);
    const factor = MILLION / n;
    const run = await once(flow, n);
    yield { name, per: "million tasks", goal, usage: timesUsage(run.usage, factor), told: run.told * factor, peers: scaled(fees, factor) };
  }

  try {
    yield* perMillion("3-step run", "three", 3, undefined, peers.chain(3));
    yield* perMillion("chain of 100, inline", "chain", 100, 0.7, peers.chain(100));
    yield* perMillion("chain of 100, by a pool's queue", "chain-by-queue", 100, 4.1, peers.chainByQueue(100));
    yield* perMillion("chain of 100, by a pool's queue, tasks of 15 minutes", "chain-by-patient-queue", 100, undefined, peers.chainByQueue(100));
    yield* perMillion("fan-out of 100, one by one", "one-by-one", 100, 0.6, peers.fanOut(100));
    yield* perMillion("fan-out of 100, at most once", "at-most-once", 100, undefined, peers.fanOut(100));
    yield* perMillion("fan-out of 100, packed", "packed", 100, 0.15, peers.fanOut(100));
    yield* perMillion(`map of ${items.toLocaleString("en")}`, "mapped", items, 0.1, peers.largeMap(items));
    if (wanted("cron, 3 tasks a minute")) {
      // A tick from before the deployment was made would start nothing.
      const first = Math.ceil(world.now / 60_000) * 60_000 + 60_000;
      for (let minute = 0; minute < 3; minute++) await world.cost(() => world.tick("minutely", first + minute * 60_000));
      onShape?.("cron, 3 tasks a minute", world);
      const usage = await world.cost(() => world.tick("minutely", first + 3 * 60_000));
      const run = await told(world, await world.latest("minutely"));
      const month = { usage: timesUsage(usage, MINUTES_A_MONTH), told: run * MINUTES_A_MONTH, peers: peers.scheduled(MINUTES_A_MONTH, 3) };
      yield { name: "cron, 3 tasks a minute", per: "month", goal: 0.35, free: STANDING_FREE, ...month };
    }
    if (wanted("idle stack")) yield { name: "idle stack", per: "month", goal: 0.5, usage: await idle(endpoint) };
  } finally {
    world.close();
  }
}

/** A stack with its two queues, in which nothing happens. */
async function idle(endpoint: string): Promise<Usage> {
  const world = await World.open(endpoint, [flows]);
  try {
    const { mailbox, pools } = world.stack;
    const polls = [mailbox, ...Object.values(pools)].map(({ url }) => idleQueueUsage(url));
    return addUsage(...polls, routineUsage(DEAD_LETTERS_MINUTES, await world.lookForDeadLetters()));
  } finally {
    world.close();
  }
}

/** The fees that a run's log tells of. Compute is not one. */
async function told(world: World, run: string): Promise<number> {
  const { usd, gbSeconds } = await runCost(await world.history(run), world.stack);
  return usd - pricedBy(COMPUTE, { "lambda.gbSeconds": gbSeconds });
}

const scaled = ({ stepFunctions, stepFunctionsMost, durableFunctions }: peers.PeerFees, factor: number): peers.PeerFees => ({
  stepFunctions: stepFunctions * factor,
  ...(stepFunctionsMost !== undefined && { stepFunctionsMost: stepFunctionsMost * factor }),
  ...(durableFunctions !== undefined && { durableFunctions: durableFunctions * factor }),
});

function expectResult(state: RunState | undefined, expected: unknown): void {
  const got = state?.row.type === "COMPLETED" ? state.result : JSON.stringify(state?.row);
  if (got !== JSON.stringify(expected)) throw new Error(`a run came to ${got} instead of ${expected}`);
}
