/** Where the running code is, and what it can say: `runContext`, `log`, `artifact`, `emit`, `variable`, `continueAsNew`. */
import { encode } from "../engine/codec.ts";
import { WindhoverError } from "../engine/errors.ts";
import { Continuation } from "../engine/instance.ts";
import { sayable } from "../engine/log-line.ts";
import type { LogLevel } from "../engine/ports.ts";
import { currentScope, type Scope, type TaskScope } from "../engine/scope.ts";
import { masked } from "../engine/secrecy.ts";
import { flowScope } from "./waits.ts";

export interface RunContext {
  readonly runId: string;
  readonly runName: string;
  readonly flow: string;
  readonly deployment?: string;
  readonly scheduledTime?: Date;
  readonly parameters: unknown;
  readonly tags: readonly string[];
  /** Inside a task. */
  readonly task?: {
    readonly id: string;
    readonly name: string;
    readonly attempt: number;
    /** The same for all attempts of this call: hand it to whatever must not happen twice. */
    readonly idempotencyKey: string;
    /** Fires when the run is cancelled or the attempt times out. */
    readonly signal: AbortSignal;
    heartbeat(progress?: number): void;
  };
}

function anyScope(what: string): Scope {
  const scope = currentScope();
  if (scope) return scope;
  throw new WindhoverError("WH1007", { message: `${what} was called outside a flow.`, expected: "a flow's or a task's body" });
}

/** @throws WindhoverError WH1007 outside flows and tasks. */
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

/** Structured lines, kept with the run and its task. In a flow's body a line is written once, however often the flow is replayed. */
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

/** What a run leaves for people to look at. The same key again replaces it. */
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

/** Hands an event to whoever subscribes, at least once; its id tells repetitions apart. */
export async function emit(event: { readonly type: string; readonly detail?: unknown }): Promise<void> {
  const scope = anyScope("emit()");
  if (typeof event?.type !== "string" || event.type === "")
    throw new WindhoverError("WH1003", {
      message: "emit() needs a type.",
      expected: "{ type: string, detail? }",
      got: JSON.stringify(event?.type) ?? "nothing",
    });
  if (scope.kind === "task") return scope.services.emit(event.type, event.detail);
  await scope.instance.call({ kind: "emit", name: masked(event.type), spec: () => ({ detail: encode(event.detail) }) }).future;
}

/**
 * A setting that people can change without a deploy. In a flow the value is recorded, so that a replay sees the same.
 * @throws WindhoverError WH2013 when it is not set and there is no fallback.
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

/** Ends this run and goes on as a new one with a fresh log: for loops without end. */
export function continueAsNew<P>(parameters: P): never {
  flowScope("continueAsNew()");
  throw new Continuation(parameters);
}
