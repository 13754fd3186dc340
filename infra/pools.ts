/** Pools as the construct is given them: checked, with what is left out filled in. */
import { HELD_SECONDS } from "../adapters/aws/visibility.ts";
import { WindhoverError } from "../engine/errors.ts";
import type { PoolOptions } from "../sdk/config.ts";
import type { Description } from "./describe.ts";

export interface LambdaPool {
  readonly kind: "lambda";
  readonly name: string;
  readonly memoryMb: number;
  readonly timeoutSeconds: number;
  readonly concurrency?: number;
}
export interface ContainerPool {
  readonly kind: "container";
  readonly name: string;
  /** Fargate's units: 1024 are one vCPU. */
  readonly cpuUnits: number;
  readonly memoryMb: number;
  readonly concurrency: number;
  readonly image?: string;
}
export type Pool = LambdaPool | ContainerPool;

/** What a function runs at most. Unit: seconds. */
export const LONGEST_SECONDS = 900;
const MEMORY_MB = 1024;
/** Containers of one pool at once, unless it says otherwise. */
const CONTAINERS = 10;
/** A container's task has a bound too: SQS keeps a message hidden for so long at most. Unit: seconds. */
const CONTAINER_SECONDS = 12 * 3600;

/** What Fargate combines: by CPU units, least, most and step of the memory. Unit: MB. */
const FARGATE: Readonly<Record<number, readonly [number, number, number]>> = {
  256: [512, 2048, 512],
  512: [1024, 4096, 1024],
  1024: [2048, 8192, 1024],
  2048: [4096, 16_384, 1024],
  4096: [8192, 30_720, 1024],
  8192: [16_384, 61_440, 4096],
  16384: [32_768, 122_880, 8192],
};

/** The pool `default` is always there, and first. @throws WH2031 for settings that AWS does not know. */
export function poolsOf(options: Readonly<Record<string, PoolOptions>> = {}): readonly Pool[] {
  const { default: first = {}, ...others } = options;
  return Object.entries({ default: first, ...others }).map(([name, pool]) => {
    if (!/^[A-Za-z0-9_-]{1,40}$/.test(name))
      throw refusal(name, "its name becomes part of a queue's and a function's name", "1 to 40 letters, digits, hyphens and underscores", name);
    const known = pool.kind === "container" ? ["kind", "concurrency", "cpu", "memoryMb", "image"] : ["kind", "concurrency", "memoryMb", "timeoutSeconds"];
    const unknown = Object.keys(pool).find((option) => !known.includes(option));
    if (unknown !== undefined) throw refusal(name, `a pool of kind "${pool.kind ?? "lambda"}" has no option "${unknown}"`, known.join(", "), unknown);
    return pool.kind === "container" ? containerPool(name, pool) : lambdaPool(name, pool);
  });
}

function lambdaPool(
  name: string,
  { kind, memoryMb = MEMORY_MB, timeoutSeconds = LONGEST_SECONDS, concurrency }: Extract<PoolOptions, { readonly kind?: "lambda" }>,
): LambdaPool {
  if (kind !== undefined && kind !== "lambda") throw refusal(name, `"${kind}" is no kind of pool`, '"lambda" or "container"', String(kind));
  whole(name, "memoryMb", memoryMb, 128, 10_240);
  whole(name, "timeoutSeconds", timeoutSeconds, 1, LONGEST_SECONDS);
  // SQS lets Lambda take two batches at once at least.
  if (concurrency !== undefined) whole(name, "concurrency", concurrency, 2, 1000);
  return { kind: "lambda", name, memoryMb, timeoutSeconds, ...(concurrency !== undefined && { concurrency }) };
}

