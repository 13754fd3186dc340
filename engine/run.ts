/**
 * The run: what it makes of its messages. This file takes a message and says which call or which part of the run it concerns; `calls.ts` starts and settles calls, `map.ts`
 * keeps maps, `ending.ts` ends runs. A draft holds one turn's work: the state (changed in place), the events and the effects.
 *
 * Everything is decided by state alone (rule 6): what is not open, not the current attempt, not the present fence, or after the end, is ignored.
 */

import { crashed, failedAttempt, succeeded } from "./attempts.ts";
import { Book, callId } from "./book.ts";
import { begin, cancelCall, fired, ready, release, reportOf, settle } from "./calls.ts";
import { decode, encode, encodeError } from "./codec.ts";
import type { Code } from "./definition.ts";
import { conclude, crashRun, finishRun, refuseStart, startCode } from "./ending.ts";
import { assert, Cancelled, WindhoverError } from "./errors.ts";
import type { Effect, Payload, RunEvent, RunRow, StateRow } from "./events.ts";
import { LIMITS } from "./limits.ts";
import { crashedPiece, followMap, handOut, reportedPiece } from "./map.ts";
import type { RunMessage, StartMessage } from "./messages.ts";
import { limitActor, parseActor, runActor } from "./messages.ts";
import type { LogLevel } from "./ports.ts";
import { Instance, outcomeOf, type Reader, replay } from "./replay.ts";
import type { RunState } from "./run-state.ts";
import { check } from "./schema.ts";
import { moved } from "./state.ts";

export type { RunState } from "./run-state.ts";

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
  readonly living: Living | null;
  /** Nothing runs inline: a turn that died lies behind this one (rule 15), or somebody waits for this one to end. */
  readonly queueNext: boolean;
  /** How long an inline task may take. Unit: milliseconds. */
  readonly inlineMs: number;
  /** The log up to the last entry. */
  history(): Promise<readonly { readonly at: number; readonly events: readonly RunEvent[] }[]>;
  readonly read: (book: () => Book) => Reader;
  /** Limits that an operator has set, by name. */
  limitNames(): Promise<ReadonlySet<string>>;
  /** A line of the flow's own log; not during replay. */
  writeLog(level: LogLevel, message: string, fields?: object): void;
  /** The log of another run, for `retry` and `rerunFrom`. */
  bookOf(run: string): Promise<Book>;
}

export interface RunStep {
  readonly state: RunState;
  readonly events: readonly RunEvent[];
  readonly effects: readonly Effect[];
  readonly living: Living | null;
}

