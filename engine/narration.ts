/**
 * What happened, in sentences: an entry of a run's log becomes the lines that a person reads in a terminal, in the order and wording of Prefect. Pure: lines are data, and
 * `adapters/embedded/printer.ts` puts them on a screen. A map is told as one thing, with a bounded number of lines on its progress.
 */
import { placeOf } from "./book.ts";
import { decode, decodeError } from "./codec.ts";
import { WindhoverError } from "./errors.ts";
import type { CallKind, Entry, Payload, RunEvent } from "./events.ts";
import type { HookDetail } from "./hooks.ts";
import { LIMITS } from "./limits.ts";
import { parseActor } from "./messages.ts";
import { runName } from "./names.ts";
import { dropOldest } from "./oldest.ts";
import { sizeOf } from "./piece.ts";
import type { LogLevel } from "./ports.ts";
import type { RunState } from "./run-state.ts";
import { span } from "./span.ts";
import { saidBy } from "./thrown.ts";

export interface NarratedLine {
  /** Unit: milliseconds since 1970. */
  readonly at: number;
  readonly level: LogLevel;
  readonly run: string;
  readonly runName: string;
  /** The task run that it is about; without one it is about the flow run. */
  readonly call?: string;
  readonly text: string;
  /** `news` came to the flow's code, `decision` is what the code made of it: what the code itself logs stands between the two. */
  readonly phase: "news" | "decision";
  /** Of an exception. */
  readonly stack?: string;
}

interface Known {
  readonly name: string;
  readonly calls: Map<
    string,
    { readonly kind: CallKind; readonly name: string; readonly quiet: boolean; readonly until?: number; readonly since: number; readonly input?: string }
  >;
  readonly maps: Map<string, { total?: number; done: number; failed: number; told: number; listed: number }>;
  lastError?: string;
}

/** Progress of a map is told at each tenth, and its first failures one by one. */
const STEPS = 10;
const FAILURES_TOLD = 3;
const NEWS: ReadonlySet<RunEvent["type"]> = new Set([
  "started",
  "settled",
  "items",
  "failed",
  "granted",
  "input",
  "rejected",
  "cancelling",
  "paused",
  "resumed",
  "rerun",
]);

type Say = (text: string, more?: { readonly level?: LogLevel; readonly call?: string; readonly error?: Payload; readonly progress?: true }) => void;

/** Remembers of each open run what later lines need: names of calls, counts of maps. A run that it meets halfway is told from there on. */
export class Narrator {
  readonly #runs = new Map<string, Known>();

