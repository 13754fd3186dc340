/**
 * What a log holds. An {@link Entry} is one turn of one actor: the events that happened, the state they fold to, the deliveries that were consumed, and
 * the effects that follow. Everything else (the runs table, lists, metrics) is derived from these and can be rebuilt.
 *
 * Events are only ever added to. A new meaning gets a new event or a behaviour flag in `started.flags`, never a changed reading of an old one:
 * the histories in `test/golden` are replayed by every later release.
 */
import type { DeploymentState } from "./deployment.ts";
import type { LimitState } from "./limit.ts";
import type { Message, Starter, StartMessage } from "./messages.ts";
import type { RunState } from "./run-state.ts";
import type { ScheduleSpec } from "./schedule.ts";

/** The version of the entry format. A log with a newer one is refused (WH3006), never guessed at. */
export const LOG_VERSION = 1;

/**
 * Behaviour that old logs must keep: a flag is set when a run starts and is asked at the place that behaves in two ways.
 *
 * - `nested-block`: calls note the blocks that are around them, and a `concurrency()` inside another of the same limit is refused before it asks (WH1308). Before, it asked, and
 *   waited for itself where there was no slot left; and a subflow was taken for inside of every block that the run held (docs/decisions/0032).
 * - `durable-only`: a flow that ends by something that is not durable is halted (WH1204), and its body gets no files (WH1203). Before, such an end counted, and files were read.
 * - `timer-handles`: what `setTimeout` gives in a flow's body can be refreshed, closed, disposed of, and cleared by `clearInterval` or from outside of the body. Before, nothing came of that.
 */
export const BEHAVIOUR_FLAGS = ["nested-block", "durable-only", "timer-handles"] as const;
export const [NESTED_BLOCK, DURABLE_ONLY, TIMER_HANDLES] = BEHAVIOUR_FLAGS;

/** An encoded value (see `codec.ts`), or where it lies in the result store when it is too large for the log. */
export type Payload = string | StoredPayload;
export interface StoredPayload {
  /** The content's address in the result store. */
  readonly ref: string;
  /** Length of the encoded value. Unit: characters. */
  readonly chars: number;
}

export interface Entry<S = ActorState, E = AnyEvent> {
  readonly actor: string;
  /** 1, 2, 3 … without a gap. */
  readonly n: number;
  /** The log's time, never less than the entry's before. Unit: milliseconds since 1970. */
  readonly at: number;
  /** Tells our own append, answered by an error, from a second writer's (rule 8). */
  readonly nonce: string;
  readonly version: number;
  /** Physical ids of the deliveries that this turn consumed (rule 5). */
  readonly physical: readonly string[];
  readonly events: readonly E[];
  readonly effects: readonly Effect[];
  readonly state: S;
}

export type ActorState = RunState | DeploymentState | LimitState;
export type AnyEvent = RunEvent | LimitEvent | DeploymentEvent;

/** What a flow's code can ask for. `task`, `map`, `flow` and `builtin` do work; the rest wait, or end in the entry that holds them. */
export type CallKind = "task" | "map" | "flow" | "builtin" | "sleep" | "input" | "pause" | "acquire" | "release" | "artifact" | "emit";

/** Why a call runs that the author did not write as such: `hook` and `rollback` are tasks of the engine's own making. */
export type CallRole = "hook" | "rollback";

