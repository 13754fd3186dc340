/**
 * What actors say to one another. A message has a *logical* id, which says what it says: the same thing said twice has the same id, different things never
 * share one (rule 1). The *physical* id of one sending belongs to its {@link Delivery}. What was merely said again is told from the actor's state, never from a list
 * of ids.
 */
import type { FinalType, FlowOverrides, Payload, Piece, Ran, SettledLabel } from "./events.ts";
import type { ScheduleSpec } from "./schedule.ts";

/** Who is told when a run ends: a parent's call, a deployment, or nobody. */
export interface Starter {
  readonly actor: string;
  /** The parent's call; for a deployment, the run's place in its overlap limit. */
  readonly call?: string;
  /** The run's id as its starter knows it, where `continueAsNew` has given it another. */
  readonly run?: string;
}

export interface StartMessage {
  readonly kind: "start";
  /** `start:<run>:<starter>` */
  readonly id: string;
  readonly flow: string;
  readonly name: string;
  readonly parameters: Payload;
  readonly tags?: readonly string[];
  readonly starter?: Starter;
  readonly deployment?: string;
  /** Nominal time. Unit: milliseconds since 1970. */
  readonly scheduledTime?: number;
  /** When it was asked for. Unit: milliseconds since 1970. */
  readonly createdAt: number;
  readonly version?: string;
  /** The build of the code that it has to run on: its parent's. Absent: that of whoever takes its first turn. */
  readonly build?: string;
  /** How many parents it has. */
  readonly depth?: number;
  /** Limits that its ancestors hold: to ask for one of these again would wait for ever (rule 21). */
  readonly heldAbove?: readonly string[];
  /** Take over what completed in another run: all that was called before `from`, or, without it, all that succeeded. */
  readonly origin?: { readonly run: string; readonly from?: string; readonly result?: Payload };
  readonly overrides?: FlowOverrides;
  /** The deployment's overlap policy does not let it run: it ends as Cancelled at once, with this reason. */
  readonly skip?: string;
  /** What asked for it could not be read: it ends as Failed at once, with this error (encoded), and keeps what came as its parameters. */
  readonly problem?: string;
  /** `continueAsNew`: what the predecessor hands on (rule 35). */
  readonly inherits?: {
    readonly run: string;
    readonly inputs: readonly BufferedInput[];
    readonly seen: readonly string[];
    readonly held: Readonly<Record<string, Held>>;
  };
}

export interface Held {
  readonly limit: string;
  readonly fence: number;
  /** Held by `concurrency()`, not by a task's attempt. Absent also where the run that took it has gone on as another: the first that asks there has it. */
  readonly block?: true;
  /** Slots, where it is more than one. */
  readonly occupy?: number;
}

export interface BufferedInput {
  readonly request: string;
  readonly name: string;
  readonly value: Payload;
}

/** What an executor reports of one attempt. */
export type TaskReport = {
  readonly call: string;
  readonly attempt: number;
  readonly ran?: Ran;
  readonly piece?: Piece;
  /** Map only: items of the piece that failed; `value` has the others. */
  readonly failed?: readonly ItemFailure[];
  /** Map only: items that were not begun, because the executor's time was nearly over. They are sent again, and it counts as nothing. */
  readonly rest?: readonly number[];
} & (
  | { readonly ok: true; readonly value?: Payload; readonly hash?: string; readonly label?: SettledLabel }
  | { readonly ok: false; readonly error: Payload; readonly verdict: Verdict; readonly label?: SettledLabel }
);

export interface ItemFailure {
  readonly index: number;
  readonly error: Payload;
  readonly verdict: Verdict;
}

/** What the task's own policy (a condition, a delay function, `FailNow`, `RetryAfter`) makes of a failure; whether the budget allows it is the run's to decide. */
export interface Verdict {
  readonly again: boolean;
  readonly delayMs?: number;
}

/** A run tells who started it how it ended: a parent's call, or a deployment. */
export interface EndedMessage {
  readonly kind: "ended";
  readonly id: string;
  readonly run: string;
  readonly call?: string;
  readonly state: FinalType;
  readonly value?: Payload;
  readonly error?: Payload;
}

