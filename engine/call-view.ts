/** One call of a run as people see it: its state, why it waits, its attempts, and where its time went. Folded from the events, and from the run's present state for what is open. */
import { placeOf } from "./book.ts";
import { decode } from "./codec.ts";
import type { CallKind, CallRole, Entry, FailedItem, Payload, Reason, RunEvent, StateRow } from "./events.ts";
import type { HookDetail } from "./hooks.ts";
import { sizeOf } from "./piece.ts";
import type { OpenCall } from "./run-state.ts";

/** Times in milliseconds since 1970. */
export interface AttemptView {
  /** From 1. */
  readonly attempt: number;
  /** In the flow's own turn, or by the task queue. */
  readonly where: "inline" | "queue";
  /** When it was handed out. */
  readonly sentAt: number;
  /** When the author's code ran; what lies between `sentAt` and `from` is queueing. Absent while it runs, and when nothing is known of it. */
  readonly from?: number;
  readonly to?: number;
  readonly outcome: "running" | "completed" | "failed" | "crashed" | "cancelled";
  readonly error?: Payload;
  /** The delay before the next one ends then. */
  readonly retryAt?: number;
}

/** A span in which the call did nothing that costs, and why. Without `to` it lasts. */
export interface WaitView {
  readonly code: "dependency" | "limit" | "retry" | "sleep" | "input" | "pause" | "queue";
  readonly from: number;
  readonly to?: number;
  readonly what?: string;
}

export interface MapView {
  /** Unknown until the arrays that it maps over are there. */
  readonly total?: number;
  readonly done: number;
  readonly failed: number;
  /** Items that are handed out now. */
  readonly running: number;
  readonly retried: number;
  /** The first of them, in the order in which they failed. */
  readonly failedItems: readonly FailedItem[];
  readonly follows?: string;
  /** Items ended over time: at most {@link MAP_POINTS} points. */
  readonly progress: readonly { readonly at: number; readonly done: number; readonly failed: number; readonly again: number }[];
}
export const MAP_POINTS = 200;
export const MAP_FAILURES = 100;

export interface CallView {
  readonly id: string;
  readonly kind: CallKind;
  /** The task's or flow's name. */
  readonly name: string;
  readonly role?: CallRole;
  /** hook: which of them, and of what; absent for the flow's own. */
  readonly hook?: string;
  readonly of?: string;
  /** In which attempt of the flow's function it was made, from 1. */
  readonly flowAttempt: number;
  readonly state: StateRow;
  readonly calledAt: number;
  readonly startedAt?: number;
  readonly endedAt?: number;
  /** Time in which the author's code ran, over all attempts. Unit: milliseconds. */
  readonly ranMs: number;
  readonly attempts: readonly AttemptView[];
  readonly waits: readonly WaitView[];
  readonly retries: number;
  readonly timeoutSeconds?: number;
  readonly pool?: string;
  readonly tags: readonly string[];
  readonly limits: readonly string[];
  readonly deps: readonly string[];
  readonly after: readonly string[];
  /** Encoded; references to other calls stand as such (see `codec.ts`). */
  readonly args?: Payload;
  readonly value?: Payload;
  readonly error?: Payload;
  /** flow: the child's run id. */
  readonly child?: string;
  /** input: its name. */
  readonly input?: string;
  readonly until?: number;
  readonly map?: MapView;
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };
export type CallDraft = Writable<Omit<CallView, "attempts" | "waits" | "map">> & {
  attempts: Writable<AttemptView>[];
  waits: Writable<WaitView>[];
  map?: Writable<Omit<MapView, "progress" | "failedItems">> & { progress: Writable<MapView["progress"][number]>[]; failedItems: FailedItem[] };
};

type Called = Extract<RunEvent, { type: "called" }>;