/** What is known of a call from the moment at which the flow makes it. Defaults are left out: a chain's step has to fit a kilobyte with its result. */
export interface CallSpec {
  /** Arguments, encoded; a future among them stands as its call id (see `codec.ts`). */
  readonly args?: Payload;
  /** Calls whose results the arguments contain. */
  readonly deps?: readonly string[];
  /** Calls that have to end before this one starts, whose results it does not use. */
  readonly after?: readonly string[];
  readonly retries?: number;
  readonly crashRetries?: number;
  readonly timeoutSeconds?: number;
  readonly pool?: string;
  readonly tags?: readonly string[];
  /** Limits to take before each attempt, in the order of their names (rule 21). */
  readonly limits?: readonly LimitWanted[];
  /** Limits whose `concurrency()` blocks are around the call: it runs in their slots, and must not ask for them. */
  readonly within?: readonly string[];
  /** The result is not stored: it is computed again on replay, and only its hash is logged (rule 39). */
  readonly transient?: true;
  readonly role?: CallRole;
  /** The definition's name, where the call's own name differs from it. */
  readonly task?: string;
  /** Which hooks the definition has, by state: hooks run as calls of their own. */
  readonly hooks?: Readonly<Record<string, number>>;
  /** Options that `withOptions` set to other values, as JSON: the executor lays them over the definition. */
  readonly overrides?: string;
  /** A definition made by `withOptions` at module level. */
  readonly variant?: number;
  /** sleep, input, pause: when it ends by itself. Unit: milliseconds since 1970. */
  readonly until?: number;
  /** input: its name. */
  readonly input?: string;
  /** map: how many items, how many at once, how many may fail; and the map whose items it follows, depth first. */
  readonly items?: number;
  readonly mapConcurrency?: number;
  readonly toleratedFailures?: number;
  readonly follows?: readonly string[];
  /** flow: the child's run id. */
  readonly child?: string;
  /** acquire, release. */
  readonly limit?: LimitWanted;
  readonly request?: string;
  /** artifact, emit, flow name of a subflow, and what else a kind needs. */
  readonly detail?: Payload;
}

export interface LimitWanted {
  readonly name: string;
  readonly occupy?: number;
  /** Taken and never given back: so many a period. */
  readonly rate?: true;
  /** Slots, where the limit is declared in code rather than set by an operator. */
  readonly slots?: number;
  /** One key's of this limit: where nothing is set for the key, it has as many slots as are set for all. */
  readonly of?: string;
}

/** One contiguous range of a map's items, or the few that are tried again. */
export interface Piece {
  /** Unique in its map; a piece that is split or tried again gets a new one. */
  readonly id: number;
  readonly from: number;
  /** Exclusive. */
  readonly to: number;
  /** Set when only some items of the range are meant. */
  readonly only?: readonly number[];
}

/** When an attempt's user code ran. Unit: milliseconds since 1970. */
export type Ran = readonly [from: number, to: number];