export type RunMessage =
  | StartMessage
  /** `of` says what run it is, for one that has not started. */
  | {
      readonly kind: "cancel";
      readonly id: string;
      readonly why?: string;
      readonly of?: { readonly flow: string; readonly name: string; readonly deployment?: string };
    }
  | { readonly kind: "pause"; readonly id: string }
  | { readonly kind: "resume"; readonly id: string }
  | { readonly kind: "input"; readonly id: string; readonly name: string; readonly value: Payload; readonly wait?: string }
  | { readonly kind: "done"; readonly id: string; readonly reports: readonly TaskReport[] }
  /** A process died with these attempts in hand. With more than one, nobody knows which is to blame: they are sent again one by one (rule 29). */
  | {
      readonly kind: "crash";
      readonly id: string;
      readonly attempts: readonly { readonly call: string; readonly attempt: number; readonly piece?: Piece }[];
      readonly why?: string;
    }
  | { readonly kind: "fire"; readonly id: string; readonly timer: string }
  | EndedMessage
  | { readonly kind: "grant"; readonly id: string; readonly request: string; readonly fence: number; readonly limit: string }
  /** The limit will never grant this: an operator took it away, or it asks for more slots than there are. */
  | { readonly kind: "refuse"; readonly id: string; readonly request: string; readonly limit: string; readonly error: Payload }
  /** Go on with the build of whoever takes this (rule 34). */
  | { readonly kind: "migrate"; readonly id: string }
  | { readonly kind: "dead"; readonly id: string; readonly message: Message; readonly why: string };

export type LimitMessage =
  | { readonly kind: "configure"; readonly id: string; readonly limit: number | null; readonly perSeconds?: number }
  | {
      readonly kind: "acquire";
      readonly id: string;
      readonly request: string;
      readonly holder: string;
      readonly occupy: number;
      readonly slots?: number;
      readonly priority?: number;
    }
  | { readonly kind: "release"; readonly id: string; readonly request: string; readonly fence: number | null }
  | { readonly kind: "fire"; readonly id: string; readonly timer: string };

export interface DeploymentSettings {
  readonly flow: string;
  readonly schedules: readonly ScheduleSpec[];
  readonly parameters: Payload;
  readonly tags: readonly string[];
  readonly version?: string;
  readonly description?: string;
  readonly paused: boolean;
  /** Options of the flow that were set to other values for its runs. */
  readonly overrides?: FlowOverrides;
  /** `keys`: by schedule, what its runs' overlap is counted by. */
  readonly concurrency?: { readonly limit: number; readonly overlap: Overlap; readonly keys?: readonly string[] };
}
export type Overlap = "queue" | "skip" | "cancel-running";

export type DeploymentMessage =
  /** What the code says now. `revision` is a hash of the settings: the same again changes nothing. */
  | {
      readonly kind: "configure";
      readonly id: string;
      readonly revision: string;
      readonly settings: DeploymentSettings;
      /** Said by a deploy: it is in the code that is deployed now. A process that says it by itself may be of the code before, and is not heard once a deploy has spoken. */
      readonly deployed?: true;
    }
  | { readonly kind: "tick"; readonly id: string; readonly schedule: number; readonly nominal: number }
  /** Something outside asks for a run: an event, a webhook, a person. Its id makes the run's id. */
  | {
      readonly kind: "trigger";
      readonly id: string;
      readonly run: string;
      readonly parameters: Payload;
      readonly tags?: readonly string[];
      readonly name?: string;
      readonly scheduledTime?: number;
      readonly createdAt: number;
      readonly concurrencyKey?: string;
      /** No parameters could be made of it: see {@link StartMessage}. */
      readonly problem?: string;
    }
  | { readonly kind: "fire"; readonly id: string; readonly timer: string }
  | EndedMessage
  /** `gone`: said by a deploy of code that does not have it. */
  | { readonly kind: "pause"; readonly id: string; readonly gone?: true }
  | { readonly kind: "resume"; readonly id: string };

export type Message = RunMessage | LimitMessage | DeploymentMessage;

/** One sending of a message, as a consumer gets it. */
export interface Delivery {
  readonly actor: string;
  /** Names this sending (SQS: the MessageId). The same sending delivered again has the same one. */
  readonly physical: string;
  readonly message: Message;
  /** 1 the first time. */
  readonly receives: number;
  /** What the backend needs to acknowledge it (SQS: the receipt handle). */
  readonly receipt?: string;
}

export const runActor = (runId: string): string => `run:${runId}`;
export const limitActor = (name: string): string => `limit:${name}`;
export const deploymentActor = (name: string): string => `deployment:${name}`;
export type ActorKind = "run" | "limit" | "deployment";
/** `run:quick-heron` is a `run` named `quick-heron`. */
export function parseActor(actor: string): { readonly kind: ActorKind; readonly name: string } {
  const colon = actor.indexOf(":");
  return { kind: actor.slice(0, colon) as ActorKind, name: actor.slice(colon + 1) };
}