export class RunDraft {
  readonly context: RunContext;
  readonly state: RunState;
  readonly events: RunEvent[] = [];
  readonly effects: Effect[] = [];
  /** Settlements that are decided and not yet in the log: each is logged as it is delivered, so that the log has the order of delivery. */
  readonly pending: Extract<RunEvent, { type: "settled" | "items" }>[] = [];
  /** Calls that have a settlement in `pending`. */
  readonly decided = new Set<string>();
  /** Who waits for a call, so that a settlement need not look at all that is open. */
  readonly #waiting = new Map<string, Set<string>>();
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
    for (const [id, open] of Object.entries(state.open)) {
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
  waits(call: string, need: string): void {
    const known = this.#waiting.get(need);
    if (known) known.add(call);
    else this.#waiting.set(need, new Set([call]));
  }
  waitingFor(need: string): readonly string[] {
    return [...(this.#waiting.get(need) ?? [])];
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
    const started = (await this.needBook()).started;
    assert(started, "a run without a start has no code to run");
    const text = typeof started.parameters === "string" ? started.parameters : await this.reader.text(started.parameters);
    const run = {
      runId: this.id,
      runName: started.name,
      flow: started.flow,
      deployment: started.deployment,
      scheduledTime: started.scheduledTime,
      parameters: started.parameters,
      tags: started.tags ?? [],
      version: started.version,
    };
    const instance = new Instance({
      run,
      parameters: await this.reader.value({ type: "settled", call: "", ok: true, value: text }, "task"),
      seed: started.seed,
      attempt: this.state.attempt,
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
    for (let event = this.pending.shift(); event; event = this.pending.shift()) {
      const open = this.state.open[event.call];
      if (!open) continue;
      const forCode = open.role !== "hook" && !this.state.returned;
      // Code that has to be replayed is replayed up to here, before this event is in the draft.
      if (open.awaited && forCode && !this.state.paused) await this.needCode();
      this.log(event);
      if (event.type === "settled") await settle.close(this, event, open);
      else followMap.items(this, event);
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
      const { outcome, state } = await outcomeOf(event, kind, this.now, this.reader);
      await instance.deliver(event.call, outcome, state);
    }
    await this.beginNew();
  }
  async beginNew(): Promise<void> {
    // Code that does not match its log has called nothing, as far as anybody can see.
    if (this.instance?.fatal) return;
    for (const command of this.instance?.drain() ?? []) await begin(this, command);
  }
}

const nothing = (): RunState => ({
  kind: "run",
  flow: "",
  name: "",
  row: { type: "SCHEDULED", name: "Scheduled", timestamp: 0 },
  createdAt: 0,
  attempt: 1,
  calls: 0,
  open: {},
});

/** One step of a run: what the messages change, and what follows. */
export async function advanceRun(context: RunContext, before: RunState | null, messages: readonly RunMessage[]): Promise<RunStep> {
  const draft = new RunDraft(context, before ?? nothing());
  let begun = before !== null;
  for (const message of messages) {
    if (begun) await take(draft, message);
    else if (message.kind === "start" || message.kind === "cancel" || message.kind === "dead") {
      await takeFirst(draft, message);
      begun = true;
    }
    await draft.pump();
  }
  if (begun) await finishRun(draft);
  const { state, events, effects, instance } = draft;
  const over = state.row.type === "COMPLETED" || state.row.type === "FAILED" || state.row.type === "CANCELLED" || state.row.type === "CRASHED";
  // Also where the code is not kept: what it waits for has to be known when it is needed again.
  if (instance) for (const [id, open] of Object.entries(state.open)) if (instance.calls.get(id)?.observed) open.awaited = 1;
  if (over || state.paused || instance?.fatal) instance?.drop();
  const keep = instance && !instance.dropped ? instance : null;
  return {
    state,
    events,
    effects: over && events.length === 0 ? effects : withRow(draft, effects),
    living: draft.book && !over ? { book: draft.book, instance: keep, n: 0, nonce: "" } : null,
  };
}

/** One index row an entry: its last state, under the entry's number. */
function withRow(draft: RunDraft, effects: Effect[]): Effect[] {
  if (!draft.rowChanged) return effects;
  return [...effects, { do: "index", row: runRow(draft.id, draft.context.n, draft.state) }];
}

export function runRow(id: string, seq: number, state: RunState): RunRow {
  const { name, flow, deployment, row, tags = [], createdAt, startedAt, scheduledTime, version, origin, continuedAs } = state;
  const parent = state.starter && parseActor(state.starter.actor).kind === "run" ? parseActor(state.starter.actor).name : undefined;
  const ended = row.type === "COMPLETED" || row.type === "FAILED" || row.type === "CANCELLED" || row.type === "CRASHED" ? row.timestamp : undefined;
  return { id, seq, name, flow, deployment, parent, state: row, tags, createdAt, startedAt, endedAt: ended, scheduledTime, version, origin, continuedAs };
}

/** The first message of an empty log. */
async function takeFirst(draft: RunDraft, message: RunMessage): Promise<void> {
  const { state } = draft;
  draft.book = new Book();
  if (message.kind === "start") {
    noteStart(state, message, draft.now);
    await startCode(draft, message);
  } else if (message.kind === "cancel") {
    state.row = { type: "SCHEDULED", name: "Scheduled", timestamp: draft.now };
    state.createdAt = draft.now;
    Object.assign(state, message.of);
    refuseStart(draft, "CANCELLED", "Cancelled", undefined, message.why ?? "Cancelled before it started.");
  } else if (message.kind === "dead") {
    if (message.message.kind === "start") noteStart(state, message.message, draft.now);
    crashRun(draft, new WindhoverError("WH1403", { message: `The run could not be started: ${message.why}` }));
  }
}

function noteStart(state: RunState, start: StartMessage, now: number): void {
  const { flow, name, tags, starter, deployment, scheduledTime, createdAt, version, depth, heldAbove, origin, inherits, overrides } = start;
  Object.assign(state, { flow, name, createdAt, startedAt: now, row: { type: "SCHEDULED", name: "Scheduled", timestamp: createdAt } });
  const optional = { tags: tags?.length ? tags : undefined, starter, deployment, scheduledTime, version, depth, heldAbove, overrides, origin: origin?.run };
  for (const [key, value] of Object.entries(optional)) if (value !== undefined) Object.assign(state, { [key]: value });
  if (inherits) Object.assign(state, { origin: inherits.run, inputs: [...inherits.inputs], seen: [...inherits.seen], held: { ...inherits.held } });
}

async function take(draft: RunDraft, message: RunMessage): Promise<void> {
  const { state } = draft;
  if (draft.state.row.type === "COMPLETED" || state.row.type === "FAILED" || state.row.type === "CANCELLED" || state.row.type === "CRASHED")
    return answer(draft, message);
  switch (message.kind) {
    case "start":
      return;
    case "cancel":
      return cancel(draft, message.id, message.why);
    case "pause":
      if (state.paused || state.cancel) return;
      state.paused = true;
      draft.log({ type: "paused", request: message.id });
      draft.move("PAUSED", "Paused", { reason: { code: "paused", message: "Somebody paused it; `resume` lets it go on.", since: draft.now } });
      return;
    case "resume":
      return resume(draft, message.id);
    case "input":
      return input(draft, message);
    case "done":
      for (const report of message.reports) {
        if (report.piece) await reportedPiece(draft, report);
        else if (report.ok) succeeded(draft, report);
        else await failedAttempt(draft, report);
        await draft.pump();
      }
      return;
    case "crash": {
      const alone = message.attempts.length === 1;
      for (const attempt of message.attempts) {
        if (attempt.piece) await crashedPiece(draft, attempt.call, attempt.piece, alone);
        else await crashed(draft, attempt.call, attempt.attempt, alone, message.why);
        await draft.pump();
      }
      return;
    }
    case "fire":
      return fired(draft, message.timer);
    case "ended":
      return reportOf.child(draft, message);
    case "grant":
      return reportOf.grant(draft, message);
    case "refuse":
      return reportOf.refusal(draft, message);
    case "dead":
      return crashRun(draft, new WindhoverError("WH1403", { message: `A message of this run could not be handled: ${message.why}` }));
  }
}

/** A run that has ended still answers, without an entry (rule 17). */
function answer(draft: RunDraft, message: RunMessage): void {
  const { state } = draft;
  if (state.continuedAs !== undefined && (message.kind === "input" || message.kind === "cancel" || message.kind === "pause" || message.kind === "resume"))
    return draft.send(runActor(state.continuedAs), message);
  if (message.kind === "start" && message.starter && state.continuedAs === undefined) tellStarter(draft, message.starter);
  if (message.kind === "grant")
    draft.send(limitActor(message.limit), {
      kind: "release",
      id: `release:${message.request}:${message.fence}`,
      request: message.request,
      fence: message.fence,
    });
}

export function tellStarter(draft: RunDraft, starter: NonNullable<RunState["starter"]>): void {
  const { state, id } = draft;
  const run = starter.run ?? id;
  draft.send(starter.actor, {
    kind: "ended",
    id: `ended:${run}:${state.row.type}`,
    run,
    call: starter.call,
    state: state.row.type as "COMPLETED",
    value: state.result,
    error: state.error,
  });
}

function cancel(draft: RunDraft, request: string, why?: string): void {
  const { state } = draft;
  if (state.cancel) return;
  beginCancel(draft, { request, why });
}

/** Ends what the log alone can end, asks the rest to stop, and lets the code see it (rule 16). */
export function beginCancel(draft: RunDraft, cause: { request: string; why?: string; timedOut?: true }): void {
  const { state } = draft;
  if (state.paused) unpause(draft, cause.request);
  state.cancel = { ...cause, calls: 0 };
  draft.log({ type: "cancelling", ...cause });
  draft.move("CANCELLING", cause.timedOut ? "TimingOut" : "Cancelling", {
    message: cause.why,
    reason: { code: "cancelling", message: "It waits for its code, its tasks and its subflows to stop.", since: draft.now },
  });
  if (draft.instance) draft.instance.cancelling = true;
  if (state.retryTimer !== undefined) {
    draft.effects.push({ do: "untimer", id: state.retryTimer });
    state.retryTimer = undefined;
  }
  for (const [id, open] of Object.entries(state.open)) if (open.role === undefined) cancelCall(draft, id, open);
  // By name, so that what its cleaning up calls later is not meant.
  const running = Object.entries(state.open).filter(
    ([id, open]) => (open.kind === undefined || open.kind === "map" || open.kind === "builtin") && open.role === undefined && !settle.decided(draft, id),
  );
  if (running.length > 0) draft.effects.push({ do: "abort", calls: running.map(([id]) => id) });
}

export function cancelError(draft: RunDraft): Payload {
  const { cancel } = draft.state;
  return encodeError(
    cancel?.timedOut
      ? new WindhoverError("WH1401", { message: cancel.why ?? "The flow timed out." })
      : new Cancelled(cancel?.why ? `The run was cancelled: ${cancel.why}` : undefined),
  );
}

function unpause(draft: RunDraft, request: string): void {
  draft.state.paused = undefined;
  draft.log({ type: "resumed", request });
}

async function resume(draft: RunDraft, request: string): Promise<void> {
  const { state } = draft;
  const waiting = Object.entries(state.open).find(([, open]) => open.kind === "pause");
  if (!state.paused) {
    if (waiting) settle.ok(draft, waiting[0]);
    return;
  }
  const late = state.late ?? [];
  state.late = undefined;
  // The code is brought to where it stood before the pause; what settled meanwhile is delivered now.
  const instance = late.some((id) => id) && !state.returned ? await draft.needCode() : null;
  unpause(draft, request);
  draft.move("RUNNING", "Running");
  const { calls } = await draft.needBook();
  for (const id of late) {
    const slash = id.lastIndexOf("/");
    const event = calls.get(id)?.settled ?? calls.get(id.slice(0, slash))?.items?.find(({ piece }) => piece.id === Number(id.slice(slash + 1)));
    if (instance && event && !instance.fatal) await draft.deliver(event);
  }
  for (const [id, open] of Object.entries(state.open))
    if (open.map) handOut(draft, id, open);
    else if (open.waits === "pause") {
      open.waits = undefined;
      await ready(draft, id);
    }
}

async function input(draft: RunDraft, message: Extract<RunMessage, { kind: "input" }>): Promise<void> {
  const { state } = draft;
  if (state.seen?.includes(message.id)) return;
  (state.seen ??= []).push(message.id);
  if (state.seen.length > LIMITS.inputsRemembered) state.seen.shift();
  const schema = draft.context.code.inputs.get(message.name)?.schema;
  const checked =
    schema &&
    (await check(schema, decode(typeof message.value === "string" ? message.value : await draft.reader.text(message.value)), (got, issues) =>
      inputProblem(message.name, got, issues),
    ));
  if (checked && !checked.ok) return draft.log({ type: "rejected", request: message.id, name: message.name, error: encodeError(checked.error) });
  const value: Payload = checked ? encode(checked.value) : message.value;
  draft.log({ type: "input", request: message.id, name: message.name, value, wait: message.wait });
  const waiting = Object.entries(state.open).find(
    ([id, open]) => open.kind === "input" && open.input === message.name && !settle.decided(draft, id) && (message.wait === undefined || message.wait === id),
  );
  if (waiting) settle.ok(draft, waiting[0], value);
  else (state.inputs ??= []).push({ request: message.id, name: message.name, value });
}

export const inputProblem = (name: string, got: string, issues: string): WindhoverError =>
  new WindhoverError("WH1106", { message: `The input "${name}" does not fit: ${issues}`, expected: "what the input's schema says", got });

export { callId, conclude, release };