  /** The lines of one entry; none for limits and deployments. */
  lines(entry: Entry): NarratedLine[] {
    const { kind, name: run } = parseActor(entry.actor);
    if (kind !== "run") return [];
    const state = entry.state as RunState;
    const known: Known = this.#runs.get(run) ?? { name: state.name || runName(run), calls: new Map(), maps: new Map() };
    // Another process may go on with a run, and tell of its end.
    this.#runs.delete(run);
    this.#runs.set(run, known);
    dropOldest(this.#runs, LIMITS.toldRuns);
    const lines: NarratedLine[] = [];
    // One turn may take in many pieces of a map: only its last progress is told.
    const progresses = new Map<string, NarratedLine>();
    let phase: NarratedLine["phase"] = "news";
    for (const event of entry.events as readonly RunEvent[]) {
      if (!NEWS.has(event.type)) phase = "decision";
      const say: Say = (text, { level = "info", call, error, progress } = {}) => {
        const thrown = error === undefined ? undefined : errorOf(error);
        const line: NarratedLine = {
          at: entry.at,
          level,
          run,
          runName: known.name,
          text,
          phase,
          ...(call !== undefined && { call }),
          ...(thrown instanceof Error && thrown.stack !== undefined && { stack: thrown.stack }),
        };
        const before = progress && call !== undefined ? progresses.get(call) : undefined;
        if (before) lines.splice(lines.indexOf(before), 1);
        if (progress && call !== undefined) progresses.set(call, line);
        lines.push(line);
      };
      tell(event, { known, state, at: entry.at, say });
      if (event.type === "ended") this.#runs.delete(run);
    }
    return lines;
  }
  nameOf(run: string): string {
    return this.#runs.get(run)?.name ?? runName(run);
  }
}

interface Telling {
  readonly known: Known;
  readonly state: RunState;
  readonly at: number;
  readonly say: Say;
}

function tell(event: RunEvent, telling: Telling): void {
  const { known, say, state, at } = telling;
  switch (event.type) {
    case "started": {
      const from = event.deployment === undefined ? "" : ` from deployment '${event.deployment}'`;
      const after = event.origin ? `, after run ${event.origin.run}` : "";
      if (parseActor(event.starter?.actor ?? ":").kind === "run") say(`Beginning subflow run '${event.name}' for flow '${event.flow}'`);
      else say(`Created flow run '${event.name}' for flow '${event.flow}'${from}${after}`);
      return;
    }
    case "called":
      return called(event, telling);
    case "attempted":
      return attempted(event, telling);
    case "failed": {
      if (event.piece !== undefined) return;
      const next = event.retryAt === undefined ? "Retrying at once" : `Retrying in ${span(rounded(event.retryAt - at))}`;
      if (event.crashed) say("The process that ran it died. Running it again.", { level: "warn", call: event.call });
      else
        say(`Encountered an exception during execution: ${messageOf(event.error)}. ${next} (attempt ${event.attempt + 1}).`, {
          level: "warn",
          call: event.call,
        });
      return;
    }
    case "settled":
      return settled(event, telling);
    case "items":
      return items(event, telling);
    case "granted":
      return say(`Got a slot of the limit '${event.limit}'`, { level: "debug", call: event.call });
    case "input":
      return say(`Received the input '${event.name}'`);
    case "rejected":
      return say(`Refused an input '${event.name}': ${messageOf(event.error)}`, { level: "warn" });
    case "cancelling":
      return say(
        event.timedOut
          ? (event.why ?? "The flow timed out: it is being stopped")
          : `Cancelling: it waits for its code, tasks and subflows to stop${event.why ? ` (${event.why})` : ""}`,
        { level: "warn" },
      );
    case "paused":
      return say(`Paused. To go on: windhover runs resume ${known.name}`);
    case "resumed":
      return say("Resumed");
    case "migrated":
      if (event.error === undefined) return say(`Goes on with build ${event.build} of the code`);
      return say(`Stays on its build of the code: build ${event.build} does not match its log. ${messageOf(event.error)}`, { level: "warn" });
    case "retrying":
      known.lastError = messageOf(event.error);
      return say(
        `Encountered an exception during execution: ${messageOf(event.error)}. Retrying ${event.at > at ? `in ${span(rounded(event.at - at))}` : "at once"} (attempt ${event.attempt}).`,
        { level: "warn" },
      );
    case "rerun":
      return say(`Executing the flow again (attempt ${event.attempt})`);
    case "continued":
      return say(`Goes on as the new run ${event.run}`);
    case "ended":
      return ended(event, telling);
    case "returned":
      return state.open && Object.values(state.open).some((open) => open.role !== "hook")
        ? say("The flow's function has returned; waiting for what it started", { level: "debug" })
        : undefined;
  }
}

function called(event: Extract<RunEvent, { type: "called" }>, { known, say, at }: Telling): void {
  const { call, kind, name, role, until, input } = event;
  const quiet = role === "hook" || kind === "builtin" || kind === "release";
  known.calls.set(call, { kind, name, quiet, since: at, until, input });
  const task = event.task ?? name;
  if (role === "hook") return say(`Created a run of the hook ${hookName(event.detail)}`, { level: "debug" });
  if (role === "rollback") return say(`Rolling back '${task}' ('${call}')`);
  switch (kind) {
    case "task":
      return say(`Created task run '${call}' for task '${task}'`);
    case "map":
      known.maps.set(call, { total: event.items, done: 0, failed: 0, told: 0, listed: 0 });
      return say(
        event.items === undefined
          ? `Created task runs for '${task}' ('${call}'), one for each item of '${event.deps?.[0] ?? event.follows?.[0] ?? "its input"}'`
          : `Created ${count(event.items, "task run")} for '${task}' ('${call}')`,
      );
    case "flow":
      return say(`Created subflow run '${runName(event.child ?? "")}' for flow '${name}'`);
    case "sleep":
      if ((until ?? 0) > at) say(`Sleeping for ${span(rounded((until ?? at) - at))}${(until ?? at) - at > 60_000 ? `, until ${moment(until ?? at)}` : ""}`);
      return;
    case "input":
      return say(
        `Waiting for the input '${input}'${until === undefined ? "" : `, until ${moment(until)}`}. To answer: windhover runs input ${known.name} ${input} '<JSON>'`,
      );
    case "pause":
      return say(`Paused${until === undefined ? "" : `, until ${moment(until)} at the latest`}. To go on: windhover runs resume ${known.name}`);
    case "acquire":
      return say(`Asked for a slot of the limit '${event.limit?.name ?? name}'`, { level: "debug" });
    case "artifact":
      return say(`Created ${name.replace(/^artifact (.*)$/, "artifact '$1'")}`);
    case "emit":
      return say(`Emitted the event '${name}'`);
    case "builtin":
    case "release":
      return say(`Called ${name}`, { level: "debug" });
  }
}

function attempted({ call, attempt, where, piece }: Extract<RunEvent, { type: "attempted" }>, { known, state, say }: Telling): void {
  if (piece || known.calls.get(call)?.quiet) return;
  const pool = state.open[call]?.pool;
  if (attempt > 1) return say(`Executing '${call}' again (attempt ${attempt})`);
  say(
    where === "inline"
      ? `Executing '${call}' immediately...`
      : `Submitted task run '${call}' for execution${pool === undefined ? "" : ` in the pool '${pool}'`}`,
  );
}

function settled(event: Extract<RunEvent, { type: "settled" }>, { known, say, at }: Telling): void {
  const { call, label } = event;
  const { kind, quiet, since, name, input } = known.calls.get(call) ?? {
    kind: "task" as CallKind,
    quiet: false,
    since: at,
    name: placeOf(call),
    input: undefined,
  };
  known.calls.delete(call);
  if (kind === "sleep" && event.ok) return at > since ? say(`Woke up after ${span(rounded(at - since))}`) : undefined;
  if (kind === "input" && label === "TimedOut") return say(`Nobody sent the input '${input}' in time`, { level: "warn" });
  if (quiet && event.ok) return;
  if (!["task", "map", "flow"].includes(kind) && (event.ok || label === "Cancelled")) return;
  if (kind === "map") mapEnded(call, { known, say });
  // A subflow tells of its own end in its own words.
  if (kind === "flow")
    return event.ok ? undefined : say(`Subflow '${name}' ended in state ${inState(label ?? "Failed", messageOf(event.error))}`, { level: "warn" });
  if (event.ok)
    return say(
      `Finished in state ${label && label !== "Reused" ? `${label}(type=COMPLETED)` : label === "Reused" ? "Completed(taken over from an earlier run)" : "Completed()"}`,
      { call },
    );
  const message = messageOf(event.error);
  if (label === "Cancelled") return say("Finished in state Cancelled()", { call });
  known.lastError = message;
  if (label !== "NotReady" && kind !== "map") say(`Encountered an exception during execution: ${message}`, { level: "error", call, error: event.error });
  say(`Finished in state ${inState(label ?? "Failed", message)}`, { level: label === "NotReady" ? "warn" : "error", call });
}

function mapEnded(call: string, { known, say }: Pick<Telling, "known" | "say">): void {
  const map = known.maps.get(call);
  known.maps.delete(call);
  if (map && map.failed > 0) say(`${grouped(map.done)} completed, ${grouped(map.failed)} failed`, { level: "warn", call });
}

function items(event: Extract<RunEvent, { type: "items" }>, { known, state, say }: Telling): void {
  const { call, piece, failed = [], again = [] } = event;
  const map = known.maps.get(call) ?? { done: 0, failed: 0, told: 0, listed: 0 };
  known.maps.set(call, map);
  map.total ??= state.open[call]?.map?.total;
  map.failed += failed.length;
  map.done += sizeOf(piece) - failed.length - again.length;
  for (const item of failed.slice(0, Math.max(0, FAILURES_TOLD - map.listed))) {
    say(`Item ${grouped(item.index)} failed${item.attempts > 1 ? ` after ${item.attempts} attempts` : ""}: ${messageOf(item.error)}`, { level: "error", call });
    if (++map.listed === FAILURES_TOLD) say("Further failures are counted, not listed", { level: "warn", call });
  }
  const total = map.total;
  if (total === undefined || total < STEPS) return;
  const step = Math.floor(((map.done + map.failed) / total) * STEPS);
  if (step <= map.told || step >= STEPS) return;
  map.told = step;
  say(`${grouped(map.done)} of ${grouped(total)} completed${map.failed > 0 ? `, ${grouped(map.failed)} failed` : ""}`, { call, progress: true });
}

function ended({ state: type, name, error }: Extract<RunEvent, { type: "ended" }>, { known, state, say }: Telling): void {
  if (type === "COMPLETED") return say(`Finished in state ${name === "Completed" ? "Completed()" : `${name}(type=COMPLETED)`}`);
  const message = error === undefined ? (state.row.message ?? "") : messageOf(error);
  if (type === "CRASHED") say(`Crash detected! ${message}`, { level: "error", error });
  else if (type === "FAILED" && message !== known.lastError) say(`Encountered an exception during execution: ${message}`, { level: "error", error });
  say(`Finished in state ${inState(name, message)}`, { level: type === "CANCELLED" ? "warn" : "error" });
}

const inState = (name: string, message: string): string => `${name}(${message === "" ? "" : `'${message}'`})`;

function hookName(detail: Payload | undefined): string {
  if (typeof detail !== "string") return "of a call";
  const { hook, of, flow } = decode(detail) as HookDetail;
  return `${hook} of ${flow ? "the flow" : `'${of}'`}`;
}

const errorOf = (error: Payload): unknown => (typeof error === "string" ? decodeError(error) : undefined);
function messageOf(error: Payload): string {
  const thrown = errorOf(error);
  const text = thrown instanceof WindhoverError ? thrown.message : saidBy(thrown ?? "an error that is too large to show here");
  const [first = ""] = text.split("\n");
  return first.length > 500 ? `${first.slice(0, 500)}…` : first;
}

const grouped = (n: number): string => n.toLocaleString("en-US");
const count = (n: number, word: string): string => `${grouped(n)} ${word}${n === 1 ? "" : "s"}`;
/** In UTC: the engine knows no other zone. */
const moment = (ms: number): string => `${new Date(ms).toISOString().slice(0, 16).replace("T", " ")} UTC`;

/** The delay began a moment before its entry was written. */
const rounded = (ms: number): number => (ms < 500 ? Math.round(ms / 10) * 10 : Math.round(ms / 100) * 100);
