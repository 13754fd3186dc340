/**
 * What a run decided, in a form in which two histories of the same run can be compared when only crashes lie between them.
 *
 * In it: every call that the code made (and every hook), in the order in which they were made, with its kind, name, key, arguments and how long it waits; what came of it, which is
 * its result or its error (class and message) and its label; the whole history of the subflow that it stands for; the results of a map item by item; and what the run as a whole
 * did (returned, tried again, continued, was cancelled, ended), in its place among the calls.
 *
 * Left out, because a crash may change it and the code cannot see it: attempts, and where they ran; when things happened and how long they took; how often slots were asked for and
 * given; in which pieces a map's items travelled; whether a result came from a cache; and ids that only count (a call is known by what it asks for, not by its number).
 */
import { decodeError } from "../../engine/codec.ts";
import type { Entry, Payload, RunEvent } from "../../engine/events.ts";
import { indicesOf } from "../../engine/items.ts";
import { runActor } from "../../engine/messages.ts";

type Of<T extends RunEvent["type"]> = Extract<RunEvent, { type: T }>;
type Called = Of<"called">;

export interface Decision {
  /** What it was, and what came of it. */
  readonly line: string;
  /**
   * What came first was up to the outside, and might have been the other way round: something that was made earlier was still open, or two calls had been open side by side before, and
   * it may follow from which of them ended first, as what a transaction takes back does.
   */
  readonly free: boolean;
  /** The decisions of the subflow. */
  readonly child?: readonly Decision[];
}

/** What lies in a world after a run: the logs by actor, and stored values. */
export interface Remains {
  readonly entries: (actor: string) => readonly Entry[];
  readonly stored: (key: string) => string;
}

/** What the run decided, in the order of its log. */
export function decisionsOf(remains: Remains, actor: string): readonly Decision[] {
  return new Reading(remains, actor).decisions();
}

class Reading {
  readonly #remains: Remains;
  readonly #calls = new Map<string, Called>();
  readonly #settled = new Map<string, Of<"settled">>();
  readonly #items = new Map<string, Map<number, string>>();
  readonly #events: readonly { readonly event: RunEvent; readonly at: number }[];
  readonly #lines = new Map<string, string>();

