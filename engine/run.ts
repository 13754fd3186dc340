/**
 * The run: what it makes of its messages. This file takes a message and says which call or which part of the run it concerns; `starting.ts` begins the run, `calls.ts` starts and
 * settles calls, `map.ts` keeps maps, `ending.ts` ends the run. A draft holds one turn's work: the state (changed in place), the events and the effects.
 *
 * Everything is decided by state alone (rule 6): what is not open, not the current attempt, not the present fence, or after the end, is ignored.
 */

import { fired, reportOf } from "./answers.ts";
import { crashed, failedAttempt, succeeded } from "./attempts.ts";
import { cancel } from "./cancel.ts";
import { decode, encode, encodeError } from "./codec.ts";
import { crashRun, finishRun, keepToo, tellStarter } from "./ending.ts";
import { WindhoverError } from "./errors.ts";
import type { Effect, Payload, RunEvent, RunRow } from "./events.ts";
import { crashedPiece, reportedPiece } from "./map.ts";
import type { RunMessage, TaskReport } from "./messages.ts";
import { limitActor, parseActor, runActor } from "./messages.ts";
import { migrate } from "./migrate.ts";
import { resume } from "./pause.ts";
import { isKnown, remember } from "./requests.ts";
import { type Living, type RunContext, RunDraft } from "./run-draft.ts";
import type { OpenCall, RunState } from "./run-state.ts";
import { check } from "./schema.ts";
import { settle } from "./settle.ts";
import { cancelFirst, takeFirst } from "./starting.ts";

export interface RunStep {
  readonly state: RunState;
  readonly events: readonly RunEvent[];
  readonly effects: readonly Effect[];
  readonly living: Living | null;
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
  for (const message of begun ? messages : cancelFirst(messages)) {
    if (begun) {
      const taken = take(draft, message);
      if (taken) await taken;
    } else if (message.kind === "start" || message.kind === "cancel" || message.kind === "dead") {
      await takeFirst(draft, message, messages);
      begun = true;
    }
    if (draft.pending.length > 0) await draft.pump();
  }
  if (begun) await finishRun(draft);
  const { state, events, effects, instance } = draft;
  const over = state.row.type === "COMPLETED" || state.row.type === "FAILED" || state.row.type === "CANCELLED" || state.row.type === "CRASHED";
  // Also where the code is not kept: what it waits for has to be known when it is needed again.
  if (instance) for (const id in state.open) if (instance.calls.get(id)?.observed) (state.open[id] as OpenCall).awaited = 1;
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
  const { name, flow, deployment, row, tags = [], createdAt, startedAt, scheduledTime, version, build, origin, continuedAs } = state;
  const parent = state.starter && parseActor(state.starter.actor).kind === "run" ? parseActor(state.starter.actor).name : undefined;
  const ended = row.type === "COMPLETED" || row.type === "FAILED" || row.type === "CANCELLED" || row.type === "CRASHED" ? row.timestamp : undefined;
  return {
    id,
    seq,
    name,
    flow,
    deployment,
    parent,
    state: row,
    tags,
    createdAt,
    startedAt,
    endedAt: ended,
    scheduledTime,
    version,
    build,
    origin,
    continuedAs,
  };
}

/** Nothing is returned where there is nothing to wait for. */
function take(draft: RunDraft, message: RunMessage): Promise<void> | void {
  const { state } = draft;
  if (draft.state.row.type === "COMPLETED" || state.row.type === "FAILED" || state.row.type === "CANCELLED" || state.row.type === "CRASHED")
    return answer(draft, message);
  switch (message.kind) {
    case "start":
      return;
    case "cancel":
      return cancel(draft, message.id, message.why);
    case "pause":
      if (state.paused || state.cancel || isKnown(draft, message.id)) return;
      remember(draft, message.id);
      state.paused = true;
      draft.log({ type: "paused", request: message.id });
      draft.move("PAUSED", "Paused", { reason: { code: "paused", message: "Somebody paused it; `resume` lets it go on.", since: draft.now } });
      return;
    case "resume":
      return resume(draft, message.id);
    case "input":
      return input(draft, message);
    case "done":
      return reported(draft, message.reports);
    case "crash":
      return died(draft, message);
    case "fire":
      return fired(draft, message.timer);
    case "ended":
      return reportOf.child(draft, message);
    case "grant":
      return reportOf.grant(draft, message);
    case "refuse":
      return reportOf.refusal(draft, message);
    case "migrate":
      return migrate(draft, message.id);
    case "dead":
      // That it cannot be moved is no reason to end it.
      if (message.message.kind === "migrate") return;
      return crashRun(draft, new WindhoverError("WH1403", { message: `A message of this run could not be handled: ${message.why}` }), message.message);
  }
}

async function reported(draft: RunDraft, reports: readonly TaskReport[]): Promise<void> {
  for (const report of reports) {
    if (report.piece) await reportedPiece(draft, report);
    else if (report.ok) succeeded(draft, report);
    else await failedAttempt(draft, report);
    if (draft.pending.length > 0) await draft.pump();
  }
}
async function died(draft: RunDraft, { attempts, why }: Extract<RunMessage, { kind: "crash" }>): Promise<void> {
  const alone = attempts.length === 1;
  for (const { call, attempt, piece } of attempts) {
    if (piece) await crashedPiece(draft, call, piece, alone);
    else await crashed(draft, call, attempt, alone, why);
    if (draft.pending.length > 0) await draft.pump();
  }
}

/** What people ask of a run, they ask of the one that it goes on as; and that has its slots, so that a limit's question after one of them is for it too. */
const FORWARDED: ReadonlySet<RunMessage["kind"]> = new Set(["input", "cancel", "pause", "resume", "migrate", "grant"]);

/** A run that has ended still answers, without an entry (rule 17). */
function answer(draft: RunDraft, message: RunMessage): void {
  const { state } = draft;
  if (message.kind === "dead") return keepToo(draft, message.message);
  if (state.continuedAs !== undefined && FORWARDED.has(message.kind)) return draft.send(runActor(state.continuedAs), message);
  if (message.kind === "start" && message.starter && state.continuedAs === undefined) tellStarter(draft, message.starter);
  if (message.kind === "grant")
    draft.send(limitActor(message.limit), {
      kind: "release",
      id: `release:${message.request}:${message.fence}`,
      request: message.request,
      fence: message.fence,
    });
}

async function input(draft: RunDraft, message: Extract<RunMessage, { kind: "input" }>): Promise<void> {
  const { state } = draft;
  if (isKnown(draft, message.id)) return;
  remember(draft, message.id);
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
