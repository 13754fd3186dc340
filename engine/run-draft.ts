/** One turn's work on a run: its state (changed in place), the events, the effects, and the code if it has to run. */
import { Book } from "./book.ts";
import { begin, close, itemsEnded } from "./calls.ts";
import { decode } from "./codec.ts";
import type { Code } from "./definition.ts";
import { factsOf } from "./effects.ts";
import { assert } from "./errors.ts";
import type { Effect, RunEvent, StateRow } from "./events.ts";
import { type Command, Instance } from "./instance.ts";
import { parseActor, type RunMessage } from "./messages.ts";
import { callOf } from "./needs.ts";
import type { LogLevel } from "./ports.ts";
import { outcomeOf, type Reader, replay } from "./replay.ts";
import type { OpenCall, RunState } from "./run-state.ts";
import { moved } from "./state.ts";

/** A run that is kept in memory between turns: its code stands where the log's entry `n` left it. */
export interface Living {
  readonly book: Book;
  instance: Instance | null;
  n: number;
  nonce: string;
}

/** What a turn gives the run to decide with. */
export interface RunContext {
  readonly actor: string;
  /** The entry that this turn will append, if it appends any. */
  readonly n: number;
  /** The log's time, never less than the last entry's. */
  readonly now: number;
  readonly code: Code;
  /** Which build `code` is, where several are deployed at once. */
  readonly build?: string;
  readonly living: Living | null;
  /** Nothing runs inline: a turn that died lies behind this one (rule 15), or somebody waits for this one to end. */
  readonly queueNext: boolean;
  /** How long an inline task may take. Unit: milliseconds. */
  readonly inlineMs: number;
  /** The log up to the last entry. */
  history(): Promise<readonly { readonly at: number; readonly events: readonly RunEvent[] }[]>;
  readonly read: (book: () => Book) => Reader;
  /** Slots of the limits that an operator has set, by name. */
  limits(): Promise<ReadonlyMap<string, number>>;
  /** A line of the flow's own log; not during replay. */
  writeLog(level: LogLevel, message: string, fields?: object): void;
  /** The log of another run, for `retry` and `rerunFrom`. */
  bookOf(run: string): Promise<Book>;
}

const NOBODY: readonly string[] = [];

export class RunDraft {
  readonly context: RunContext;
  readonly state: RunState;
  readonly events: RunEvent[] = [];
  readonly effects: Effect[] = [];
  /** Settlements that are decided and not yet in the log: each is logged as it is delivered, so that the log has the order of delivery. */
  readonly pending: Extract<RunEvent, { type: "settled" | "items" }>[] = [];
  /** Calls that have a settlement in `pending`. */
  readonly decided = new Set<string>();
  /** Errors of such settlements that are not complete before something has been read, by call. */
  readonly unread = new Map<string, () => Promise<string>>();
  /** Who waits for a call, so that a settlement need not look at all that is open. */
  #waiting: Map<string, Set<string>> | undefined;
  /** Calls whose next attempt can be launched as this turn ends. */
  readonly launches: string[] = [];
  book: Book | null;
  instance: Instance | null;
  rowChanged = false;
  openCount: number;
  /** Reused results of an earlier attempt or run, by place. */
  origin: Book | null = null;

  constructor(context: RunContext, state: RunState) {
    this.context = context;
    this.state = state;
    this.openCount = 0;
    for (const id in state.open) {
      const open = state.open[id] as OpenCall;
      this.openCount++;
      for (const need of open.needs ?? []) this.waits(id, need);
      if (open.map?.follows !== undefined) this.waits(id, open.map.follows);
    }
    this.book = context.living?.book ?? null;
    this.instance = context.living?.instance ?? null;
    if (this.instance) {
      this.instance.now = context.now;
      this.instance.read = this.reader;
      this.instance.onLog = (level, message, fields) => context.writeLog(level, message, fields);
    }
  }
  /** Who waits for an item waits for its map: both tell of it. */
  waits(call: string, need: string): void {
    this.#waiting ??= new Map();
    const source = callOf(need, (id) => id in this.state.open);
    const known = this.#waiting.get(source);
    if (known) known.add(call);
    else this.#waiting.set(source, new Set([call]));
  }
  waitingFor(need: string): readonly string[] {
    const waiting = this.#waiting?.get(need);
    return waiting ? [...waiting] : NOBODY;
  }
  get id(): string {
    return parseActor(this.context.actor).name;
  }
  get now(): number {
    return this.context.now;
  }
  log(event: RunEvent): void {
    this.events.push(event);
    this.book?.note(event);
  }
  move(type: StateRow["type"], name: string, more: Partial<StateRow> = {}): void {
    this.state.row = moved(this.state.row, { type, name, timestamp: this.now, ...more });
    this.rowChanged = true;
  }
  send(to: string, message: RunMessage | Extract<Effect, { do: "send" }>["message"]): void {
    this.effects.push({ do: "send", to, message });
  }