export function newCall(event: Called, at: number, flowAttempt: number): CallDraft {
  const {
    call,
    kind,
    name,
    role,
    retries = 0,
    timeoutSeconds,
    pool,
    tags = [],
    limits = [],
    deps = [],
    after = [],
    args,
    child,
    input,
    until,
    items,
    follows,
  } = event;
  const detail = role === "hook" && typeof event.detail === "string" ? (decode(event.detail) as HookDetail) : undefined;
  const wanted = [...limits, ...(event.limit ? [event.limit] : [])].map((limit) => limit.name);
  const draft: CallDraft = {
    id: call,
    kind,
    name,
    flowAttempt,
    state: { type: "PENDING", name: "Pending", timestamp: at },
    calledAt: at,
    ranMs: 0,
    attempts: [],
    waits: [],
    retries,
    tags,
    limits: wanted,
    deps,
    after,
  };
  const known = { role, hook: detail?.hook, of: detail?.flow ? undefined : detail?.of, timeoutSeconds, pool, args, child, input, until };
  for (const [key, value] of Object.entries(known)) if (value !== undefined) Object.assign(draft, { [key]: value });
  if (kind === "map")
    draft.map = {
      done: 0,
      failed: 0,
      running: 0,
      retried: 0,
      failedItems: [],
      progress: [],
      ...(items !== undefined && { total: items }),
      ...(follows?.[0] !== undefined && { follows: follows[0] }),
    };
  if (kind === "sleep" || kind === "input" || kind === "pause") draft.waits.push({ code: kind, from: at, ...(input !== undefined && { what: input }) });
  if (kind === "acquire") draft.waits.push({ code: "limit", from: at, what: wanted[0] });
  return draft;
}

export function attempted(draft: CallDraft, { attempt, where, piece }: Extract<RunEvent, { type: "attempted" }>, at: number): void {
  closeWaits(draft, at);
  draft.startedAt ??= at;
  if (piece && draft.map) {
    draft.map.running += sizeOf(piece);
    return;
  }
  if (draft.attempts.length === 0 && at > draft.calledAt && draft.waits.length === 0 && (draft.deps.length > 0 || draft.after.length > 0))
    draft.waits.push({ code: "dependency", from: draft.calledAt, to: at });
  draft.attempts.push({ attempt, where: where ?? "queue", sentAt: at, outcome: "running" });
}

export function failed(draft: CallDraft, { attempt, error, crashed, retryAt, ran }: Extract<RunEvent, { type: "failed" }>, at: number): void {
  endAttempt(
    draft,
    draft.attempts.find((one) => one.attempt === attempt),
    crashed ? "crashed" : "failed",
    at,
    ran,
    error,
  );
  const last = draft.attempts.at(-1);
  if (last && retryAt !== undefined) {
    last.retryAt = retryAt;
    draft.waits.push({ code: "retry", from: at });
  }
}

export function settled(draft: CallDraft, event: Extract<RunEvent, { type: "settled" }>, at: number): void {
  closeWaits(draft, at);
  draft.endedAt = at;
  const outcome = event.ok ? "completed" : event.label === "Cancelled" ? "cancelled" : event.label === "Crashed" ? "crashed" : "failed";
  endAttempt(
    draft,
    draft.attempts.findLast((one) => one.outcome === "running"),
    outcome,
    at,
    event.ran,
    event.ok ? undefined : event.error,
  );
  draft.state = stateOfSettled(event, at);
  if (draft.map) draft.map.running = 0;
  if (event.ok && event.value !== undefined) draft.value = event.value;
  if (!event.ok) draft.error = event.error;
}

function endAttempt(
  draft: CallDraft,
  attempt: Writable<AttemptView> | undefined,
  outcome: AttemptView["outcome"],
  at: number,
  ran: readonly [number, number] | undefined,
  error?: Payload,
): void {
  if (!attempt) return;
  attempt.outcome = outcome;
  if (error !== undefined) attempt.error = error;
  if (ran) [attempt.from, attempt.to] = ran;
  else attempt.to = at;
  if (ran) draft.ranMs += ran[1] - ran[0];
  if (ran && ran[0] > attempt.sentAt) draft.waits.push({ code: "queue", from: attempt.sentAt, to: ran[0] });
}

function closeWaits(draft: CallDraft, at: number): void {
  for (const wait of draft.waits) if (wait.to === undefined) wait.to = at;
}

