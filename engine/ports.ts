/**
 * The doors to the outside, each a few methods. The engine knows these interfaces only; `adapters/` holds what stands behind them, and every adapter passes the
 * same contract suite (`test/contract`). Where a promise here says *durable*, it resolves only when the fact survives the death of the machine.
 */
import type { ArtifactRow, DeploymentRow, Entry, Payload, Piece, RunRow, StateType } from "./events.ts";
import type { Delivery, DeploymentMessage, DeploymentSettings, Message, StartMessage } from "./messages.ts";

export interface Log {
  /** The last entry, or null. Always what the last successful `append` anywhere made it: a consistent read (rule 4). Its `events` may be left empty. */
  tail(actor: string): Promise<Entry | null>;
  /**
   * Entries `from` to `to`, both inclusive, in order. A gap is an error (WH3005), never skipped. Only the log's last entry is sure to have its `state`: what earlier
   * entries folded to may be gone, and is `null` then.
   */
  read(actor: string, from?: number, to?: number): Promise<readonly Entry[]>;
  /** Durable. Appends if `entry.n` is the next one, else returns false and changes nothing. */
  append(entry: Entry): Promise<boolean>;
}

export interface Mailbox {
  /** Messages of one actor are delivered in the order in which they were sent, and never to two consumers at once, unless one of them is taken for dead. */
  send(actor: string, message: Message): Promise<void>;
  /** They will not be delivered again. */
  acknowledge(deliveries: readonly Delivery[]): Promise<void>;
  /**
   * What waits in the mail to begin a run that has no row yet, whoever has it in hand, in any order: so that a run which was accepted can be seen before anybody takes it. Where
   * the mail can be looked into (a queue of SQS cannot). Without a `run` the newest thousand, give or take.
   */
  starts?(wanted: StartsWanted): Promise<readonly WaitingStart[]>;
}

export interface StartsWanted {
  /** The start of this run alone. */
  readonly run?: string;
  /** Made then or before. Unit: milliseconds since 1970. */
  readonly until?: number;
}

/** A run's start, or what asks a deployment for a run. */
export interface WaitingStart {
  readonly actor: string;
  readonly message: StartMessage | Extract<DeploymentMessage, { kind: "trigger" }>;
  /** What a deployment is told to be, in mail of its own that waits too. */
  readonly settings?: DeploymentSettings;
}

/** How a consumer gets at a mailbox where nothing pushes (embedded, tests, dead letters). In Lambda the event source mapping does this. */
export interface Inbox {
  /** All that waits for one actor that nobody has in hand, at most `most`; an empty array if there is none. */
  receive(most: number): Promise<readonly Delivery[]>;
  /** A turn failed: what was received is delivered again, soon, with a higher receive count. */
  release(deliveries: readonly Delivery[]): Promise<void>;
  /** Where several processes with different code share a mailbox: the actor is not ours to handle. Not counted as received; another process may have it, and we are not given it again. */
  decline?(deliveries: readonly Delivery[]): Promise<void>;
  /** Other code was loaded: what was declined may be given to us again. */
  reconsider?(): void;
}

/** What an executor needs to know of one attempt. */
export interface TaskItem {
  readonly call: string;
  readonly attempt: number;
  /** The task's name, by which the executor finds its code. */
  readonly task: string;
  readonly args?: Payload;
  /** Results that the arguments refer to, by call. */
  readonly deps?: Readonly<Record<string, Payload>>;
  readonly timeoutSeconds?: number;
  readonly tags?: readonly string[];
  readonly transient?: true;
  readonly variant?: number;
  readonly overrides?: string;
  /** How often it has failed before: what the policy's delays count by. */
  readonly failures?: number;
  /** Which function of the definition to run; absent: the task itself. */
  readonly run?: "hook" | "rollback" | "builtin";
  /** hook: what it is told (a `HookDetail`, encoded), with the outcome that it is told of. */
  readonly detail?: Payload;
  readonly outcome?: { readonly value?: Payload; readonly error?: Payload };
  /** A piece whose items hold one slot runs them one after the other. */
  readonly sequential?: true;
  /** A map's piece: `args` is an array with the arguments of each of its items. */
  readonly piece?: Piece;
  /** It was in a process that died, or may run at most once: nothing of others is to run beside it, lest they pay for it, or it for them. */
  readonly alone?: true;
  /** It is claimed before it runs: see `claims.ts`. */
  readonly claim?: true;
}

/** What runs of tasks have in common, once a message. It is what `runContext()` answers from inside a task. */
export interface RunFacts {
  readonly runId: string;
  readonly runName: string;
  readonly flow: string;
  readonly deployment?: string;
  readonly scheduledTime?: number;
  readonly parameters: Payload;
  readonly tags: readonly string[];
  readonly version?: string;
  /** The build of the code that the run runs on. */
  readonly build?: string;
}

export interface TaskMessage {
  readonly id: string;
  /** The run's actor: where the reports go. */
  readonly actor: string;
  readonly run: RunFacts;
  /** Packed: tasks of one message run side by side. */
  readonly tasks: readonly TaskItem[];
  /** Sendings of it (see {@link TaskDelivery.physical}) that an executor deleted and sent again as this one, because they came with others and it is to run alone. */
  readonly earlier?: readonly string[];
}

export interface TaskDelivery {
  /** Names this sending (SQS: the MessageId), also when it is delivered again. */
  readonly physical: string;
  readonly pool: string;
  readonly message: TaskMessage;
  /** Above 1 the process that had it died: it is reported as a crash, never run again (rule 13). Of what has to be claimed, the claim says whether it began. */
  readonly receives: number;
  readonly receipt?: string;
}

