/** The options of tasks and flows, as authors write them, and their checks. */
import type { HookFunction, HookName, RetryDelay } from "../engine/definition.ts";
import { HOOK_NAMES } from "../engine/definition.ts";
import { WindhoverError } from "../engine/errors.ts";
import type { CallFuture } from "../engine/future.ts";
import { LIMITS } from "../engine/limits.ts";
import type { State } from "../engine/state.ts";

export type { RetryDelay } from "../engine/definition.ts";

/** A started call: a real promise, with the call's id and its final state. */
export interface Future<R> extends Promise<R> {
  readonly id: string;
  /** The final state, when there is one; never throws. */
  state(): Promise<State<R>>;
}
/** The calls of a map: await all results, iterate over their futures, or `for await` in the order in which they end. */
export interface FutureList<R> extends Future<R[]>, Iterable<Future<R>>, AsyncIterable<{ readonly index: number; readonly state: State<R> }> {
  readonly id: string;
  readonly length: number;
  states(): Promise<State<R>[]>;
}

/** Standard Schema v1: zod, valibot and arktype satisfy it. */
export interface Schema<In = unknown, Out = In> {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly types?: { readonly input: In; readonly output: Out } | undefined;
    readonly validate: (value: unknown) => unknown;
  };
}
export type AnySchema = Schema<unknown, unknown>;
export type InputOf<S> = S extends { "~standard": { types?: { input: infer I } | undefined } } ? I : never;
export type OutputOf<S> = S extends { "~standard": { types?: { output: infer O } | undefined } } ? O : never;

export interface HookContext<R> {
  /** The call's id, or the run's for a flow's hook. */
  readonly id: string;
  readonly name: string;
  /** Its `result` is left out for a map, which is too long for it, and where it is not stored (`persistResult: false`). */
  readonly state: State<R>;
  readonly parameters: unknown;
}
/** What it returns is nobody's. */
export type Hook<R> = (context: HookContext<R>) => unknown;

interface Shared<R> {
  /** For people who look at it. */
  readonly description?: string;
  /** Of the code, in your own words. A task's cached results are those of its version. */
  readonly version?: string;
  /** What runs are found by. Where a limit is set under a tag's name, each call of a task that has the tag takes a slot of it. */
  readonly tags?: readonly string[];
  /** How often it runs again after it threw, at most 1000. Default 0. `FailNow` ends it at once. */
  readonly retries?: number;
  /** A number, one for each retry (the last serves for the rest), or a function of the attempt that failed (from 1) and the error. Default 0. `RetryAfter` says its own. */
  readonly retryDelaySeconds?: RetryDelay;
  /** Adds up to this fraction to each delay, at random: 0.5 makes of 10 seconds 10 to 15. Default 0. */
  readonly retryJitterFactor?: number;
  /**
   * Of a task: how long one attempt may take. Beyond, its `signal` fires and the attempt fails with WH1401, which counts against `retries`. Of a flow: how long the run may take,
   * with all its waits and retries. Beyond, it is stopped as by a cancel and ends as Failed (TimedOut, WH1401). A positive number; default: no bound of ours.
   */
  readonly timeoutSeconds?: number;
  /** Hooks run as tasks of the run: recorded, tried again up to three times, and without a say in the outcome. This one as it begins to run. */
  readonly onRunning?: readonly Hook<R>[];
  readonly onCompletion?: readonly Hook<R>[];
  readonly onFailure?: readonly Hook<R>[];
  readonly onCancellation?: readonly Hook<R>[];
  readonly onCrashed?: readonly Hook<R>[];
}

/** The task's arguments, taken from its function alone; a function of fewer arguments fits as well. */
type ArgumentsOf<A extends readonly unknown[]> = { [K in keyof A]: NoInfer<A[K]> };

