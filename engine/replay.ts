/**
 * Replay: brings a new life of a flow to where its log ends, by delivering what the log holds in the log's order.
 */
import type { Book, CalledEvent, SettledEvent } from "./book.ts";
import { decode, decodeError } from "./codec.ts";
import { WindhoverError } from "./errors.ts";
import type { CallKind, Entry, Payload, RunEvent } from "./events.ts";
import type { Instance } from "./instance.ts";
import type { Outcome } from "./live-call.ts";
import type { State } from "./state.ts";

interface Told {
  readonly outcome: Outcome;
  readonly state: State;
}

/** What a settled call means to the code that awaits it. At once where the value stands in the event, as most do. */
export function outcomeOf(event: SettledEvent, kind: CallKind, at: number, read: Reader): Told | Promise<Told> {
  if (!event.ok) return failureOf(event, at, read);
  if (typeof event.value === "string") return completed(event, decode(event.value), at);
  return read.value(event, kind).then((value) => completed(event, value, at));
}

function completed({ label }: SettledEvent, value: unknown, at: number): Told {
  return { outcome: { ok: true, value }, state: { type: "COMPLETED", name: label ?? "Completed", timestamp: new Date(at), result: value } };
}

async function failureOf(event: Extract<SettledEvent, { ok: false }>, at: number, read: Reader): Promise<Told> {
  const timestamp = new Date(at);
  const error = decodeError(await read.text(event.error)) as Error;
  const type = event.label === "Crashed" ? "CRASHED" : "FAILED";
  const state: State =
    event.label === "Cancelled"
      ? { type: "CANCELLED", name: "Cancelled", timestamp }
      : { type, name: event.label ?? (type === "CRASHED" ? "Crashed" : "Failed"), timestamp, error };
  return { outcome: { ok: false, error }, state };
}

/** How stored values are read: `value` knows maps and results that are computed again. */
export interface Reader {
  text(payload: Payload): Promise<string>;
  value(event: Extract<SettledEvent, { ok: true }>, kind: CallKind): Promise<unknown>;
}

export async function readValue(payload: Payload | undefined, read: Pick<Reader, "text">): Promise<unknown> {
  if (payload === undefined) return undefined;
  return decode(typeof payload === "string" ? payload : await read.text(payload));
}

/** Is this call made by the flow's code (and so made again by a replay), or by the engine? */
export const madeByCode = (event: CalledEvent): boolean => event.role !== "hook";

/**
 * Brings a new instance to where the log ends. Afterwards its code stands where the log says, and its next call is new.
 * Divergence leaves `instance.fatal` set: nothing was called, and nothing is.
 */
export async function replay(
  instance: Instance,
  fn: (parameters: never) => unknown,
  history: readonly Pick<Entry, "at" | "events">[],
  book: Book,
  read: Reader,
): Promise<void> {
  const steps: { readonly at: number; readonly event: RunEvent; until: number }[] = [];
  let calls: CalledEvent[] = [];
  // What settles after the function's end is not delivered to what it left behind: nobody would hear of the calls that this makes.
  let returned = false;
  for (const { at, events } of history as readonly Pick<Entry<never, RunEvent>, "at" | "events">[]) {
    for (const event of events) {
      if (event.type === "rerun") {
        steps.length = 0;
        calls = [];
        returned = false;
      }
      if (event.type === "returned") returned = true;
      if (returned) continue;
      if (event.type === "called" && madeByCode(event)) calls.push(event);
      else if (DELIVERING.has(event.type)) steps.push({ at, event, until: 0 });
      const last = steps.at(-1);
      if (last) last.until = calls.length;
    }
  }
  if (wasRefused(history[0]?.events as readonly RunEvent[] | undefined)) return;
  instance.replaying = true;
  let paused = false;
  const held: { at: number; event: RunEvent }[] = [];
  for (const { at, event, until } of steps) {
    if (instance.fatal) break;
    instance.expect(calls, until);
    instance.now = at;
    if (event.type === "paused") paused = true;
    else if (event.type === "resumed") {
      paused = false;
      for (const late of held.splice(0)) await step(instance, fn, { at, event: late.event }, book, read);
    } else if (event.type === "cancelling") instance.cancelling = true;
    else if (paused) held.push({ at, event });
    else await step(instance, fn, { at, event }, book, read);
    const missing = instance.missing();
    if (missing && !paused && !instance.fatal)
      instance.halt(
        new WindhoverError("WH1201", {
          message: `The flow's code does not match its log: the log has ${missing.kind} ${missing.call} next, and the code did not make it (it ${instance.outcome ? "has ended" : "waits for something else"}).`,
          expected: `${missing.kind} ${missing.call}`,
          got: instance.outcome ? "the end of the flow" : "no call",
        }),
      );
  }
  instance.replaying = false;
}

const DELIVERING: ReadonlySet<RunEvent["type"]> = new Set(["started", "rerun", "settled", "items", "paused", "resumed", "cancelling"]);

/** A result that is computed again and comes out otherwise is divergence too. */
async function step(instance: Instance, fn: (parameters: never) => unknown, event: { at: number; event: RunEvent }, book: Book, read: Reader): Promise<void> {
  try {
    await deliverStep(instance, fn, event, book, read);
  } catch (error) {
    if (error instanceof WindhoverError && error.code === "WH1205") instance.halt(error);
    else throw error;
  }
}

async function deliverStep(
  instance: Instance,
  fn: (parameters: never) => unknown,
  { at, event }: { at: number; event: RunEvent },
  book: Book,
  read: Reader,
): Promise<void> {
  if (event.type === "started" || event.type === "rerun") await instance.begin(fn);
  else if (event.type === "items") await instance.deliverItems(event);
  else if (event.type === "settled") {
    const call = instance.calls.get(event.call);
    if (!call) return;
    const { outcome, state } = await outcomeOf(event, book.calls.get(event.call)?.called.kind ?? call.kind, at, read);
    await instance.deliver(event.call, outcome, state);
  }
}

/** Its parameters did not fit, or its deployment skipped it: none of its code ever ran. */
function wasRefused(first: readonly RunEvent[] = []): boolean {
  return first.some(({ type }) => type === "ended") && !first.some(({ type }) => type === "returned" || type === "called" || type === "continued");
}
