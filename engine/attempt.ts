/**
 * One attempt of a task, wherever it runs: inline in a turn, in an executor that took it from a queue, or in a container. What the author's code throws
 * becomes a report, with what the task's policy makes of it.
 */
import { Cache } from "./cache.ts";
import { decode, encode, encodeError, hash } from "./codec.ts";
import type { Code, HookFunction, TaskDefinition } from "./definition.ts";
import { Cancelled, WindhoverError } from "./errors.ts";
import type { Payload, SettledLabel, StoredPayload } from "./events.ts";
import type { HookDetail } from "./hooks.ts";
import { Interruption } from "./interruption.ts";
import { indicesOf } from "./items.ts";
import { LIMITS } from "./limits.ts";
import type { ItemFailure, TaskReport, Verdict } from "./messages.ts";
import { payloadText, readPayload } from "./payload.ts";
import type { LogLine, Ports, RunFacts, TaskItem } from "./ports.ts";
import { verdictOf } from "./retry.ts";
import { shared } from "./scope.ts";
import { timesMasked } from "./secrecy.ts";
import { Sequence } from "./sequence.ts";
import { stored } from "./spill.ts";
import { AttemptScope, type ReadFacts } from "./task-scope.ts";
import { codeOf } from "./thrown.ts";

export interface AttemptHost {
  readonly ports: Pick<Ports, "aborts" | "clock" | "events" | "index" | "logs" | "registry" | "results" | "secrets">;
  readonly code: Code;
  /** How long this process may still run, where that is bounded. Unit: milliseconds. */
  readonly timeLeft?: () => number;
  /** Tests put other functions in the place of a task's. */
  readonly stubs?: ReadonlyMap<string, (...args: never[]) => unknown>;
  /** Sees each log line as it is written. */
  readonly onLog?: (line: LogLine) => void;
  /** Sees each run of a task's code, with its arguments, and which attempt of which run's call it is. */
  readonly onRun?: (task: string, args: readonly unknown[], actor: string, item: TaskItem) => void;
}

interface Attempt {
  readonly host: AttemptHost;
  readonly actor: string;
  readonly run: ReadFacts;
  readonly item: TaskItem;
  readonly interruption: Interruption;
  readonly inline: boolean;
  lines: number;
  /** It was said that a result had a secret in it. */
  saidMasked?: true;
}

type Result =
  | { readonly ok: true; readonly value: string; readonly label?: SettledLabel }
  | { readonly ok: false; readonly error: string; readonly verdict: Verdict; readonly label?: SettledLabel };

/** Runs the attempt. @throws what a port throws, when the backend cannot be reached. */
export async function runAttempt(host: AttemptHost, actor: string, run: RunFacts, item: TaskItem, outer?: Interruption): Promise<TaskReport> {
  const { clock, aborts } = host.ports;
  const from = clock.now();
  const { parameters } = run;
  const facts = typeof parameters === "string" ? (run as ReadFacts) : { ...run, parameters: await parametersOf(host.ports.results, parameters) };
  const attempt: Attempt = { host, actor, run: facts, item, interruption: new Interruption(), inline: outer !== undefined, lines: 0 };
  const stop = aborts.watch(actor, item.call, () => attempt.interruption.interrupt(new Cancelled()));
  outer?.onInterrupt(() => attempt.interruption.interrupt(outer.reason));
  try {
    const { call, attempt: number, piece } = item;
    if (piece) return await runPiece(attempt, from);
    const args = argumentsOf(attempt);
    const result = await runOne(attempt, (args instanceof Promise ? await args : args) as readonly unknown[], call);
    const ran = [from, clock.now()] as const;
    if (!result.ok) return { call, attempt: number, ran, ...result };
    return item.transient ? { call, attempt: number, ran, ok: true, value: result.value, hash: hash(result.value) } : { call, attempt: number, ran, ...result };
  } catch (error) {
    // What the backend does not answer is no failure of the task: the attempt is given up, and counts as one whose process died.
    if (!(error instanceof WindhoverError) || (error.code.startsWith("WH3") && error.code !== "WH3007")) throw error;
    // The arguments could not be read, or the task is not known here: nothing of the author's ran.
    return {
      call: item.call,
      attempt: item.attempt,
      ran: [from, clock.now()],
      piece: item.piece,
      ok: false,
      error: encodeError(error),
      verdict: { again: false },
    };
  } finally {
    stop();
  }
}