export type RunEvent =
  | {
      readonly type: "started";
      readonly flow: string;
      readonly name: string;
      readonly parameters: Payload;
      readonly seed: string;
      readonly flags: readonly string[];
      readonly tags?: readonly string[];
      readonly starter?: Starter;
      readonly deployment?: string;
      readonly scheduledTime?: number;
      readonly version?: string;
      /** The build of the code that it runs on (rule 34). */
      readonly build?: string;
      readonly depth?: number;
      /** Options of the flow that the caller set to other values. */
      readonly overrides?: FlowOverrides;
      /** The run whose completed calls this one takes over (`retry`, `rerunFrom`). */
      readonly origin?: { readonly run: string; readonly from?: string; readonly result?: Payload };
    }
  | ({ readonly type: "called"; readonly call: string; readonly kind: CallKind; readonly name: string } & CallSpec)
  | { readonly type: "attempted"; readonly call: string; readonly attempt: number; readonly where?: "inline"; readonly piece?: Piece }
  | {
      readonly type: "failed";
      readonly call: string;
      readonly attempt: number;
      readonly error: Payload;
      readonly crashed?: true;
      readonly retryAt?: number;
      readonly ran?: Ran;
      readonly piece?: number;
    }
  | {
      readonly type: "settled";
      readonly call: string;
      readonly ok: true;
      readonly value?: Payload;
      readonly hash?: string;
      readonly label?: SettledLabel;
      readonly ran?: Ran;
      readonly ms?: number;
    }
  | { readonly type: "settled"; readonly call: string; readonly ok: false; readonly error: Payload; readonly label?: SettledLabel; readonly ran?: Ran }
  /** Some of a map's items ended: `value` is an array of results aligned with the piece, holes where `failed` says so. */
  | {
      readonly type: "items";
      readonly call: string;
      readonly piece: Piece;
      readonly value: Payload;
      readonly failed?: readonly FailedItem[] /** Items that are tried again. */;
      readonly again?: readonly number[];
      readonly ran?: Ran;
    }
  /** The delay before a retry is over: the call, or the map's piece, asks for its slots or is sent again. */
  | { readonly type: "woken"; readonly call: string; readonly timer: string }
  | { readonly type: "granted"; readonly call: string; readonly request: string; readonly fence: number; readonly limit: string }
  | { readonly type: "input"; readonly request: string; readonly name: string; readonly value: Payload; readonly wait?: string }
  | { readonly type: "rejected"; readonly request: string; readonly name: string; readonly error: Payload }
  | { readonly type: "cancelling"; readonly request: string; readonly why?: string; readonly timedOut?: true }
  | { readonly type: "paused"; readonly request: string }
  | { readonly type: "resumed"; readonly request: string }
  /** Somebody moved it to another build of the code; with an error it stays where it is, because that code does not match its log. */
  | { readonly type: "migrated"; readonly request: string; readonly build: string; readonly error?: Payload }
  /** The flow's function has ended; what it started may still be open. */
  | { readonly type: "returned"; readonly ok: boolean; readonly value?: Payload; readonly error?: Payload }
  /** The function failed and runs again from the top; what completed before is taken over (see `reuse.ts`). */
  | { readonly type: "retrying"; readonly attempt: number; readonly at: number; readonly error: Payload }
  | { readonly type: "rerun"; readonly attempt: number }
  | { readonly type: "continued"; readonly run: string }
  /** `kept`: messages that could not be handled, for `redrive` (rule 22). */
  | {
      readonly type: "ended";
      readonly state: FinalType;
      readonly name: string;
      readonly value?: Payload;
      readonly error?: Payload;
      readonly kept?: readonly Message[];
    };

export interface FlowOverrides {
  readonly retries?: number;
  readonly retryDelaySeconds?: number | readonly number[];
  readonly retryJitterFactor?: number;
  readonly timeoutSeconds?: number;
}

export type SettledLabel = "Cached" | "TimedOut" | "Cancelled" | "Crashed" | "NotReady" | "Reused" | "RolledBack";
export type FinalType = "COMPLETED" | "FAILED" | "CANCELLED" | "CRASHED";

export interface FailedItem {
  readonly index: number;
  readonly error: Payload;
  readonly attempts: number;
}

export type LimitEvent =
  | { readonly type: "configured"; readonly limit: number | null; readonly perSeconds?: number }
  | { readonly type: "waiting"; readonly request: string }
  | { readonly type: "granted"; readonly request: string; readonly fence: number }
  | { readonly type: "released"; readonly request: string; readonly fence: number | null }
  | { readonly type: "woken" };

export type DeploymentEvent =
  | { readonly type: "configured"; readonly revision: string }
  /** `count`: so many times from `nominal` on were missed, at most a thousand are counted; absent: one. */
  | { readonly type: "fired"; readonly schedule: number; readonly nominal: number; readonly run?: string; readonly missed?: true; readonly count?: number }
  | { readonly type: "triggered"; readonly event: string; readonly run: string }
  | { readonly type: "queued"; readonly run: string }
  | { readonly type: "skipped"; readonly run: string; readonly why: string }
  | { readonly type: "launched"; readonly run: string }
  | { readonly type: "ended"; readonly run: string; readonly state: FinalType }
  | { readonly type: "paused"; readonly request: string }
  | { readonly type: "resumed"; readonly request: string }
  | { readonly type: "woken" };

