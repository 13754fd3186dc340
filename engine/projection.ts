/**
 * A run's log as people see it: the facts of its head, every call with its state and the reason where it waits, what depends on what, and rows for a timeline. Pure, and
 * derived from the log alone, so it can be thrown away and made again. Values stay as they lie in the log; whoever shows them decodes them, or fetches them from the store.
 */

import { attempted, type CallDraft, type CallView, failed, itemsEnded, newCall, settled, stateOfOpen, type WaitView } from "./call-view.ts";
import type { Entry, Payload, RunEvent, StateRow } from "./events.ts";
import { parseActor, type Starter } from "./messages.ts";
import { callOf } from "./needs.ts";
import type { RunState } from "./run-state.ts";
import { isFinal } from "./state.ts";

export type { AttemptView, CallView, MapView, WaitView } from "./call-view.ts";

/** What was handed to a call by another (`data`), or which one merely had to end before (`order`). */
export interface Edge {
  readonly from: string;
  readonly to: string;
  readonly kind: "data" | "order";
}

/** A bar of a timeline. `ran` is paid for, all else is free. Times in milliseconds since 1970; without `to` it lasts. */
export interface Bar {
  readonly kind: "ran" | WaitView["code"] | "subflow";
  readonly from: number;
  readonly to?: number;
  readonly outcome?: "completed" | "failed" | "crashed" | "cancelled" | "running";
  readonly attempt?: number;
}
export interface TimelineRow {
  /** Absent for the flow's own row. */
  readonly call?: string;
  readonly bars: readonly Bar[];
}

export interface InputView {
  readonly name: string;
  readonly at: number;
  readonly value?: Payload;
  /** It did not fit its schema. */
  readonly rejected?: Payload;
}

/** Times in milliseconds since 1970, lengths in milliseconds. */
export interface RunView {
  readonly id: string;
  readonly name: string;
  readonly flow: string;
  readonly state: StateRow;
  readonly parameters?: Payload;
  readonly result?: Payload;
  readonly error?: Payload;
  readonly tags: readonly string[];
  readonly deployment?: string;
  readonly version?: string;
  /** The run that called it as a subflow, and the call there. */
  readonly parent?: { readonly run: string; readonly call?: string };
  /** The run that it repeats, or continues. */
  readonly origin?: string;
  readonly continuedAs?: string;
  readonly createdAt: number;
  readonly startedAt?: number;
  readonly endedAt?: number;
  readonly scheduledTime?: number;
  /** How often the flow's function has begun, and why it began again. */
  readonly attempts: readonly { readonly attempt: number; readonly at: number; readonly error?: Payload }[];
  readonly calls: readonly CallView[];
  readonly edges: readonly Edge[];
  readonly timeline: readonly TimelineRow[];
  /** Runs that it called as subflows. */
  readonly children: readonly { readonly call: string; readonly run: string; readonly flow: string }[];
  readonly inputs: readonly InputView[];
  /** How many calls are in which state, by type. */
  readonly counts: Readonly<Partial<Record<StateRow["type"], number>>>;
  /** The author's code ran so long, and for so long nothing ran at all. */
  readonly ranMs: number;
  readonly waitedMs: number;
  readonly entries: number;
  readonly events: number;
}

/** @param entries the run's whole log, in order; the last one has its state. */
export function projectRun(entries: readonly Entry[]): RunView {
  const fold = new Fold();
  for (const entry of entries) fold.entry(entry as Entry<RunState, RunEvent>);
  return fold.view(entries.at(-1) as Entry<RunState, RunEvent>);
}

class Fold {
  readonly #calls = new Map<string, CallDraft>();
  readonly #inputs: InputView[] = [];
  readonly #attempts: { attempt: number; at: number; error?: Payload }[] = [];
  readonly #turns: number[] = [];
  #started: Extract<RunEvent, { type: "started" }> | undefined;
  #events = 0;
  #entries = 0;
  #attempt = 1;
  #lastError: Payload | undefined;

  entry({ at, events }: Entry<RunState, RunEvent>): void {
    this.#entries++;
    this.#events += events.length;
    this.#turns.push(at);
    for (const event of events) this.#event(event, at);
  }