export interface TaskOptions<A extends readonly unknown[], R> extends Shared<R> {
  /** 1 to 100 characters, one task a name: queued work finds its code by it. */
  readonly name: string;
  /** Whether this error is worth another try, asked before each retry with the attempt that failed (from 1). `false`, or a condition that throws, ends it. */
  readonly retryCondition?: (error: unknown, attempt: number) => boolean;
  /** Use a stored result again, over all runs: by the inputs, or by a key of your own made of them. Only successes are stored, and only those of this task and `version` are found. */
  readonly cacheKey?: "inputs" | ((...args: ArgumentsOf<A>) => string);
  /** How long a stored result is used again, from when it was stored. A positive number, beside a `cacheKey`; default: without end. */
  readonly cacheExpirationSeconds?: number;
  /** `true`: a stored result is not used, and the new one is stored in its place. */
  readonly refreshCache?: boolean;
  /** `false`: the result is not stored, but computed again on replay. It has to come out the same. */
  readonly persistResult?: boolean;
  /** Runs in this pool (see `pools` of the settings), always by way of the queue. Default: in the flow's turn where that fits, else in the pool `default`. */
  readonly pool?: string;
  /** At most so many at once over all runs, or so many for each key. */
  readonly concurrency?: { readonly limit: number; readonly key?: (...args: ArgumentsOf<A>) => string };
  /** Takes the result back when a `transaction` around the call fails. */
  readonly onRollback?: (result: NoInfer<R>, args: NoInfer<A>) => unknown;
  /** How often it may run again because its process died (default 3). Apart from `retries`, which counts what the task threw. 0: never, and strictly at most once. */
  readonly crashRetries?: number;
}

export interface CallOptions {
  /** A name for this call in its run, instead of its place: `extract:paris` stays itself when the order of calls changes. */
  readonly key?: string;
  /** Start only when these have completed. */
  readonly waitFor?: readonly (Future<unknown> | FutureList<unknown>)[];
  /** map: so many items at once. */
  readonly mapConcurrency?: number;
  /** map: so many items may fail; beyond, no further item starts. */
  readonly toleratedFailures?: number;
}

export interface FlowOptions<S, R = unknown> extends Shared<R> {
  /** 1 to 100 characters, one flow a name: runs and schedules find their code by it. */
  readonly name: string;
  /** A Standard Schema of one object. Without one the flow takes no parameters (WH2005). */
  readonly parameters?: S;
  /** Its tasks run in this pool, unless they name one themselves. */
  readonly pool?: string;
  /** A flow's result is always kept: it is what its run's end tells whoever waits. `false` is refused (WH1003). */
  readonly persistResult?: boolean;
}

/** Hooks by name, as the engine keeps them. */
export function hooksOf(options: Partial<Record<HookName, readonly unknown[]>>): Partial<Record<HookName, readonly HookFunction[]>> {
  return Object.fromEntries(HOOK_NAMES.filter((name) => options[name]?.length).map((name) => [name, options[name] as readonly HookFunction[]]));
}

/**
 * @throws WH1001 when the name is missing, empty, too long, or has control characters.
 */
export function checkName(kind: string, name: unknown): string {
  const fits =
    typeof name === "string" &&
    name.trim() === name &&
    name.length > 0 &&
    name.length <= LIMITS.nameLength &&
    !/\p{Cc}/u.test(name) &&
    !name.startsWith("/") &&
    !name.endsWith("/");
  if (!fits)
    throw new WindhoverError("WH1001", {
      message: `A ${kind} needs a name.`,
      expected: `1 to ${LIMITS.nameLength} characters, without control characters, outer spaces or slashes`,
      got: name === undefined ? "no name" : JSON.stringify(name),
    });
  return name;
}

const isCount = (value: unknown): boolean => Number.isInteger(value) && (value as number) >= 0;
const isPositive = (value: unknown): boolean => typeof value === "number" && Number.isFinite(value) && value > 0;
const isSeconds = (value: unknown): boolean => typeof value === "number" && Number.isFinite(value) && value >= 0;
const isDelay = (value: unknown): boolean => typeof value === "function" || isSeconds(value) || (Array.isArray(value) && value.every(isSeconds));
const isFlag = (value: unknown): boolean => typeof value === "boolean";
const isTags = (value: unknown): boolean =>
  Array.isArray(value) && value.every((tag) => typeof tag === "string" && tag.length > 0 && tag.length <= LIMITS.nameLength);

