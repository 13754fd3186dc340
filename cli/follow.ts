/** Follows a run to its end: tells its story while it goes on, whether it is worked on here or in another process, and shows on a terminal what it waits for. */
import type { Printer } from "../adapters/embedded/printer.ts";
import type { Entry } from "../engine/events.ts";
import { parseActor, runActor } from "../engine/messages.ts";
import type { LogLine, Ports } from "../engine/ports.ts";
import type { RunState } from "../engine/run-state.ts";
import { isFinal } from "../engine/state.ts";
import { StatusLine, statusOf } from "./status-line.ts";

export interface FollowOptions {
  readonly ports: Pick<Ports, "clock" | "index" | "log" | "logs">;
  /** Resolves when the actor's log may have grown. */
  readonly changed: (actor: string) => Promise<unknown>;
  /** None: nothing is told. */
  readonly printer?: (write: (text: string) => void, run: string) => Printer;
  readonly status: boolean;
  /** Log lines reach the store so long after they were written. Unit: milliseconds. */
  readonly lateLinesMs?: number;
}

/** Entries come in twice where the run is worked on here: as they are written, and from the log. Each is told once, in order. */
export class Follower {
  readonly #options: FollowOptions;
  readonly #line: StatusLine | undefined;
  readonly #early: (Entry | LogLine)[] = [];
  readonly #seen = new Map<string, number>();
  #printer: Printer | undefined;
  #run: string | undefined;
  /** Another process works on it: its log lines are read from the store. */
  #elsewhere = false;
  #lastLine: string | undefined;
  readonly #lines = new Set<string>();

  constructor(options: FollowOptions) {
    this.#options = options;
    this.#line = options.status ? new StatusLine(process.stderr) : undefined;
  }

  /** Runs may be heard of before it is known which of them is meant. */
  entry(entry: Entry): void {
    if (this.#run === undefined) this.#early.push(entry);
    else this.#tell(entry);
  }
  log(line: LogLine): void {
    if (this.#run === undefined) this.#early.push(line);
    else this.#tellLine(line);
  }

  /** Resolves with the state of the run, or of the one that it goes on as, when it has ended, or when `stop` aborts. */
  async follow(run: string, stop: AbortSignal): Promise<{ readonly run: string; readonly state: RunState | undefined }> {
    this.#run = run;
    this.#printer = this.#options.printer?.((text) => (this.#line ? this.#line.above(text) : void process.stderr.write(text)), run);
    for (const early of this.#early.splice(0)) "actor" in early ? this.#tell(early) : this.#tellLine(early);
    const stopped = new Promise<void>((resolve) => stop.addEventListener("abort", () => resolve(), { once: true }));
    try {
      for (let id = run; ; ) {
        const actor = runActor(id);
        const changed = this.#options.changed(actor);
        const tail = await this.#options.ports.log.tail(actor);
        const state = tail?.state as RunState | undefined;
        if (tail) await this.#catchUp(actor, tail.n);
        if (!state && this.#line) await this.#showQueued(id);
        if (state) this.#line?.show(() => statusOf(state, this.#options.ports.clock.now()));
        if (state?.continuedAs !== undefined) {
          await this.#lateLines(id, stopped);
          id = state.continuedAs;
          // The lines of one run do not follow on another's.
          this.#lastLine = undefined;
        } else if (stop.aborted) return { run: id, state };
        else if (state && isFinal(state.row.type)) {
          await this.#lateLines(id, stopped);
          return { run: id, state };
        } else await Promise.race([changed, stopped]);
      }
    } finally {
      this.#line?.end();
    }
  }

  /** A run that has not begun waits for its time, or for a slot of its deployment. */
  async #showQueued(id: string): Promise<void> {
    const row = await this.#options.ports.index.run(id);
    this.#line?.show(() => (row ? `${row.name}: ${row.state.reason?.message ?? row.state.name}` : "Its start is on its way."));
  }

  #tell(entry: Entry): void {
    const seen = this.#seen.get(entry.actor) ?? 0;
    // What is missing before it is read from the log; of subflows only what happens here is told.
    if (entry.n !== seen + 1 && (seen > 0 || entry.actor === runActor(this.#run ?? ""))) return;
    this.#seen.set(entry.actor, entry.n);
    this.#printer?.entry(entry);
  }
  /** A line may come as it is written and from the store. */
  #tellLine(line: LogLine): void {
    if (!this.#printer || this.#lines.has(line.id)) return;
    this.#lines.add(line.id);
    this.#printer.log(line);
  }
  async #newLines(run: string): Promise<LogLine[]> {
    const { logs } = this.#options.ports;
    const lines: LogLine[] = [];
    for (let page = await logs.read(run, { after: this.#lastLine }); page.length > 0; page = await logs.read(run, { after: this.#lastLine })) {
      lines.push(...page);
      this.#lastLine = page.at(-1)?.id;
    }
    return lines;
  }
  async #lateLines(run: string, stopped: Promise<void>): Promise<void> {
    const { lateLinesMs } = this.#options;
    if (lateLinesMs === undefined || !this.#printer) return;
    await Promise.race([this.#options.ports.clock.wait(lateLinesMs), stopped]);
    for (const line of await this.#newLines(run)) this.#tellLine(line);
    this.#printer.release();
  }
  async #catchUp(actor: string, n: number): Promise<void> {
    const { log } = this.#options.ports;
    const seen = this.#seen.get(actor) ?? 0;
    if (n <= seen) return;
    const entries = await log.read(actor, seen + 1, n);
    if ((this.#seen.get(actor) ?? 0) === seen) this.#elsewhere = true;
    const lines: LogLine[] = [];
    if (this.#elsewhere && this.#printer) lines.push(...(await this.#newLines(parseActor(actor).name)));
    inOrder({ entry: (entry) => this.#tell(entry), log: (line) => this.#tellLine(line) }, entries, lines, await log.tail(actor));
  }
}

/** Tells what came from the store in the order of time. A flow's line is told with the entry of its turn, a task's as it came. */
export function inOrder(
  to: { entry(entry: Entry): void; log(line: LogLine): void },
  entries: readonly Entry[],
  lines: readonly LogLine[],
  tail: Entry | null,
): void {
  const rest = [...lines];
  for (const entry of entries) {
    while (rest[0] && rest[0].at <= entry.at) to.log(rest.shift() as LogLine);
    // Only the last entry is sure to have its state; what is asked of it, such as names, does not change.
    to.entry(entry.state || !tail ? entry : { ...entry, state: tail.state });
  }
  for (const line of rest) to.log(line);
}