  #event(event: RunEvent, at: number): void {
    const draft = "call" in event ? this.#calls.get(event.call) : undefined;
    switch (event.type) {
      case "started":
        this.#started = event;
        this.#attempts.push({ attempt: 1, at });
        return;
      case "called":
        this.#calls.set(event.call, newCall(event, at, this.#attempt));
        return;
      case "attempted":
        return draft && attempted(draft, event, at);
      case "failed":
        return draft && failed(draft, event, at);
      case "settled":
        return draft && settled(draft, event, at);
      case "items":
        return draft && itemsEnded(draft, event, at);
      case "input":
        this.#inputs.push({ name: event.name, at, value: event.value });
        return;
      case "rejected":
        this.#inputs.push({ name: event.name, at, rejected: event.error });
        return;
      case "retrying":
        this.#lastError = event.error;
        return;
      case "rerun":
        this.#attempt = event.attempt;
        this.#attempts.push({ attempt: event.attempt, at, ...(this.#lastError !== undefined && { error: this.#lastError }) });
        return;
      case "granted":
      case "cancelling":
      case "paused":
      case "resumed":
      case "migrated":
      case "returned":
      case "continued":
      case "ended":
        return;
    }
  }

  view(last: Entry<RunState, RunEvent>): RunView {
    const { state, actor, at } = last;
    const over = isFinal(state.row.type);
    for (const [id, draft] of this.#calls) this.#close(draft, state, last, id);
    const calls: readonly CallView[] = [...this.#calls.values()];
    const endedAt = over ? state.row.timestamp : undefined;
    const timeline = [{ bars: this.#turnBars(calls) }, ...calls.map((call) => ({ call: call.id, bars: barsOf(call) }))];
    const counts: Partial<Record<StateRow["type"], number>> = {};
    for (const call of calls) if (call.role !== "hook") counts[call.state.type] = (counts[call.state.type] ?? 0) + 1;
    const starter: Starter | undefined = this.#started?.starter ?? state.starter;
    const parent =
      starter && parseActor(starter.actor).kind === "run"
        ? { run: parseActor(starter.actor).name, ...(starter.call !== undefined && { call: starter.call }) }
        : undefined;
    const optional = {
      parameters: this.#started?.parameters,
      result: state.result,
      error: state.error,
      deployment: state.deployment,
      version: state.version ?? this.#started?.version,
      parent,
      origin: state.origin,
      continuedAs: state.continuedAs,
      startedAt: state.startedAt,
      endedAt,
      scheduledTime: state.scheduledTime,
    };
    const from = state.startedAt ?? state.createdAt;
    const busy = covered(
      timeline.flatMap((row) => row.bars.filter((bar) => bar.kind === "ran" || bar.kind === "subflow")),
      endedAt ?? at,
    );
    return {
      id: parseActor(actor).name,
      name: state.name,
      flow: state.flow,
      state: state.row,
      tags: state.tags ?? [],
      createdAt: state.createdAt,
      ...(Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== undefined)) as Partial<RunView>),
      attempts: this.#attempts,
      calls,
      edges: edgesOf(calls, this.#calls),
      timeline,
      children: calls.flatMap(({ id, child, name }) => (child === undefined ? [] : [{ call: id, run: child, flow: name }])),
      inputs: this.#inputs,
      counts,
      ranMs: calls.reduce((sum, call) => sum + call.ranMs, 0),
      waitedMs: Math.max(0, (endedAt ?? at) - from - busy),
      entries: this.#entries,
      events: this.#events,
    };
  }

  /** A call without a settlement is open, or the run ended over it. */
  #close(draft: CallDraft, state: RunState, last: Entry<RunState, RunEvent>, id: string): void {
    if (draft.endedAt !== undefined) return;
    const open = state.open[id];
    if (open) {
      draft.state = stateOfOpen(draft, open, last, state);
      if (draft.map && open.map) draft.map.total ??= open.map.total;
      const { reason } = draft.state;
      if (reason && ["dependency", "limit"].includes(reason.code) && draft.waits.every((wait) => wait.to !== undefined))
        draft.waits.push({ code: reason.code as WaitView["code"], from: reason.since, what: reason.blockedBy?.[0] });
      return;
    }
    const crashed = state.row.type === "CRASHED";
    const timestamp = state.row.timestamp;
    draft.state = { type: crashed ? "CRASHED" : "CANCELLED", name: crashed ? "Crashed" : "Cancelled", timestamp, message: "The run ended while it was open." };
    draft.endedAt = timestamp;
    for (const wait of draft.waits) wait.to ??= timestamp;
    for (const attempt of draft.attempts)
      if (attempt.outcome === "running") Object.assign(attempt, { outcome: crashed ? "crashed" : "cancelled", to: timestamp });
  }

  /** The flow's own code runs for moments only: a tick at each turn in which it made a call, its start and its end. */
  #turnBars(calls: readonly CallView[]): Bar[] {
    const moments = new Set(calls.filter((call) => call.role === undefined).map((call) => call.calledAt));
    for (const edge of [this.#turns[0], this.#turns.at(-1)]) if (edge !== undefined) moments.add(edge);
    return [...moments].sort((a, b) => a - b).map((at) => ({ kind: "ran", from: at, to: at }));
  }
}

function edgesOf(calls: readonly CallView[], known: ReadonlyMap<string, unknown>): Edge[] {
  return calls.flatMap(({ id, deps, after, map }) => {
    // An item is no row: the line comes from its map.
    const of = (needs: readonly string[]): readonly string[] => needs.map((need) => callOf(need, (call) => known.has(call)));
    const data = new Set([...of(deps), ...(map?.follows === undefined ? [] : [map.follows])]);
    const all = [
      ...[...data].map((from): Edge => ({ from, to: id, kind: "data" })),
      ...[...new Set(of(after))].filter((from) => !data.has(from)).map((from): Edge => ({ from, to: id, kind: "order" })),
    ];
    return all.filter((edge) => known.has(edge.from));
  });
}

function barsOf(call: CallView): Bar[] {
  const bars: Bar[] = call.waits.map(({ code, from, to }) => ({ kind: code, from, ...(to !== undefined && { to }) }));
  for (const { attempt, sentAt, from = sentAt, to, outcome } of call.attempts) {
    // A subflow's time is its own run's.
    bars.push({ kind: "ran", from, ...(to !== undefined && { to }), outcome, attempt });
  }
  if (call.kind === "flow") bars.push({ kind: "subflow", from: call.calledAt, ...(call.endedAt !== undefined && { to: call.endedAt }) });
  if (call.kind === "map" && call.startedAt !== undefined)
    bars.push({ kind: "ran", from: call.startedAt, ...(call.endedAt !== undefined && { to: call.endedAt }) });
  return bars.sort((a, b) => a.from - b.from);
}

/** The time that is covered by at least one of the spans. */
function covered(spans: readonly { readonly from: number; readonly to?: number }[], end: number): number {
  let total = 0;
  let reached = Number.NEGATIVE_INFINITY;
  for (const { from, to = end } of [...spans].sort((a, b) => a.from - b.from)) {
    total += Math.max(0, to - Math.max(from, reached));
    reached = Math.max(reached, to);
  }
  return total;
}
