/** States of runs and calls, and the rules by which one follows another. Nine types are Prefect's; a name is a label on a type. */

import { assert } from "./errors.ts";
import type { FinalType, StateRow, StateType } from "./events.ts";

/** Why something is not running: what it waits for, since when, and what would let it go on. */
export interface WaitReason {
  readonly code: string;
  readonly message: string;
  readonly since: Date;
  readonly until?: Date;
  readonly blockedBy?: readonly string[];
}

/** What `state()` of a run or a future answers. */
export type State<R = unknown> = { readonly name: string; readonly message?: string; readonly timestamp: Date } & (
  | { readonly type: "SCHEDULED"; readonly scheduledTime: Date; readonly reason?: WaitReason }
  | { readonly type: "PENDING" | "PAUSED" | "CANCELLING"; readonly reason: WaitReason }
  | { readonly type: "RUNNING" }
  | { readonly type: "CANCELLED" }
  | { readonly type: "CRASHED" | "FAILED"; readonly error: Error }
  | { readonly type: "COMPLETED"; readonly result: R }
);

/** A run in one of these goes on, or may. */
export const OPEN = ["SCHEDULED", "PENDING", "RUNNING", "PAUSED", "CANCELLING"] as const satisfies readonly StateType[];
export const FINAL = ["COMPLETED", "FAILED", "CANCELLED", "CRASHED"] as const satisfies readonly FinalType[];
export const STATE_TYPES = [...OPEN, ...FINAL] as const;

/** One for each type, so that no state is told by its colour alone. */
export const GLYPHS: Readonly<Record<StateType, string>> = {
  SCHEDULED: "○",
  PENDING: "◌",
  RUNNING: "●",
  COMPLETED: "✓",
  FAILED: "✗",
  CANCELLED: "⊘",
  CRASHED: "✗",
  CANCELLING: "⊘",
  PAUSED: "‖",
};
/** A state's name for a person: `AwaitingRetry` is read as `Awaiting retry`. */
export const spaced = (name: string): string => name.replace(/(?<=[a-z])[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);

export const isFinal = (type: StateType): type is FinalType => (FINAL as readonly StateType[]).includes(type);

interface Rule {
  readonly name: string;
  readonly from: readonly (StateType | null)[];
  readonly to: readonly StateType[];
  readonly why: string;
}

/** Which state may follow which, for runs: the first rule that fits decides, and a step that fits none is a bug of ours. `null` is a run that has no state yet. */
export const TRANSITIONS: readonly Rule[] = [
  {
    name: "create",
    from: [null],
    to: ["SCHEDULED", "PENDING", "RUNNING"],
    why: "A run begins when its start is received; until then it is scheduled, or waits for its deployment's slot.",
  },
  {
    name: "refuse",
    from: [null, "SCHEDULED", "PENDING"],
    to: ["FAILED", "CANCELLED", "CRASHED"],
    why: "Parameters that do not fit, a cancel before the start, or code that does not load end a run before any of it ran.",
  },
  { name: "begin", from: ["SCHEDULED", "PENDING"], to: ["PENDING", "RUNNING"], why: "Its time came, or a slot became free." },
  { name: "await-retry", from: ["RUNNING", "PAUSED"], to: ["SCHEDULED"], why: "The flow failed and has retries left: it waits for its delay." },
  { name: "suspend", from: ["RUNNING", "SCHEDULED"], to: ["PAUSED"], why: "Somebody paused it, or it waits for a person." },
  { name: "resume", from: ["PAUSED"], to: ["RUNNING"], why: "It was resumed, or the input came." },
  { name: "cancel", from: ["SCHEDULED", "PENDING", "RUNNING", "PAUSED"], to: ["CANCELLING"], why: "A cancel lets the code stop first." },
  {
    name: "end",
    from: ["SCHEDULED", "RUNNING", "PAUSED"],
    to: ["COMPLETED", "FAILED", "CANCELLED", "CRASHED"],
    why: "The flow's function and all that it started have ended.",
  },
  { name: "end-cancelling", from: ["CANCELLING"], to: ["CANCELLED", "FAILED", "CRASHED"], why: "The code has stopped; a flow that timed out ends as failed." },
  {
    name: "relabel",
    from: ["RUNNING", "PAUSED", "SCHEDULED", "PENDING", "CANCELLING"],
    to: ["RUNNING", "PAUSED", "SCHEDULED", "PENDING", "CANCELLING"],
    why: "The same type under another name.",
  },
];

/** The rule by which `to` may follow `from`, or null. A final state is followed by nothing. */
export function transitionRule(from: StateType | null, to: StateType): Rule | null {
  return TRANSITIONS.find((rule) => rule.from.includes(from) && rule.to.includes(to) && (rule.name !== "relabel" || from === to)) ?? null;
}

export function moved(from: StateRow | null, to: StateRow): StateRow {
  assert(transitionRule(from?.type ?? null, to.type), `a run went from ${from?.type ?? "nothing"} to ${to.type}, which no rule allows`);
  return to;
}