  /** The book, read from the log if this process has not kept it. */
  async needBook(): Promise<Book> {
    if (!this.book) {
      this.book = Book.from(await this.context.history());
      for (const event of this.events) this.book.note(event);
    }
    return this.book;
  }
  /** The code, at the point where the log before this turn left it. */
  async needCode(): Promise<Instance> {
    if (this.instance) return this.instance;
    const history = await this.context.history();
    const book = await this.needBook();
    const fn = this.context.code.flow(this.state.flow).fn;
    const instance = await this.newInstance();
    this.instance = instance;
    await replay(instance, fn, [...history, { at: this.now, events: this.events }], book, this.reader);
    instance.now = this.now;
    return instance;
  }
  async newInstance(): Promise<Instance> {
    const book = this.book ?? (await this.needBook());
    const { started } = book;
    assert(started, "a run without a start has no code to run");
    const text = typeof started.parameters === "string" ? started.parameters : await this.reader.text(started.parameters);
    const instance = new Instance({
      run: factsOf(this.context.actor, book),
      parameters: decode(text),
      seed: started.seed,
      attempt: this.state.attempt,
      flags: started.flags,
    });
    instance.read = this.reader;
    instance.onLog = (level, message, fields) => this.context.writeLog(level, message, fields);
    return instance;
  }
  get reader(): Reader {
    return this.context.read(() => this.book as Book);
  }

  /** Logs and delivers what is pending, and begins the calls that follow, until nothing moves. */
  async pump(): Promise<void> {
    for (let next = this.pending.shift(); next; next = this.pending.shift()) {
      const read = next.type === "settled" && !next.ok ? this.unread.get(next.call) : undefined;
      const event = read ? ({ ...next, error: await read() } as typeof next) : next;
      const open = this.state.open[event.call];
      if (!open) continue;
      const forCode = open.role !== "hook" && !this.state.returned;
      // Code that has to be replayed is replayed up to here, before this event is in the draft.
      if (!this.instance && open.awaited && forCode && !this.state.paused) await this.needCode();
      this.log(event);
      const closing = event.type === "settled" ? close(this, event, open) : itemsEnded(this, event);
      if (closing) await closing;
      if (this.state.paused && forCode) (this.state.late ??= []).push(event.type === "items" ? `${event.call}/${event.piece.id}` : event.call);
      if (this.state.paused || !forCode || !this.instance || this.instance.fatal) continue;
      await this.deliver(event);
    }
  }
  async deliver(event: Extract<RunEvent, { type: "settled" | "items" }>): Promise<void> {
    const instance = this.instance as Instance;
    if (event.type === "items") await instance.deliverItems(event);
    else {
      const kind = instance.calls.get(event.call)?.kind ?? "task";
      const found = outcomeOf(event, kind, this.now, this.reader);
      const { outcome, state } = found instanceof Promise ? await found : found;
      await instance.deliver(event.call, outcome, state);
    }
    const begun = this.beginNew();
    if (begun) await begun;
  }
  /** Nothing is returned where the code has called nothing. */
  beginNew(): Promise<void> | undefined {
    // Code that does not match its log has called nothing, as far as anybody can see.
    const commands = this.instance?.fatal ? undefined : this.instance?.drain();
    return commands?.length ? this.#begin(commands) : undefined;
  }
  async #begin(commands: readonly Command[]): Promise<void> {
    for (const command of commands) {
      const begun = begin(this, command);
      if (begun) await begun;
    }
  }
}
