/**
 * All that outlives a process, in one place. Whatever a process keeps elsewhere is lost when it dies, as it should be: a crash is a new backend over the same
 * state. Values lie here as JSON texts, so that no object of a dead process lives on in what its successor reads.
 */
import { type AbortState, emptyAborts } from "./aborts.ts";
import type { ClaimState } from "./claims.ts";
import { VirtualClock } from "./clock.ts";
import type { EventState } from "./events.ts";
import { emptyIndex, type IndexState } from "./index-rows.ts";
import type { LogState } from "./log.ts";
import type { LineState } from "./logs.ts";
import { emptyMail, type MailState, returnMail } from "./mailbox.ts";
import { type RandomState, seedRandom } from "./random.ts";
import type { RegistryState, SecretState } from "./registry.ts";
import type { ResultState } from "./results.ts";
import { emptyTasks, returnTasks, type TaskState } from "./tasks.ts";
import type { TimerState } from "./timers.ts";

export interface MemoryState {
  readonly clock: VirtualClock;
  readonly random: RandomState;
  readonly logs: LogState;
  readonly mail: MailState;
  readonly tasks: TaskState;
  readonly claims: ClaimState;
  readonly aborts: AbortState;
  readonly timers: TimerState;
  readonly results: ResultState;
  readonly index: IndexState;
  readonly registry: RegistryState;
  readonly secrets: SecretState;
  readonly lines: LineState;
  readonly events: EventState;
  /** How many processes there have been. */
  processes: number;
}

/** 2027-01-15T08:00:00Z: a fixed beginning, because a world that is the same every time cannot begin today. */
const BEGINNING = 1_800_000_000_000;

export function createMemoryState({ now = BEGINNING, seed = 1 }: { readonly now?: number; readonly seed?: number } = {}): MemoryState {
  return {
    clock: new VirtualClock(now),
    random: seedRandom(seed),
    logs: new Map(),
    mail: emptyMail(),
    tasks: emptyTasks(),
    claims: new Map(),
    aborts: emptyAborts(),
    timers: new Map(),
    results: new Map(),
    index: emptyIndex(),
    registry: new Map(),
    secrets: new Map(),
    lines: new Map(),
    events: [],
    processes: 0,
  };
}

/**
 * Gives back everything in hand, to be delivered again and counted: what a lease's end does. Without a `holder` all processes are taken for dead, also one that
 * lives and goes on: what it acknowledges or releases afterwards is ignored.
 */
export function returnInHand(state: MemoryState, holder?: number): void {
  returnMail(state.mail, holder);
  returnTasks(state.tasks, holder);
}