/** Parameters that were read last, and from which store: tasks of one run mostly come together, and each finds them in its scope. */
let lastRead: { readonly results: object; readonly ref: string; readonly text: Promise<string> } | undefined;

function parametersOf(results: Pick<Ports["results"], "get">, { ref }: StoredPayload): Promise<string> {
  if (lastRead?.results === results && lastRead.ref === ref) return lastRead.text;
  const text = results.get(ref);
  lastRead = { results, ref, text };
  text.catch(() => {
    if (lastRead?.text === text) lastRead = undefined;
  });
  return text;
}

/** At once where all of them stand in the message, as most do. */
function argumentsOf(attempt: Attempt): unknown {
  const { args, deps } = attempt.item;
  if (args === undefined) return [];
  return typeof args === "string" && deps === undefined ? decode(args) : storedArguments(attempt, args);
}

async function storedArguments({ host, item }: Attempt, args: Payload): Promise<unknown> {
  const { results } = host.ports;
  const deps = new Map<string, unknown>();
  for (const [id, payload] of Object.entries(item.deps ?? {})) deps.set(id, await readPayload(payload, results));
  return decode(await payloadText(args, results), { resolve: (id) => deps.get(id) });
}

/** A piece of a map: its items run side by side, or one after the other where they share a slot; each fails or succeeds for itself. */
async function runPiece(attempt: Attempt, from: number): Promise<TaskReport> {
  const { item, host } = attempt;
  const piece = item.piece as NonNullable<typeof item.piece>;
  const rows = (await argumentsOf(attempt)) as readonly (readonly unknown[])[];
  const indices = indicesOf(piece);
  const values: string[] = [];
  const failed: ItemFailure[] = [];
  let next = 0;
  let slowest = 0;
  /** One item is begun whatever the time is: a piece that never gets on would be sent again for ever. */
  const isLate = (): boolean => next > 0 && host.timeLeft !== undefined && host.timeLeft() < Math.max(LIMITS.lastItemMs, 2 * slowest);
  const work = async (): Promise<void> => {
    while (next < rows.length && !isLate()) {
      const i = next++;
      const index = indices[i] as number;
      const began = host.ports.clock.now();
      const result = await runOne(attempt, rows[i] as readonly unknown[], `${item.call}/${index}`);
      values[i] = result.ok ? result.value : "null";
      if (!result.ok) failed.push({ index, error: result.error, verdict: result.verdict });
      slowest = Math.max(slowest, host.ports.clock.now() - began);
    }
  };
  await Promise.all(Array.from({ length: item.sequential ? 1 : Math.min(rows.length, LIMITS.itemsAtOnce) }, work));
  const rest = indices.slice(next);
  for (let i = next; i < rows.length; i++) values[i] = "null";
  return {
    call: item.call,
    attempt: item.attempt,
    piece,
    ran: [from, host.ports.clock.now()],
    ok: true,
    value: `[${values.join(",")}]`,
    ...(failed.length && { failed }),
    ...(rest.length && { rest }),
  };
}

