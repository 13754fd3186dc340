/** Where the running code is, and what it can say: `runContext`, `log`, `artifact`, `emit`, `variable`, `continueAsNew`. */
import { encode } from "../engine/codec.ts";
import { Continuation } from "../engine/continuation.ts";
import { WindhoverError } from "../engine/errors.ts";
import { LIMITS } from "../engine/limits.ts";
import { sayable } from "../engine/log-line.ts";
import type { LogLevel } from "../engine/ports.ts";
import { currentScope, type Scope, type TaskScope } from "../engine/scope.ts";
import { masked } from "../engine/secrecy.ts";
import { flowScope } from "./waits.ts";

/** Where the running code is: in which run, and inside of a task in which of its calls. */
export interface RunContext {
  readonly runId: string;
  /** Such as `nimble-heron`, or what the run was called when it was started. */
  readonly runName: string;
  /** The flow's name. */
  readonly flow: string;
  /** Of a run that a deployment started: the deployment's name. */
  readonly deployment?: string;
  /** The time for which the run was meant, by its schedule or by who started it; it may have begun later. */
  readonly scheduledTime?: Date;
  /** As the flow's schema made them. Inside of a task undefined where they are too large to stand in the log. */
  readonly parameters: unknown;
  readonly tags: readonly string[];
  /** Inside of a task. */
  readonly task?: {
    /** The call, such as `fetch-page-0`. */
    readonly id: string;
    readonly name: string;
    /** From 1. */
    readonly attempt: number;
    /** The same for all attempts of this call: hand it to whatever must not happen twice. */
    readonly idempotencyKey: string;
    /** Fires when the run is cancelled or the attempt times out. */
    readonly signal: AbortSignal;
    /** Shows how far it is, a fraction from 0 to 1, as an artifact of the run. */
    heartbeat(progress?: number): void;
  };
}

function anyScope(what: string): Scope {
  const scope = currentScope();
  if (scope) return scope;
  throw new WindhoverError("WH1007", { message: `${what} was called outside a flow.`, expected: "a flow's or a task's body" });
}

/**
 * What is known of the run and of the task around the call. In a flow's body it is the same at each replay.
 * @throws WindhoverError WH1007 outside of flows and tasks.
 * @example await charge(order, { idempotencyKey: runContext().task?.idempotencyKey });
 */
export function runContext(): RunContext {
  const scope = anyScope("runContext()");
  const run = scope.kind === "flow" ? scope.instance.facts.run : scope.run;
  const { runId, runName, flow, deployment, scheduledTime, tags } = run;
  const parameters = scope.kind === "flow" ? scope.instance.facts.parameters : scope.parameters;
  const base = {
    runId,
    runName,
    flow,
    parameters,
    tags,
    ...(deployment !== undefined && { deployment }),
    ...(scheduledTime !== undefined && { scheduledTime: new Date(scheduledTime) }),
  };
  return scope.kind === "flow" ? base : { ...base, task: taskOf(scope) };
}

function taskOf(scope: TaskScope): NonNullable<RunContext["task"]> {
  return {
    id: scope.call,
    name: scope.task,
    attempt: scope.attempt,
    get idempotencyKey() {
      return scope.idempotencyKey;
    },
    get signal() {
      return scope.signal;
    },
    heartbeat: (progress) => scope.heartbeat(progress),
  };
}

function write(level: LogLevel, message: string, fields?: object): void {
  const scope = currentScope();
  if (scope?.kind === "task") scope.log(level, message, fields);
  else if (scope?.kind === "flow") {
    if (!scope.instance.replaying) scope.instance.onLog?.(level, message, fields);
  } else {
    const said = sayable(message, fields);
    process.stderr.write(`${level.toUpperCase()} ${said.message}${said.fields ? ` ${said.fields}` : ""}\n`);
  }
}

/**
 * Structured lines, kept with the run and its task. In a flow's body a line is written once, however often the flow is replayed; outside of flows and tasks it goes to the standard
 * error. It never throws: a field that cannot be stored is described, and a secret of a block is written as `***`.
 * @example log.info("fetched", { url, bytes: text.length });
 */
export const log = {
  debug: (message: string, fields?: object): void => write("debug", message, fields),
  info: (message: string, fields?: object): void => write("info", message, fields),
  warn: (message: string, fields?: object): void => write("warn", message, fields),
  error: (message: string, fields?: object): void => write("error", message, fields),
};

type Kind = "markdown" | "table" | "link" | "image" | "progress";
async function put(key: string, kind: Kind, data: unknown): Promise<void> {
  const scope = anyScope(`artifact.${kind}()`);
  if (typeof key !== "string" || key === "")
    throw new WindhoverError("WH1003", { message: `artifact.${kind}() needs a key.`, expected: "a non-empty string", got: JSON.stringify(key) ?? "nothing" });
  if (scope.kind === "task") return scope.services.artifact(key, kind, data);
  const shown = masked(key);
  await scope.instance.call({ kind: "artifact", name: `artifact ${shown}`, spec: () => ({ detail: encode({ key: shown, kind, data }) }) }).future;
}