export interface TaskQueue {
  enqueue(pool: string, message: TaskMessage): Promise<void>;
  receive(pool: string, most: number): Promise<readonly TaskDelivery[]>;
  acknowledge(deliveries: readonly TaskDelivery[]): Promise<void>;
  /** It could not be run here (the pool is full, the code is not known): hand it to somebody else, not counted as received. */
  release(deliveries: readonly TaskDelivery[]): Promise<void>;
  /** Its code is not known here: as `release`, and we are not given it again. */
  decline?(deliveries: readonly TaskDelivery[]): Promise<void>;
  /** Other code was loaded: what was declined may be given to us again. */
  reconsider?(): void;
}

/** Which attempts have begun, where that must not be told from a message (`claims.ts`). A claim is for good: who was there first stays. */
export interface Claims {
  /** Durable. Leaves `mark` under the actor's key, unless something is there already, and returns what is there then: `mark` itself, or that of whoever was first. A mark is JSON. */
  take(actor: string, key: string, mark: string): Promise<string>;
}

/** How a cancel reaches code that runs now, in whichever process. Marks outlive what they mark: a queued task that starts later sees them too. */
export interface Aborts {
  mark(actor: string, calls: readonly string[] | "all"): Promise<void>;
  /** Takes marks of calls back; those that are not there are no error, and "all" stays. A process that knows of a mark already may go on believing in it. */
  unmark(actor: string, calls: readonly string[]): Promise<void>;
  marked(actor: string, call: string): Promise<boolean>;
  /** Calls `aborted` once, soon after a mark that names the call. Returns how to stop watching. */
  watch(actor: string, call: string, aborted: () => void): () => void;
}

export interface Timers {
  /** Sends `message` to the actor at `at` (milliseconds since 1970) or soon after, at least once. The same id again replaces it. */
  set(actor: string, id: string, at: number, message: Message): Promise<void>;
  /** It is no error if it has fired already. */
  delete(actor: string, id: string): Promise<void>;
}

export interface Results {
  /** Durable. Content-addressed: the same text has the same key. */
  put(text: string): Promise<string>;
  /** @throws WH3007 when nothing lies there. */
  get(key: string): Promise<string>;
}

export interface RunFilter {
  readonly flow?: string;
  readonly deployment?: string;
  readonly states?: readonly StateType[];
  readonly tag?: string;
  readonly parent?: string;
  readonly since?: number;
  readonly until?: number;
  readonly limit?: number;
  readonly cursor?: string;
}

/** Derived from the logs, and slightly behind them. */
export interface Index {
  /** An older `seq` never replaces a newer one. */
  putRun(row: RunRow): Promise<void>;
  run(id: string): Promise<RunRow | null>;
  /** Newest first. */
  runs(filter: RunFilter): Promise<{ readonly rows: readonly RunRow[]; readonly cursor?: string }>;
  putDeployment(row: DeploymentRow): Promise<void>;
  deployments(): Promise<readonly DeploymentRow[]>;
  /** An older `seq` never replaces a newer one; without a `seq` the last one written stands. */
  putArtifact(row: ArtifactRow): Promise<void>;
  artifacts(run: string): Promise<readonly ArtifactRow[]>;
}

/** Named settings and caches: small values under a kind and a key. Kinds: `variable`, `limit`, `cache`, `block`. */
export interface Registry {
  get(kind: string, key: string): Promise<RegistryValue | null>;
  /** `null` deletes. An expiry in the past is as good as absent. */
  put(kind: string, key: string, value: RegistryValue | null): Promise<void>;
  list(kind: string): Promise<readonly { readonly key: string; readonly value: RegistryValue }[]>;
}
export interface RegistryValue {
  readonly value: Payload;
  /** Unit: milliseconds since 1970. */
  readonly expiresAt?: number;
  readonly updatedAt: number;
}

export interface Secrets {
  get(name: string): Promise<string | null>;
  put(name: string, value: string | null): Promise<void>;
  list(): Promise<readonly string[]>;
}

export type LogLevel = "debug" | "info" | "warn" | "error";
export interface LogLine {
  /** The same line written twice is one line. */
  readonly id: string;
  readonly run: string;
  readonly call?: string;
  readonly at: number;
  readonly level: LogLevel;
  readonly message: string;
  /** Encoded fields. */
  readonly fields?: string;
}
export interface Logs {
  write(lines: readonly LogLine[]): Promise<void>;
  /** In the order of time, from `after` (a line's id) on. */
  read(run: string, options?: { readonly after?: string; readonly limit?: number; readonly call?: string }): Promise<readonly LogLine[]>;
}

/** `emit(event)`: hands it to whoever subscribes. At least once; `id` tells repetitions apart. */
export interface Events {
  emit(event: { readonly id: string; readonly type: string; readonly run: string; readonly at: number; readonly detail: Payload }): Promise<void>;
}

export interface Clock {
  /** Unit: milliseconds since 1970. */
  now(): number;
  /** Resolves after `ms`, or at once when aborted. Not durable: for waits inside a process. */
  wait(ms: number, signal?: AbortSignal): Promise<void>;
}

export interface Random {
  /** A new identifier: 16 lower-case letters and digits at least, unguessable where the backend is shared. */
  id(): string;
  /** 0 ≤ x < 1. */
  fraction(): number;
}

export interface Ports {
  readonly log: Log;
  readonly mailbox: Mailbox;
  readonly inbox: Inbox;
  readonly tasks: TaskQueue;
  readonly claims: Claims;
  readonly aborts: Aborts;
  readonly timers: Timers;
  readonly results: Results;
  readonly index: Index;
  readonly registry: Registry;
  readonly secrets: Secrets;
  readonly logs: Logs;
  readonly events: Events;
  readonly clock: Clock;
  readonly random: Random;
}
