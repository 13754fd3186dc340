/**
 * The embedded backend: every port on one SQLite database in a directory. One process or several may open it at once.
 */
import { mkdirSync, realpathSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { WindhoverError } from "../../engine/errors.ts";
import { runActor } from "../../engine/messages.ts";
import type { Clock, Inbox, Mailbox, Ports, Random, TaskQueue } from "../../engine/ports.ts";
import { currentScope } from "../../engine/scope.ts";
import { EmbeddedAborts } from "./aborts.ts";
import { EmbeddedClaims } from "./claims.ts";
import { systemClock, systemRandom } from "./clock.ts";
import { type Database, loadDriver } from "./database.ts";
import { EmbeddedEvents, type EmittedEvent } from "./events.ts";
import { mapFailure } from "./failure.ts";
import { Journal, type JournalStats } from "./journal.ts";
import { EmbeddedLines } from "./lines.ts";
import { EmbeddedLog } from "./log.ts";
import { EmbeddedMailbox } from "./mailbox.ts";
import { Presence } from "./presence.ts";
import { Processes } from "./processes.ts";
import { EmbeddedRegistry } from "./registry.ts";
import { EmbeddedResults } from "./results.ts";
import { type Retention, Sweeper, type Swept } from "./retention.ts";
import { EmbeddedIndex } from "./rows.ts";
import { abandon, fold, openStore } from "./schema.ts";
import { EmbeddedSecrets } from "./secrets.ts";
import type { Signal } from "./signal.ts";
import { waitingStarts } from "./starts.ts";
import { EmbeddedTasks } from "./tasks.ts";
import { EmbeddedTimers } from "./timers.ts";

/** How often we look whether another process has committed. Unit: milliseconds. */
const GLANCE_MS = 25;
/** At every so many of these we look whether the file is still where it was opened. */
const GLANCES_A_LOOK = 10;

export interface EmbeddedOptions {
  /** Where the database lies; made if it is missing. Default: `.windhover` */
  readonly directory?: string;
  /** Default: the machine's. */
  readonly now?: Clock;
  readonly random?: Random;
  /** The database is not let grow beyond this; what would not fit fails like a full disk. Unit: bytes. */
  readonly maxBytes?: number;
}

export interface EmbeddedStats extends JournalStats {
  readonly appends: number;
  /** Letters and task messages that this process has or waits for. */
  readonly mail: number;
  readonly tasksInHand: number;
}

export interface EmbeddedBackend {
  readonly ports: Ports & {
    readonly inbox: Inbox & Required<Pick<Inbox, "decline" | "reconsider">>;
    readonly tasks: TaskQueue & Required<Pick<TaskQueue, "decline" | "reconsider">>;
  };
  /** Tell when it is worth to `receive` again. They ring too when the backend fails or closes. */
  readonly signals: { readonly mail: Signal; readonly tasks: Signal };
  /** Events that this process emits; returns how to stop. Those of all processes: `events`. */
  subscribe(subscriber: (event: EmittedEvent) => void): () => void;
  events(after?: number, limit?: number): Promise<readonly (EmittedEvent & { readonly seq: number })[]>;
  /** Resolves when all that was said is on disk, and what other processes said is known. */
  settle(): Promise<void>;
  /** Deletes what is older than it has to be. */
  sweep(retention: Retention): Promise<Swept>;
  stats(): EmbeddedStats;
  /** Does a process that lives take part in the work on this directory, this one or another? */
  served(): boolean;
  /** How often it was noticed that another process, or another connection of this one, had committed; it changes too when the backend fails or closes. */
  foreignCommits(): number;
  /** Writes what is left to write and lets go of everything; other processes take over at once. Later calls fail with WH3008. */
  close(): Promise<void>;
  /** For tests: ends as the death of the process would. What was not written is lost, and nobody is told. */
  kill(): void;
}

/** Files that this process has open, and how often. On `globalThis`, because two copies of this module must not look into one another's files. */
const opened = ((globalThis as { [key: symbol]: unknown })[Symbol.for("windhover.embedded.files")] ??= new Map()) as Map<string, number>;
const atExit = new Set<() => void>();

/**
 * Opens the store in a directory, or makes it.
 * @throws WH3001 a damaged database, or another program's · WH3002 a newer one · WH3003 a full disk, or no permission. Nothing is changed then.
 * @example const backend = await openEmbedded({ directory: ".windhover" });
 */
export async function openEmbedded(options: EmbeddedOptions = {}): Promise<EmbeddedBackend> {
  const { directory = ".windhover", now: clock = systemClock, random = systemRandom, maxBytes } = options;
  await loadDriver();
  let file = join(directory, "windhover.db");
  try {
    // It holds a key, and what runs were given: nothing that belongs into a repository.
    if (mkdirSync(directory, { recursive: true }) !== undefined) writeFileSync(join(directory, ".gitignore"), "*\n");
    file = join(realpathSync(directory), "windhover.db");
  } catch (error) {
    throw mapFailure(error, file, "opened");
  }
  const uses = opened.get(file) ?? 0;
  const database = openStore(file, uses > 0);
  opened.set(file, uses + 1);
  if (maxBytes !== undefined) limitSize(database, maxBytes);
  return assemble(build(database, directory, clock, random), clock, random);
}

function limitSize(database: Database, maxBytes: number): void {
  const pageSize = database.prepare("PRAGMA page_size").get()?.["page_size"] as number;
  database.exec(`PRAGMA max_page_count = ${Math.max(1, Math.floor(maxBytes / pageSize))}`);
}

/** All parts of an open store. */
function build(database: Database, directory: string, clock: Clock, random: Random) {
  const journal = new Journal(database);
  const presence = new Presence(database.file);
  // Only ever called once all is there.
  const processes: Processes = new Processes(random.id(), directory, database, journal, {
    inherit: (actors) => mailbox.inherit(actors),
    joined: () => {
      journal.guard(() => mailbox.catchUp());
      timers.start();
    },
    tookOver: () => {
      mailbox.committed();
      tasks.bell.raise();
    },
  });
  const log = new EmbeddedLog(database, journal);
  const mailbox = new EmbeddedMailbox(database, journal, clock, processes);
  const tasks = new EmbeddedTasks(database, journal, processes);
  const claims = new EmbeddedClaims(database, journal);
  const timers = new EmbeddedTimers(database, journal, clock, mailbox, processes);
  const aborts = new EmbeddedAborts(database, journal);
  const results = new EmbeddedResults(database, journal);
  const index = new EmbeddedIndex(database, journal);
  const registry = new EmbeddedRegistry(database, journal, clock);
  const logs = new EmbeddedLines(database, journal);
  const events = new EmbeddedEvents(database, journal);
  const secrets = new EmbeddedSecrets(directory, () => journal.check());
  // Timers before the mailbox: those that are due become mail in the same transaction.
  for (const section of [log, results, tasks, claims, timers, mailbox, aborts, index, registry, logs, events]) journal.add(section);
  const sweeper = new Sweeper(database, journal, clock);
  return { database, journal, presence, processes, log, mailbox, tasks, claims, timers, aborts, results, index, registry, logs, events, secrets, sweeper };
}
type Parts = ReturnType<typeof build>;

function assemble(parts: Parts, clock: Clock, random: Random): EmbeddedBackend {
  const { journal, presence, processes, log, mailbox, tasks, claims, timers, aborts, results, index, registry, logs, events, secrets, sweeper } = parts;
  let glances = 0;
  const glance = setInterval(() => {
    try {
      journal.glance();
      const gone = ++glances % GLANCES_A_LOOK === 0 ? presence.look() : undefined;
      if (gone) journal.poison(gone);
    } catch {
      // Poisoned: whoever asks next is told.
    }
  }, GLANCE_MS).unref();
  let open = true;
  const end = (farewell: boolean, culprit?: string): void => {
    if (!open) return;
    open = false;
    clearInterval(glance);
    atExit.delete(exit);
    letGo(parts, farewell, culprit);
  };
  const exit = (): void => end(true, flowThatExits());
  if (atExit.size === 0 && !process.listeners("exit").includes(leaveAll)) process.on("exit", leaveAll);
  atExit.add(exit);
  return {
    ports: { log, mailbox: withStarts(parts), inbox: mailbox, tasks, claims, aborts, timers, results, index, registry, secrets, logs, events, clock, random },
    signals: { mail: mailbox.bell, tasks: tasks.bell },
    subscribe: (subscriber) => events.subscribe(subscriber),
    events: (after, limit) => events.read(after, limit),
    async settle() {
      await journal.durable();
      journal.glance();
      await journal.durable();
    },
    sweep: (retention) => sweeper.sweep(retention),
    foreignCommits: () => journal.foreignCommits,
    served: () => processes.served(),
    stats: () => ({ ...journal.stats, appends: log.appends, mail: mailbox.waiting, tasksInHand: tasks.inHand }),
    close: async () => end(true),
    kill: () => end(false),
  };
}

function withStarts({ database, journal, mailbox }: Parts): Mailbox {
  return {
    send: (actor, message) => mailbox.send(actor, message),
    acknowledge: (deliveries) => mailbox.acknowledge(deliveries),
    starts: async (wanted) => journal.read(mailbox, () => waitingStarts(database, wanted)),
  };
}

/** The run whose flow's code ends the process: its code is what runs as the process is told to exit. */
function flowThatExits(): string | undefined {
  const scope = currentScope();
  return scope?.kind === "flow" ? runActor(scope.instance.facts.run.runId) : undefined;
}

function letGo({ database, journal, processes, mailbox, tasks, timers }: Parts, farewell: boolean, culprit?: string): void {
  // Closing would write to files that are damaged, or whose names are another's by now.
  let left = false;
  try {
    if (farewell && processes.joined)
      journal.transaction(() => {
        if (culprit !== undefined) mailbox.bury(culprit, "the flow's code ended the process");
        mailbox.leave();
        tasks.leave();
        processes.leave();
      });
    else if (farewell) journal.flush();
    if (farewell) fold(database);
  } catch (error) {
    // It was poisoned before, and everybody has been told.
    left = error instanceof WindhoverError && (error.code === "WH3001" || error.code === "WH3009");
  }
  journal.poison(new WindhoverError("WH3008", { message: `The backend on ${database.file} was closed.` }));
  timers.stop();
  processes.stop(farewell);
  if (left) abandon(database);
  else database.close();
  const uses = (opened.get(database.file) ?? 1) - 1;
  if (uses > 0) opened.set(database.file, uses);
  else opened.delete(database.file);
}

/** A process that exits writes what it has noted, like one that closes its backends. */
function leaveAll(): void {
  for (const exit of [...atExit]) exit();
}