/** Runs the code once, with its cache, timeout and abort. `id` is the call's, or the item's. */
async function runOne(attempt: Attempt, args: readonly unknown[], id: string): Promise<Result> {
  const { host, item } = attempt;
  if (item.run === "builtin") return builtin(attempt, args);
  const known = host.code.task(item.task, item.variant);
  const definition = known && item.overrides !== undefined ? { ...known, ...(JSON.parse(item.overrides) as Partial<TaskDefinition>) } : known;
  if (item.run === "hook") return runHook(attempt, definition, id);
  if (!definition)
    throw new WindhoverError("WH2001", {
      message: `No task is called "${item.task}" in the code that is loaded here.`,
      expected: "a task of the entry",
      got: item.task,
    });
  // It may have waited in a queue for long. An inline attempt begins as it is logged.
  if (!attempt.inline && (await host.ports.aborts.marked(attempt.actor, item.call)))
    return { ok: false, error: encodeError(new Cancelled()), verdict: { again: false }, label: "Cancelled" };
  try {
    const cache = item.run === undefined && definition.cacheKey !== undefined ? new Cache(host.ports.registry, host.ports.clock) : undefined;
    const key = cache?.keyFor(definition, args);
    const hit = key === undefined ? undefined : await cache?.get(definition, key).catch(() => undefined); // A cache that does not answer has no hit.
    if (hit !== undefined) return { ok: true, value: await payloadText(hit, host.ports.results), label: "Cached" };
    // What is taken back is nobody's result any more.
    if (item.run === "rollback" && definition.cacheKey !== undefined) await new Cache(host.ports.registry, host.ports.clock).forget(definition, args[1]);
    const fn = functionOf(host, definition, item);
    host.onRun?.(definition.name, args, attempt.actor, item);
    const given = await limited(attempt, id, () => fn(...(args as never[])));
    const before = timesMasked();
    const value = encode(given, RESULT);
    if (timesMasked() !== before) sayMasked(attempt, id);
    if (cache && key !== undefined) await remember(host, cache, definition, key, value);
    return { ok: true, value };
  } catch (error) {
    return failure(attempt, definition, error, id);
  }
}

/** What the value is called when it cannot be stored. */
const RESULT = { name: "result" };

/** What waits for the result gets `***`: better that somebody is told. */
function sayMasked(attempt: Attempt, id: string): void {
  if (attempt.saidMasked) return;
  attempt.saidMasked = true;
  const { message, action } = new WindhoverError("WH1060", { message: "The result had a secret in it, which was stored as ***." });
  new AttemptScope(attempt, id, new Interruption()).log("warn", `${message} ${action}`);
}

/** The task has succeeded, whether or not its result can be kept for others. */
async function remember({ ports }: AttemptHost, cache: Cache, definition: TaskDefinition, key: string, value: string): Promise<void> {
  try {
    await cache.put(definition, key, await stored(value, ports.results));
  } catch {
    // The next one computes it again.
  }
}

function functionOf(host: AttemptHost, definition: TaskDefinition, item: TaskItem): (...args: never[]) => unknown {
  if (item.run === "rollback") return (definition.onRollback ?? (() => {})) as (...args: never[]) => unknown;
  return host.stubs?.get(definition.name) ?? definition.fn;
}

function failure(attempt: Attempt, policy: TaskDefinition, error: unknown, id: string): Result {
  const { run, item, interruption } = attempt;
  const text = encodeError(error);
  if (interruption.interrupted && interruption.reason instanceof Cancelled) return { ok: false, error: text, verdict: { again: false }, label: "Cancelled" };
  // A value that cannot be stored is the same the next time.
  const code = codeOf(error);
  if (code === "WH1102" || code === "WH1103" || code === "WH1104") return { ok: false, error: text, verdict: { again: false } };
  // Drawn from the run's seed, which is its id: an attempt that two processes run comes to the same delay.
  const failures = (item.failures ?? 0) + 1;
  const say = (why: string): void => new AttemptScope(attempt, id, new Interruption()).log("error", why);
  const verdict = verdictOf(error, failures, policy, new Sequence(`${run.runId}/${id}/${failures}`).fraction(), say);
  return code === "WH1401" ? { ok: false, error: text, verdict, label: "TimedOut" } : { ok: false, error: text, verdict };
}

