/** The client: what a person or a program outside a flow can do with runs. */
import type { State } from "../engine/state.ts";
import type { Deployment } from "./deployment.ts";
import type { Duration } from "./duration.ts";
import type { Flow } from "./flow.ts";
import type { RunInput } from "./waits.ts";

export interface RunSummary {
  readonly id: string;
  readonly name: string;
  readonly flow: string;
  readonly deployment?: string;
  readonly state: State;
  readonly tags: readonly string[];
  readonly createdAt: Date;
  readonly startedAt?: Date;
  readonly endedAt?: Date;
  readonly costUsd?: number;
}

export interface Run<R> {
  readonly id: string;
  /** The present state, with the reason where it waits. @throws WH2002 for an unknown run. */
  state(): Promise<State<R>>;
  /** Waits for the end. @throws the run's own error, or WH2008 when it was cancelled or crashed. */
  result(): Promise<R>;
  cancel(): Promise<void>;
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** Runs it again as a new run that takes over what completed. @throws WH2004 unless it has ended. */
  retry(): Promise<Run<R>>;
  /** Runs it again from one call on, as a new run, with other parameters or with another result for that call. */
  rerunFrom(taskId: string, edits?: { readonly parameters?: unknown; readonly result?: unknown }): Promise<Run<R>>;
  /** @throws WH1106 when the value does not fit, WH2004 when the run has ended. */
  input<T>(input: RunInput<T>, value: T): Promise<void>;
}

export interface Client {
  /** Starts a run. The same `idempotencyKey` for the same flow gives the same run. */
  run<P, R>(
    target: Flow<P, R> | Deployment<P, R> | string,
    parameters?: Partial<P>,
    options?: { readonly idempotencyKey?: string; readonly scheduledTime?: Date; readonly tags?: readonly string[]; readonly name?: string },
  ): Promise<Run<R>>;
  get<R = unknown>(runId: string): Run<R>;
  /** Newest first. */
  runs(filter?: {
    readonly flow?: string;
    readonly deployment?: string;
    readonly state?: State["type"] | readonly State["type"][];
    readonly tag?: string;
    readonly since?: Date;
    readonly until?: Date;
    readonly limit?: number;
    readonly cursor?: string;
  }): Promise<{ readonly runs: readonly RunSummary[]; readonly cursor?: string }>;
  /** A limit by name or tag: so many at once, or so many a period; null takes it away. */
  setLimit(name: string, limit: number | { readonly limit: number; readonly per: Duration } | null): Promise<void>;
  limits(): Promise<readonly { readonly name: string; readonly limit: number; readonly holders: readonly string[]; readonly waiters: readonly string[] }[]>;
  close(): Promise<void>;
}