const CHECKS: Readonly<Record<string, { readonly fits: (value: unknown) => boolean; readonly expected: string }>> = {
  retries: { fits: (v) => isCount(v) && (v as number) <= LIMITS.retries, expected: `a whole number from 0 to ${LIMITS.retries}` },
  crashRetries: { fits: (v) => isCount(v) && (v as number) <= LIMITS.retries, expected: `a whole number from 0 to ${LIMITS.retries}` },
  retryDelaySeconds: { fits: isDelay, expected: "a number of seconds, a list of them, or a function" },
  retryJitterFactor: { fits: (v) => typeof v === "number" && v >= 0 && Number.isFinite(v), expected: "a number from 0 on" },
  timeoutSeconds: { fits: isPositive, expected: "a positive number of seconds" },
  cacheExpirationSeconds: { fits: isPositive, expected: "a positive number of seconds" },
  mapConcurrency: { fits: (v) => isCount(v) && (v as number) > 0, expected: "a whole number from 1 on" },
  toleratedFailures: { fits: isCount, expected: "a whole number from 0 on" },
  tags: { fits: isTags, expected: "a list of non-empty strings" },
  retryCondition: { fits: (v) => typeof v === "function", expected: "a function" },
  onRollback: { fits: (v) => typeof v === "function", expected: "a function" },
  cacheKey: { fits: (v) => v === "inputs" || typeof v === "function", expected: '"inputs" or a function' },
  concurrency: {
    fits: (v) => isPositive((v as { limit?: number }).limit) && Number.isInteger((v as { limit: number }).limit),
    expected: "{ limit: a whole number from 1 on }",
  },
  key: { fits: (v) => typeof v === "string" && v.length > 0 && v.length <= LIMITS.nameLength, expected: `1 to ${LIMITS.nameLength} characters` },
  pool: { fits: (v) => typeof v === "string" && v.length > 0, expected: "a pool's name" },
  refreshCache: { fits: isFlag, expected: "true or false" },
  persistResult: { fits: isFlag, expected: "true or false" },
};

const SHARED = ["name", "description", "version", "tags", "retries", "retryDelaySeconds", "retryJitterFactor", "timeoutSeconds", ...HOOK_NAMES] as const;
const OF_A_TASK = ["retryCondition", "cacheKey", "cacheExpirationSeconds", "refreshCache", "concurrency", "onRollback", "crashRetries"] as const;
const OF_A_CALL = ["key", "waitFor"] as const;
/** Which options there are, for a definition and for `withOptions`. */
const KNOWN: Readonly<Record<"task" | "flow" | "call of task" | "call of flow", readonly string[]>> = {
  task: [...SHARED, "pool", "persistResult", ...OF_A_TASK],
  flow: [...SHARED, "pool", "persistResult", "parameters"],
  "call of task": [...SHARED, "pool", "persistResult", ...OF_A_TASK, ...OF_A_CALL, "mapConcurrency", "toleratedFailures"],
  "call of flow": [...SHARED, "pool", "persistResult", "parameters", ...OF_A_CALL],
};

/**
 * Refuses what an option cannot be, and one that would do nothing, where it is written rather than where it would hurt.
 * @throws WH1003
 */
export function checkOptions(kind: keyof typeof KNOWN, name: string, options: object): void {
  const owner = `${kind.replace("call of ", "")} "${name}"`;
  for (const [option, value] of Object.entries(options)) {
    if (value === undefined) continue;
    if (!KNOWN[kind].includes(option)) {
      const ofCalls = (kind === "task" || kind === "flow") && KNOWN[`call of ${kind}`].includes(option);
      const hint = ofCalls ? `: it goes with a call, by withOptions({ ${option} })` : "";
      throw new WindhoverError("WH1003", { message: `${owner} has no option "${option}"${hint}.`, expected: [...KNOWN[kind]].sort().join(", "), got: option });
    }
    const check = CHECKS[option];
    const hook = (HOOK_NAMES as readonly string[]).includes(option);
    const bad = check ? !check.fits(value) : hook && !(Array.isArray(value) && value.every((h) => typeof h === "function"));
    if (bad)
      throw new WindhoverError("WH1003", {
        message: `${owner}: \`${option}\` cannot be ${shown(value)}.`,
        expected: check?.expected ?? "a list of functions",
        got: shown(value),
      });
  }
}

const shown = (value: unknown): string => (typeof value === "function" ? "a function" : (JSON.stringify(value) ?? String(value)));

export type AnyFuture = CallFuture<unknown>;
