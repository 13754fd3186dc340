/** The client: what a person or a program outside a flow can do with runs. */
import type { State } from "../engine/state.ts";
import type { Deployment } from "./deployment.ts";
import type { Duration } from "./duration.ts";
import type { Flow } from "./flow.ts";
import type { RunInput } from "./waits.ts";

/** A row of the runs table, which may be a moment behind. Results and errors are not in it: {@link Run.state} has them. */
export interface RunSummary {
  readonly id: string;
  readonly name: string;
  readonly flow: string;
  /** Of a run that a deployment started. */
  readonly deployment?: string;
  readonly state: State;
  readonly tags: readonly string[];
  readonly createdAt: Date;
  /** When its code first ran. */
  readonly startedAt?: Date;
  readonly endedAt?: Date;
  readonly costUsd?: number;
}

/** One run, by its id. Each method asks the backend anew. @throws WH3xxx when that cannot be asked, WH2050 or WH2051 of a server. */
export interface Run<R> {
  readonly id: string;
  /** The present state, with the reason where it waits. @throws WH2002 for an unknown run. */
  state(): Promise<State<R>>;
  /**
   * Waits for the end, of the run or of the last one that it goes on as (`continueAsNew`).
   * @throws the run's own error, or WH2008 where it ended without one, such as cancelled.
   */
  result(): Promise<R>;
  /**
   * Asks it to stop. What it awaits rejects with `Cancelled`, its `finally` blocks and rollbacks run, then it ends as CANCELLED: `result()` waits for that. Asked again it is the same.
   * @throws WH2002 for an unknown run, WH2004 when it has ended otherwise.
   */
  cancel(): Promise<void>;
  /** Lets nothing new start; what runs ends, and is delivered after `resume`. @throws WH2002 for an unknown run, WH2004 when it has ended, WH2064 when it has not started. */
  pause(): Promise<void>;
  /** Lets it go on, also where its own code waits in `pause()`. @throws WH2002 for an unknown run, WH2004 when it has ended. */
  resume(): Promise<void>;
  /** Runs it again as a new run that takes over what completed. @throws WH2002 for an unknown run, WH2004 unless it has ended. */
  retry(): Promise<Run<R>>;
  /**
   * Runs it again from one call on, as a new run, with other parameters or with another result for that call: with a `result` the call is not made again. What was called before it is
   * taken over.
   * @throws WH2002 for an unknown run, WH2004 unless it has ended, WH2006 when it made no such call, WH1003 for a map's result that is no list of as many items, WH1102 to WH1104 for
   * what cannot be stored.
   * @example await run.rerunFrom("summarize-0", { result: "…" });
   */
  rerunFrom(taskId: string, edits?: { readonly parameters?: unknown; readonly result?: unknown }): Promise<Run<R>>;
  /**
   * Answers a `waitForInput`, or the next one of this input.
   * @throws WH1106 when the value does not fit, WH1102 to WH1104 when it cannot be stored, WH2002 for an unknown run, WH2004 when it has ended, WH2064 when it has not started.
   * @example await run.input(Approval, { approved: true, note: "" });
   */
  input<T>(input: RunInput<T>, value: T): Promise<void>;
}

/** What `connect()` gives. @throws WH3xxx, by each method, when the backend cannot be asked; WH2050 or WH2051 of a server. */
export interface Client {
  /**
   * Starts a run of a flow, of a deployment (its parameters beneath these, its limit counting), or of either by name. It resolves when the start is safe, not when the run ends.
   * Parameters that do not fit the flow's schema make a run that fails with WH1101. `idempotencyKey`: the same for the same flow or deployment gives the same run. `scheduledTime`: it
   * starts then; a time in the past is now. `name`: default one such as `nimble-heron`.
   * @throws WH2001 when nothing is called so, WH2003 for a deployment that is not known where its runs run, WH1102 to WH1104 for parameters that cannot be stored.
   * @example const run = await client.run(digest, { urls: ["https://example.com"] }, { idempotencyKey: "2027-01-01" });
   */
  run<P, R>(
    target: Flow<P, R> | Deployment<P, R> | string,
    parameters?: Partial<P>,
    options?: { readonly idempotencyKey?: string; readonly scheduledTime?: Date; readonly tags?: readonly string[]; readonly name?: string },
  ): Promise<Run<R>>;
  /** A run by its id. Nothing is asked yet: an unknown id is refused (WH2002) by what is called on it. */
  get<R = unknown>(runId: string): Run<R>;
  /**
   * Newest first. What is given has to hold all at once; `since` and `until` are about when a run was created, both inclusive. A page has `limit` runs (default 100; of a server 50, and
   * at most 500); the `cursor` of one, given with the same filter, gets the next, and the last page has none.
   * @throws WH2015 for a cursor that cannot be read.
   * @example const { runs } = await client.runs({ flow: "digest", state: ["FAILED", "CRASHED"], limit: 20 });
   */
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
  /**
   * A limit by name or tag: so many at once, or so many a period; null takes it away. It holds at once; who has a slot keeps it. 0 holds everything up.
   * @throws WH1003 for a limit that is no whole number from 0 on, or has no name, WH1004 for a period that cannot be read.
   * @example await client.setLimit("vendor-api", { limit: 10, per: "1 minute" });
   */
  setLimit(name: string, limit: number | { readonly limit: number; readonly per: Duration } | null): Promise<void>;
  /** Limits that are set, with the requests that have their slots (each begins with its run's id), and those that wait, in their order. */
  limits(): Promise<readonly { readonly name: string; readonly limit: number; readonly holders: readonly string[]; readonly waiters: readonly string[] }[]>;
  /** Ends the connection. On the embedded backend this process works on no run any more; open ones go on in the next that opens it. */
  close(): Promise<void>;
}