export function itemsEnded(draft: CallDraft, { piece, failed: bad = [], again = [], ran }: Extract<RunEvent, { type: "items" }>, at: number): void {
  const { map } = draft;
  if (!map) return;
  const good = sizeOf(piece) - bad.length - again.length;
  map.running = Math.max(0, map.running - sizeOf(piece));
  map.done += good;
  map.failed += bad.length;
  map.retried += again.length;
  map.failedItems.push(...bad.slice(0, Math.max(0, MAP_FAILURES - map.failedItems.length)));
  map.progress.push({ at, done: good, failed: bad.length, again: again.length });
  if (map.progress.length > MAP_POINTS * 2) map.progress = halved(map.progress);
  if (ran) draft.ranMs += ran[1] - ran[0];
}

/** Two neighbours become one. */
function halved(points: Writable<MapView["progress"][number]>[]): Writable<MapView["progress"][number]>[] {
  return points.flatMap((point, i) => {
    const next = points[i + 1];
    if (i % 2 === 1) return [];
    return [next ? { at: next.at, done: point.done + next.done, failed: point.failed + next.failed, again: point.again + next.again } : point];
  });
}

/** The same as `state()` of the call's future says. */
function stateOfSettled(event: Extract<RunEvent, { type: "settled" }>, timestamp: number): StateRow {
  const name = event.label;
  if (event.ok) return { type: "COMPLETED", name: name ?? "Completed", timestamp };
  if (name === "Cancelled") return { type: "CANCELLED", name: "Cancelled", timestamp };
  if (name === "Crashed") return { type: "CRASHED", name: "Crashed", timestamp };
  return { type: "FAILED", name: name ?? "Failed", timestamp };
}

/** The state of a call that is open, with the reason where it does not run. */
export function stateOfOpen(draft: CallDraft, open: OpenCall, now: Pick<Entry, "at">, run: { readonly paused?: true; readonly cancel?: unknown }): StateRow {
  const timestamp = open.since ?? draft.attempts.at(-1)?.sentAt ?? draft.calledAt;
  const waits = (type: StateRow["type"], name: string, reason: Omit<Reason, "since">): StateRow => ({
    type,
    name,
    timestamp,
    reason: { since: timestamp, ...reason },
  });
  if (open.needs?.length) {
    const names = open.needs.slice(0, 3).map((id) => `"${placeOf(id)}"`);
    return waits("PENDING", "Pending", {
      code: "dependency",
      message: `It waits for ${names.join(", ")}${open.needs.length > 3 ? ` and ${open.needs.length - 3} more` : ""}.`,
      blockedBy: open.needs,
    });
  }
  if (open.waits === "slot" || open.kind === "acquire") {
    const limit = open.wants?.[0]?.name ?? draft.limits[0] ?? "a limit";
    return waits("PENDING", "AwaitingConcurrencySlot", { code: "limit", message: `It waits for a slot of the limit "${limit}".`, blockedBy: [limit] });
  }
  if (open.waits === "retry") {
    const last = draft.attempts.at(-1);
    return waits("SCHEDULED", "AwaitingRetry", {
      code: "retry",
      message: `Attempt ${last?.attempt ?? 1} failed; it is tried again.`,
      ...(last?.retryAt !== undefined && { until: last.retryAt }),
    });
  }
  if (open.waits === "pause") return waits("PENDING", "Pending", { code: "paused", message: "The run is paused; `resume` lets it start." });
  const until = open.until === undefined ? {} : { until: open.until };
  if (open.kind === "sleep") return waits("PAUSED", "Suspended", { code: "sleep", message: "It sleeps.", ...until });
  if (open.kind === "input") return waits("PAUSED", "Suspended", { code: "input", message: `It waits for the input "${open.input}".`, ...until });
  if (open.kind === "pause") return waits("PAUSED", "Paused", { code: "pause", message: "It waits until somebody resumes the run.", ...until });
  if (run.cancel)
    return { type: "CANCELLING", name: "Cancelling", timestamp: now.at, reason: { code: "cancelling", message: "It is told to stop.", since: now.at } };
  if ((open.attempt ?? 0) > 1) return { type: "RUNNING", name: "Retrying", timestamp };
  return { type: "RUNNING", name: "Running", timestamp };
}