/** The author's code, in the task's scope. At the timeout its signal fires and the attempt is over, whether or not the code listens. */
function limited(attempt: Attempt, id: string, fn: () => unknown): Promise<unknown> {
  const { item, host } = attempt;
  const interruption = new Interruption();
  attempt.interruption.onInterrupt(() => interruption.interrupt(attempt.interruption.reason));
  const work = shared.scopes.run(new AttemptScope(attempt, id, interruption), begun, fn);
  const allowedMs = item.timeoutSeconds === undefined ? Number.POSITIVE_INFINITY : item.timeoutSeconds * 1000;
  const leftMs = host.timeLeft?.() ?? Number.POSITIVE_INFINITY;
  const ms = Math.min(allowedMs, leftMs);
  if (ms === Number.POSITIVE_INFINITY) return work;
  const timer = new AbortController();
  work.catch(() => {});
  const late = host.ports.clock.wait(Math.max(0, ms), timer.signal).then(() => {
    if (timer.signal.aborted) return new Promise<never>(() => {});
    const error = allowedMs <= leftMs ? timedOut(id, item) : outOfTime(id, ms);
    interruption.interrupt(error);
    throw error;
  });
  return Promise.race([work, late]).finally(() => timer.abort());
}

/** Its promise; what it throws at once is a rejection too. */
async function begun(fn: () => unknown): Promise<unknown> {
  return fn();
}

function timedOut(id: string, { timeoutSeconds }: TaskItem): WindhoverError {
  return new WindhoverError("WH1401", { message: `"${id}" took longer than ${timeoutSeconds} seconds.`, expected: `at most ${timeoutSeconds} seconds` });
}

/** Better an error that says so than a process that is ended in the middle. */
function outOfTime(id: string, ms: number): WindhoverError {
  return new WindhoverError("WH3120", {
    message: `"${id}" was still running when the time of its process was nearly over, after ${Math.round(ms / 1000)} seconds.`,
    expected: "a task that ends within the time of its pool",
  });
}

async function runHook(attempt: Attempt, task: TaskDefinition | undefined, id: string): Promise<Result> {
  const { host, item, run } = attempt;
  const detail = decode(item.detail as string) as HookDetail;
  const definition = detail.flow ? host.code.flows.get(item.task) : task;
  const hook: HookFunction | undefined = definition?.hooks[detail.hook]?.[detail.index];
  if (!definition || !hook) return { ok: true, value: encode(undefined) };
  try {
    const { value, error } = item.outcome ?? {};
    const { results } = host.ports;
    const timestamp = new Date(host.ports.clock.now());
    const state = {
      type: detail.state,
      name: detail.name,
      timestamp,
      ...(value !== undefined && { result: await readPayload(value, results) }),
      ...(error !== undefined && { error: await readPayload(error, results) }),
    };
    const parameters = detail.flow ? decode(run.parameters) : await argumentsOf(attempt);
    await limited(attempt, id, () => hook({ id: detail.flow ? run.runId : detail.of, name: definition.name, state, parameters } as never));
    return { ok: true, value: encode(undefined) };
  } catch (error) {
    return failure(attempt, { ...definition, fn: () => {} } as TaskDefinition, error, id);
  }
}

/** What a flow asks of the backend is answered as a task's result, so that it is in the log. */
async function builtin({ host }: Attempt, args: readonly unknown[]): Promise<Result> {
  const found = await host.ports.registry.get("variable", args[0] as string);
  if (found) return { ok: true, value: await payloadText(found.value, host.ports.results) };
  if (args.length > 1) return { ok: true, value: encode(args[1]) };
  const error = new WindhoverError("WH2013", { message: `No variable is called "${args[0]}".`, got: String(args[0]) });
  return { ok: false, error: encodeError(error), verdict: { again: false } };
}
