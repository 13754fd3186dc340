/**
 * Whose code runs now: a flow's body, or a task's attempt. The scope travels with the author's code through every await (AsyncLocalStorage), so that `log`,
 * `runContext()` and a called task know where they are without a context argument. It lives on `globalThis`, because a bundle and the package may each bring a
 * copy of this file, and both have to see the same scope.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { Code } from "./definition.ts";
import type { Instance } from "./instance.ts";
import type { LiveCall } from "./live-call.ts";
import type { LogLevel, RunFacts } from "./ports.ts";

export interface FlowScope {
  readonly kind: "flow";
  readonly instance: Instance;
  readonly transaction?: TransactionScope;
  /** Names of the limits whose `concurrency()` blocks are around. */
  readonly within?: readonly string[];
}

/** Inside `transaction`: what it has to take back, and so has the one around it when that fails later. */
export interface TransactionScope {
  readonly done: { readonly call: string; readonly undo: () => Promise<void> }[];
  readonly open: LiveCall[];
  readonly outer?: TransactionScope;
}

export interface TaskScope {
  readonly kind: "task";
  readonly run: RunFacts;
  readonly parameters: unknown;
  readonly call: string;
  readonly task: string;
  readonly attempt: number;
  /** Stable over the attempts of one call: pass it to whatever must not happen twice. */
  readonly idempotencyKey: string;
  readonly signal: AbortSignal;
  readonly now: () => number;
  log(level: LogLevel, message: string, fields?: object): void;
  heartbeat(progress?: number): void;
  readonly services: TaskServices;
}

/** What a task's code may reach of the backend. */
export interface TaskServices {
  artifact(key: string, kind: "markdown" | "table" | "link" | "image" | "progress", data: unknown): Promise<void>;
  emit(type: string, detail: unknown): Promise<void>;
  variable(name: string): Promise<{ readonly value: unknown } | null>;
  secret(name: string): Promise<string | null>;
}

export type Scope = FlowScope | TaskScope;

/** AsyncLocalStorage, as far as it is used: authors' type checks need no types of Node for it. */
interface Scopes {
  run<R, A extends unknown[]>(scope: Scope, fn: (...args: A) => R, ...args: A): R;
  exit<R>(fn: () => R): R;
  getStore(): Scope | undefined;
}
interface Shared {
  readonly scopes: Scopes;
  code: Code;
}

const key = Symbol.for("windhover");
const holder = globalThis as unknown as Record<symbol, Shared | undefined>;
export const shared: Shared = (holder[key] ??= { scopes: new AsyncLocalStorage<Scope>(), code: new Code() });

export const currentScope = (): Scope | undefined => shared.scopes.getStore();