/**
 * What a run leaves for people to look at, under a key of its own: the same key again replaces it. `table` takes rows, whose fields become columns; `progress` a fraction from
 * 0 to 1; `link` and `image` an address. In a flow's body it is a call of the run, and is made once; a task that runs again makes its artifacts again.
 * @throws WindhoverError WH1007 outside of flows and tasks, WH1003 without a key or for a fraction that is none, WH1102 to WH1104 for what cannot be stored.
 * @example await artifact.table("prices", [{ item: "tea", euros: 3 }]);
 */
export const artifact = {
  markdown: (key: string, markdown: string): Promise<void> => put(key, "markdown", markdown),
  table: (key: string, rows: readonly object[]): Promise<void> => put(key, "table", rows),
  link: (key: string, url: string, text?: string): Promise<void> => put(key, "link", { url, text }),
  image: (key: string, url: string): Promise<void> => put(key, "image", { url }),
  progress: (key: string, fraction: number): Promise<void> => {
    if (!(fraction >= 0 && fraction <= 1))
      return Promise.reject(
        new WindhoverError("WH1003", {
          message: `artifact.progress("${key}") cannot be ${fraction}.`,
          expected: "a fraction from 0 to 1",
          got: String(fraction),
        }),
      );
    return put(key, "progress", fraction);
  },
};

/**
 * Hands an event to whoever subscribes, at least once: deployments with `onEvent({ source: "windhover", detailType: type })`, and on AWS what listens to the event bus. Its id tells
 * repetitions apart, so that a deployment starts one run by it.
 * @throws WindhoverError WH1007 outside of flows and tasks, WH1003 without a type, or for one longer than 128 characters, WH1102 to WH1104 for a detail that cannot be stored.
 * @example await emit({ type: "paid", detail: { order: "A-17" } });
 */
export async function emit(event: { readonly type: string; readonly detail?: unknown }): Promise<void> {
  const scope = anyScope("emit()");
  if (typeof event?.type !== "string" || event.type === "")
    throw new WindhoverError("WH1003", {
      message: "emit() needs a type.",
      expected: "{ type: string, detail? }",
      got: JSON.stringify(event?.type) ?? "nothing",
    });
  // In a flow it would be an effect that never succeeds, and the run would do nothing more.
  if (event.type.length > LIMITS.eventTypeLength)
    throw new WindhoverError("WH1003", {
      message: "emit() has too long a type.",
      expected: `at most ${LIMITS.eventTypeLength} characters; what it is about belongs into \`detail\``,
      got: `${event.type.length} characters`,
    });
  if (scope.kind === "task") return scope.services.emit(event.type, event.detail);
  await scope.instance.call({ kind: "emit", name: masked(event.type), spec: () => ({ detail: encode(event.detail) }) }).future;
}

/**
 * A setting that people can change without a deploy (`windhover variables set NAME VALUE`). In a flow the value is recorded, so that a replay sees the same. What it is set to is not
 * checked against `T`.
 * @throws WindhoverError WH1007 outside of flows and tasks, WH2013 when it is not set and there is no fallback, WH1102 to WH1104 for a flow's fallback that cannot be stored.
 * @example const most = await variable<number>("most-pages", 100);
 */
export async function variable<T = string>(name: string, fallback?: T): Promise<T> {
  const scope = anyScope("variable()");
  if (scope.kind === "flow") {
    const args = fallback === undefined ? [name] : [name, fallback];
    return scope.instance.call({ kind: "builtin", name: "variable", spec: () => ({ args: encode(args) }) }).future as Promise<T>;
  }
  const found = await scope.services.variable(name);
  if (found) return found.value as T;
  if (fallback !== undefined) return fallback;
  throw new WindhoverError("WH2013", { message: `No variable is called "${name}".`, got: name });
}

/**
 * Ends this run and goes on as a new one of the same flow with a fresh log: for loops without end. It does not return: it throws, so do not catch it. What the run has open is
 * cancelled; the new one has its slots, its tags, and the inputs that nobody has read. Who waits for the run's result gets that of the last one.
 * Parameters that cannot be stored (WH1102 to WH1104) end the run as Crashed, those that do not fit the schema (WH1101) the new one as Failed.
 * @throws WindhoverError WH1007 outside of a flow, WH1008 inside of a task.
 * @example if (seen > 1000) continueAsNew({ cursor });
 */
export function continueAsNew<P>(parameters: P): never {
  flowScope("continueAsNew()");
  throw new Continuation(parameters);
}