/** `cpu` is a number of vCPUs (0.25 to 16), or Fargate's own units (256 to 16384). */
function containerPool(name: string, { cpu, memoryMb, concurrency = CONTAINERS, image }: Extract<PoolOptions, { readonly kind: "container" }>): ContainerPool {
  if (name === "default") throw refusal(name, "the default pool also carries timers, and is a function", 'kind: "lambda"', "container");
  const cpuUnits = cpu <= 16 ? cpu * 1024 : cpu;
  const [least, most, step] = FARGATE[cpuUnits] ?? [];
  if (least === undefined || most === undefined || step === undefined)
    throw refusal(
      name,
      `Fargate has no size with \`cpu\` ${cpu}`,
      `${Object.keys(FARGATE)
        .map((units) => Number(units) / 1024)
        .join(", ")} vCPUs`,
      String(cpu),
    );
  const fits = memoryMb >= least && memoryMb <= most && (memoryMb % step === 0 || (cpuUnits === 256 && [512, 1024, 2048].includes(memoryMb)));
  if (!fits || (cpuUnits === 256 && memoryMb === 1536))
    throw refusal(name, `Fargate has no ${memoryMb} MB with ${cpuUnits / 1024} vCPU`, `${least} to ${most} MB in steps of ${step}`, `memoryMb: ${memoryMb}`);
  whole(name, "concurrency", concurrency, 1, 1000);
  return { kind: "container", name, cpuUnits, memoryMb, concurrency, ...(image !== undefined && { image }) };
}

function whole(pool: string, option: string, value: number, least: number, most: number): void {
  if (!Number.isInteger(value) || value < least || value > most)
    throw refusal(pool, `\`${option}\` cannot be ${value}`, `a whole number from ${least} to ${most}`, `${option}: ${value}`);
}

/** The longest that one task may take. Unit: seconds. */
export const timeoutOf = (pool: Pool): number => (pool.kind === "container" ? CONTAINER_SECONDS : pool.timeoutSeconds);

/**
 * How long a pool's queue hides a message. A container, and an executor of a pool whose tasks may take longer than a minute, shorten that as they begin and renew it as they go. Nobody renews
 * it for tasks that take a minute at most: there it has to outlast the function by far, because SQS counts from when Lambda's poller took the message, which then waits for its batch, for a
 * function to start, and for its turn where the account's concurrency is used up. Unit: seconds.
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
 */
export const visibilityOf = (pool: Pool): number =>
  pool.kind === "container" || pool.timeoutSeconds > HELD_SECONDS
    ? LONGEST_SECONDS
    : Math.max(SHORTEST_VISIBILITY_SECONDS, SHORT_POOL_FACTOR * pool.timeoutSeconds);
/** What AWS advises. */
const SHORT_POOL_FACTOR = 6;
/** For pools of a few seconds: a function starts no faster for them. Unit: seconds. */
const SHORTEST_VISIBILITY_SECONDS = 180;

/** @throws WH2031 for a pool that no task can run in · WH2033 for a task that may take longer than its pool's functions. */
export function checkTasks({ tasks, flowPools }: Description, pools: readonly Pool[]): void {
  for (const [flow, wanted] of Object.entries(flowPools)) poolFor(`flow "${flow}"`, wanted, pools);
  for (const { name, pool: wanted = "default", timeoutSeconds } of tasks) {
    const pool = poolFor(`task "${name}"`, wanted, pools);
    const most = timeoutOf(pool);
    if (timeoutSeconds !== undefined && timeoutSeconds > most)
      throw new WindhoverError("WH2033", {
        message: `The task "${name}" may take ${timeoutSeconds} seconds, and the pool "${wanted}" gives it ${most}.`,
        expected: `at most ${most} seconds`,
        got: `timeoutSeconds: ${timeoutSeconds}`,
        ...(most >= LONGEST_SECONDS &&
          pool.kind === "lambda" && { action: 'A function runs for 900 seconds at most: give the task a pool of kind "container".' }),
        ...(pool.kind === "container" && { action: "Split the task: SQS keeps its message for 12 hours at most while it runs." }),
      });
  }
}

function poolFor(who: string, wanted: string, pools: readonly Pool[]): Pool {
  const pool = pools.find((one) => one.name === wanted);
  if (pool) return pool;
  throw new WindhoverError("WH2031", {
    message: `The ${who} names the pool "${wanted}", which the construct does not have.`,
    expected: `one of ${pools.map((one) => one.name).join(", ")}`,
    got: wanted,
  });
}

function refusal(pool: string, why: string, expected: string, got: string): WindhoverError {
  return new WindhoverError("WH2031", { message: `The pool "${pool}" cannot be made: ${why}.`, expected, got });
}