/**
 * What follows from an entry, performed after its append and before its deliveries are acknowledged. Each carries an id that makes doing it twice the
 * same as doing it once (rule 12). Arguments are not repeated here: whoever performs a `task` takes them from the `called` event.
 */
export type Effect =
  | { readonly do: "inline"; readonly call: string; readonly attempt: number }
  | {
      readonly do: "task";
      readonly call: string;
      readonly attempt: number;
      readonly pool?: string;
      readonly piece?: Piece;
      /** Not packed with others. */
      readonly alone?: true;
      /** Claimed before it runs, so that a copy of its message does not run. */
      readonly claim?: true;
    }
  | { readonly do: "timer"; readonly id: string; readonly at: number }
  | { readonly do: "untimer"; readonly id: string }
  | { readonly do: "send"; readonly to: string; readonly message: Message }
  /** A run that starts a little later (jitter). */
  | { readonly do: "startTimer"; readonly run: string; readonly at: number; readonly message: StartMessage }
  | { readonly do: "abort"; readonly calls: readonly string[] | "all" }
  /** Marks that nobody is to look for any more are taken back. */
  | { readonly do: "unmark"; readonly calls: readonly string[] }
  | { readonly do: "index"; readonly row: RunRow }
  | { readonly do: "deploymentIndex"; readonly row: DeploymentRow }
  | { readonly do: "artifact"; readonly row: ArtifactRow }
  | { readonly do: "emit"; readonly id: string; readonly type: string; readonly detail: Payload };

/** States are Prefect's: nine types; a name is a label on a type. */
export type StateType = "SCHEDULED" | "PENDING" | "RUNNING" | FinalType | "CANCELLING" | "PAUSED";

/** Why something is not running, in words a person can act on. Times in milliseconds since 1970. */
export interface Reason {
  readonly code: string;
  readonly message: string;
  readonly since: number;
  readonly until?: number;
  readonly blockedBy?: readonly string[];
}

export interface StateRow {
  readonly type: StateType;
  readonly name: string;
  readonly message?: string;
  /** Unit: milliseconds since 1970. */
  readonly timestamp: number;
  readonly reason?: Reason;
}

/** One row a run in the runs table: written at start, end and pause. Times in milliseconds since 1970. */
export interface RunRow {
  readonly id: string;
  /** The entry that wrote the row: an older one never replaces a newer one. */
  readonly seq: number;
  readonly name: string;
  readonly flow: string;
  readonly deployment?: string;
  /** The run that called this one as a subflow. */
  readonly parent?: string;
  readonly state: StateRow;
  readonly tags: readonly string[];
  readonly createdAt: number;
  readonly startedAt?: number;
  readonly endedAt?: number;
  readonly scheduledTime?: number;
  readonly version?: string;
  /** The build of the code that it runs on, where several are deployed at once. */
  readonly build?: string;
  /** The run that this one repeats (`retry`, `rerunFrom`), or continues (`continueAsNew`). */
  readonly origin?: string;
  readonly continuedAs?: string;
}

export interface DeploymentRow {
  readonly name: string;
  readonly seq: number;
  readonly flow: string;
  readonly paused: boolean;
  readonly schedules: readonly {
    readonly text: string;
    readonly timezone?: string;
    readonly active: boolean;
    readonly spec?: ScheduleSpec;
    /** As of `updatedAt`. */
    readonly next?: number;
  }[];
  readonly tags: readonly string[];
  readonly description?: string;
  readonly version?: string;
  readonly lastRun?: string;
  readonly updatedAt: number;
}

export interface ArtifactRow {
  /** Run, call and key: written twice is written once. */
  readonly id: string;
  readonly run: string;
  readonly call?: string;
  readonly key: string;
  readonly kind: "markdown" | "table" | "link" | "image" | "progress";
  readonly data: Payload;
  readonly at: number;
  /** Which of the run's calls wrote it, counted: an older one never replaces a newer one. Absent where a task wrote it, which nobody counts. */
  readonly seq?: number;
}
