/** A run's log, folded for look-ups by call: what was called with which arguments, and what came of it. A warm run keeps its book; a cold one reads it again. */
import type { Entry, RunEvent } from "./events.ts";

export type CalledEvent = Extract<RunEvent, { type: "called" }>;
export type SettledEvent = Extract<RunEvent, { type: "settled" }>;
export type ItemsEvent = Extract<RunEvent, { type: "items" }>;
export type StartedEvent = Extract<RunEvent, { type: "started" }>;

export interface CallRecord {
  readonly called: CalledEvent;
  settled?: SettledEvent;
  items?: ItemsEvent[];
  /** The calls that take it back: of a map, one for each of its items. */
  rollbacks?: CallRecord[];
}

export class Book {
  readonly calls = new Map<string, CallRecord>();
  /** Results that are not stored (`persistResult: false`), as long as this process remembers them. */
  readonly transients = new Map<string, string>();
  /** Decoded arguments of maps, as long as this process remembers them. */
  readonly columns = new Map<string, unknown>();
  started: StartedEvent | undefined;
  /** By task: how often it ran in this run, and how long in all. Unit: milliseconds. */
  readonly #took = new Map<string, { runs: number; ms: number }>();
  /** How often the flow's function has begun: a retry of the flow begins again. */
  attempt = 1;
  /** When it begins, or was to begin, for the next time. Unit: milliseconds since 1970. */
  retryAt: number | undefined;

  static from(history: readonly Pick<Entry, "events">[]): Book {
    const book = new Book();
    for (const entry of history) for (const event of entry.events) book.note(event as RunEvent);
    return book;
  }

  note(event: RunEvent): void {
    switch (event.type) {
      case "started":
        this.started = event;
        break;
      case "called":
        this.#called({ called: event });
        break;
      case "settled": {
        const record = this.calls.get(event.call);
        if (record) record.settled = event;
        if (record && event.ran) this.#ran(record.called.task ?? record.called.name, event.ran[1] - event.ran[0]);
        break;
      }
      case "items": {
        const record = this.calls.get(event.call);
        if (record) (record.items ??= []).push(event);
        break;
      }
      case "retrying":
        this.retryAt = event.at;
        break;
      case "rerun":
        this.attempt = event.attempt;
        break;
      case "migrated":
        if (this.started && event.error === undefined) this.started = { ...this.started, build: event.build };
        break;
    }
  }

  #called(record: CallRecord): void {
    const { call, name, role } = record.called;
    this.calls.set(call, record);
    if (role !== "rollback") return;
    // Its key is what it takes back: `hold.rollback:hold-0`, or `hold.rollback:hold-0/3` for one item of a map.
    const of = call.slice(name.length + 1, call.length - callId("", this.attempt).length);
    const takenBack = this.calls.get(of) ?? this.calls.get(of.slice(0, of.lastIndexOf("/")));
    if (takenBack) (takenBack.rollbacks ??= []).push(record);
  }
  #ran(task: string, ms: number): void {
    const took = this.#took.get(task) ?? { runs: 0, ms: 0 };
    this.#took.set(task, { runs: took.runs + 1, ms: took.ms + ms });
  }
  /** How long the task took in this run so far, on average. Unit: milliseconds. */
  took(task: string): number | undefined {
    const took = this.#took.get(task);
    return took && took.ms / took.runs;
  }

  /** The calls of one attempt of the flow carry its number from the second on (see {@link callId}); without it they can be compared over attempts. */
  completed(id: string, before: number): CallRecord | undefined {
    for (let attempt = before; attempt >= 1; attempt--) {
      const record = this.calls.get(callId(id, attempt));
      if (record?.settled?.ok) return record;
    }
    return undefined;
  }
  /** The last map at this place of which items ended. */
  ran(place: string, before: number): CallRecord | undefined {
    for (let attempt = before; attempt >= 1; attempt--) {
      const record = this.calls.get(callId(place, attempt));
      if (record?.items) return record;
    }
    return undefined;
  }
}

/** A transaction has taken it back, or some of its items. What a rollback that failed was to take back is still there. */
export const isTakenBack = ({ rollbacks = [] }: CallRecord): boolean => rollbacks.some(({ settled }) => settled?.ok !== false);

/** `extract-0`, and `extract-0~2` when the flow's function runs for the second time. No id is ever used for a second thing (rule 2). */
export const callId = (place: string, attempt: number): string => (attempt === 1 ? place : `${place}~${attempt}`);
export const placeOf = (call: string): string => call.replace(/~\d+$/, "");