  constructor(remains: Remains, actor: string) {
    this.#remains = remains;
    this.#events = remains.entries(actor).flatMap(({ at, events }) => (events as readonly RunEvent[]).map((event) => ({ event, at })));
    for (const { event } of this.#events) {
      if (event.type === "called") this.#calls.set(event.call, event);
      if (event.type === "settled") this.#settled.set(event.call, event);
      if (event.type === "items") this.#note(event);
    }
  }
  #note({ call, piece, value, failed = [], again = [] }: Of<"items">): void {
    const items = this.#items.get(call) ?? new Map<number, string>();
    this.#items.set(call, items);
    const values = JSON.parse(this.#text(value)) as readonly unknown[];
    const lost = new Set([...failed.map(({ index }) => index), ...again]);
    indicesOf(piece).forEach((index, i) => {
      if (!lost.has(index)) items.set(index, JSON.stringify(values[i]));
    });
    for (const { index, error } of failed) items.set(index, this.#error(error));
  }

  decisions(): readonly Decision[] {
    const made: Decision[] = [];
    const open = new Set<string>();
    /** Made since something last settled: these do not wait for one another. */
    let together = new Set<string>();
    let raced = false;
    for (const { event, at } of this.#events) {
      const free = raced || [...open].some((call) => !together.has(call));
      if (event.type === "settled") {
        raced ||= open.size > 1;
        open.delete(event.call);
        together = new Set();
      } else if (event.type === "called") {
        made.push({ line: this.#line(event, at), free, ...this.#child(event) });
        open.add(event.call);
        together.add(event.call);
      } else {
        const line = this.#turn(event);
        if (line !== undefined) made.push({ line, free });
      }
    }
    return made;
  }
  #child({ child }: Called): { readonly child?: readonly Decision[] } {
    return child === undefined ? {} : { child: decisionsOf(this.#remains, runActor(child)) };
  }

  /** What the run as a whole did. */
  #turn(event: RunEvent): string | undefined {
    switch (event.type) {
      case "started":
        return `started ${event.flow} ${this.#text(event.parameters)}`;
      case "returned":
        return `returned ${event.ok ? this.#value(event.value) : this.#error(event.error)}`;
      case "ended":
        return `ended ${event.state} ${event.name} ${event.error === undefined ? this.#value(event.value) : this.#error(event.error)}`;
      case "retrying":
      case "rerun":
        return `${event.type} ${event.attempt}`;
      case "input":
        return `input ${event.name} ${this.#value(event.value)}`;
      case "continued":
      case "cancelling":
      case "paused":
      case "resumed":
        return event.type;
      default:
        return undefined;
    }
  }

  #line(called: Called, at: number): string {
    const { call, kind, name, role, task, args, until, detail, limit, items } = called;
    const key = call.startsWith(`${name}:`) ? call.slice(name.length) : "";
    const said = role === "hook" ? call.slice(call.lastIndexOf(".")) : kind === "artifact" || kind === "emit" ? this.#value(detail) : "";
    const parts = [role ?? kind, name + key, task, this.#args(called, args), items, until === undefined ? undefined : `${until - at} ms`, limit?.name, said];
    const line = `${parts.filter((part) => part !== undefined && part !== "").join(" ")} = ${this.#outcome(called)}`;
    this.#lines.set(call, line);
    return line;
  }
  /** Arguments that refer to other calls mean what those were, not their numbers. */
  #args({ deps = [], role }: Called, args: Payload | undefined): string {
    if (args === undefined || role === "hook") return "";
    return deps.reduce((text, dep) => text.replaceAll(JSON.stringify(dep), `<${this.#lines.get(dep) ?? dep}>`), this.#text(args));
  }
  #outcome({ call, kind }: Called): string {
    const settled = this.#settled.get(call);
    if (!settled) return "open";
    const label = settled.label === undefined || settled.label === "Cached" ? "" : ` (${settled.label})`;
    if (!settled.ok) return `${this.#error(settled.error)}${label}`;
    const items = this.#items.get(call);
    if (kind === "map" && items && settled.value === undefined)
      return `[${[...items]
        .sort(([a], [b]) => a - b)
        .map(([, text]) => text)
        .join()}]${label}`;
    // The name of the request that got the slot.
    return `${kind === "acquire" ? "a slot" : (settled.hash ?? this.#value(settled.value))}${label}`;
  }
  #value(value: Payload | undefined): string {
    return value === undefined ? "nothing" : this.#text(value);
  }
  #error(error: Payload | undefined): string {
    if (error === undefined) return "nothing";
    const decoded = decodeError(this.#text(error));
    return decoded instanceof Error ? `${decoded.name}: ${decoded.message}` : String(decoded);
  }
  #text(value: Payload): string {
    return typeof value === "string" ? value : this.#remains.stored(value.ref);
  }
}

/**
 * Where two histories differ, in a sentence, or nothing. The same decisions have to be there, each as often as in the other; and in the same order, but for two of which the first was
 * free in either history: then something else was open, whose end they might as well have waited for.
 */
export function firstDifference(expected: readonly Decision[], got: readonly Decision[]): string | undefined {
  const places = new Map<string, number[]>();
  got.forEach(({ line }, i) => void (places.get(line)?.push(i) ?? places.set(line, [i])));
  const order: number[] = [];
  for (const { line, child } of expected) {
    const at = places.get(line)?.shift();
    if (at === undefined) return `it did not decide: ${line}`;
    const within = child && firstDifference(child, got[at]?.child ?? []);
    if (within !== undefined) return `in its subflow ${within}`;
    order.push(at);
  }
  const [extra] = [...places.values()].flat().sort((a, b) => a - b);
  if (extra !== undefined) return `it decided besides: ${got[extra]?.line}`;
  for (let first = 0; first < order.length; first++)
    for (let second = first + 1; second < order.length; second++) {
      const [one, other] = [order[first] as number, order[second] as number];
      if (other < one && !(expected[first]?.free && got[other]?.free))
        return `it decided first: ${expected[second]?.line}; and only then: ${expected[first]?.line}`;
    }
  return undefined;
}
