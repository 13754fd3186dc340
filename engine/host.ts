/** Who takes turns, as a turn sees it. */
import type { AttemptHost } from "./attempt.ts";
import type { advanceDeployment, DeploymentStep } from "./deployment.ts";
import type { ActorState, Effect, Entry, RunRow } from "./events.ts";
import type { Delivery } from "./messages.ts";
import type { Ports } from "./ports.ts";
import type { Warm } from "./warm.ts";

/** Where turns are taken: the ports, the author's code, and what this process remembers. */
export interface Host extends AttemptHost {
  readonly ports: Ports;
  readonly warm: Warm;
  /** How long an inline task may take. Unit: milliseconds. */
  readonly inlineMs: number;
  /** True where EventBridge Scheduler sends the ticks. */
  readonly ticksFromOutside: boolean;
  /** {@link advanceDeployment}, at once or loaded with the first turn of a deployment: it brings what reads schedules, which turns of runs do not need. */
  readonly advanceDeployment: (...args: Parameters<typeof advanceDeployment>) => DeploymentStep | Promise<DeploymentStep>;
  /** True where each write of the runs table costs money: a run that ends within its first turn writes one row. */
  readonly lateRows?: boolean;
  /** Which build of the code this is, where several are deployed at once. */
  readonly build?: string;
  /** Has the turn taken by the build that the run started on (rule 34). When it returns, that build has acknowledged the deliveries. */
  readonly handOn?: (build: string, actor: string, deliveries: readonly Delivery[]) => Promise<void>;
  /** Told when a turn begins to wait for the inline user code of a call (1), and when that has ended (-1). */
  readonly onInline?: (change: 1 | -1, actor: string, call: string) => void | Promise<void>;
  /** Told of every entry, once it is durable. */
  readonly onEntry?: (entry: Entry) => void;
  /** Told of a step after entry `n` that is not worth an entry: what state it left, and what is sent all the same (rule 17). */
  readonly onAnswer?: (actor: string, n: number, state: ActorState | null, effects: readonly Effect[]) => void;
  /** Told of each row that a run's entry has for the runs table, as one of that entry's effects: what it does has to be the same when done twice. */
  readonly onRow?: (row: RunRow) => Promise<void>;
}
