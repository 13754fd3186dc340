/**
 * What must hold at every moment of a world, whatever happens in it: logs without gaps, whose events say all that their states say; each result used once; an attempt in the log before its code runs, and no second run of
 * it without a second message, nor of a claimed one with it; no more holders than slots; a run that has ended stays ended.
 */
import type { AnyEvent, Entry, RunEvent } from "../../engine/events.ts";
import type { LimitState } from "../../engine/limit.ts";
import { LIMITS } from "../../engine/limits.ts";
import { parseActor } from "../../engine/messages.ts";
import { sizeOf } from "../../engine/piece.ts";
import type { TaskItem, TaskMessage } from "../../engine/ports.ts";
import type { RunState } from "../../engine/run-state.ts";
import { Folds } from "./folds.ts";

export class Watch {
  readonly violations: string[] = [];
  /** Slots of the limits that are watched, by name. */
  readonly #slots: Readonly<Record<string, number>>;
  readonly #folds = new Folds((violation) => this.fail(violation));
  readonly #lengths = new Map<string, number>();
  readonly #ended = new Set<string>();
  readonly #calls = new Map<string, { readonly budget: number; attempt: number; settled: boolean }>();
  /** How often each attempt's code may run, and has run. */
  readonly #licences = new Map<string, number>();
  readonly #runs = new Map<string, number>();
  /** By rate: when each request was granted. Unit: milliseconds since 1970. */
  readonly #grants = new Map<string, Map<string, number>>();
  /** Which run holds how many slots of what. */
  readonly #held = new Map<string, ReadonlyMap<string, number>>();

  constructor(slots: Readonly<Record<string, number>> = {}) {
    this.#slots = slots;
  }

  fail(violation: string): void {
    this.violations.push(violation);
  }

  /** An entry is in the log. */
  appended(entry: Entry): void {
    this.#folds.appended(entry);
    const { actor, n } = entry;
    const before = this.#lengths.get(actor) ?? 0;
    if (n !== before + 1) this.fail(`entry ${n} of ${actor} was written, where ${before + 1} was the next`);
    this.#lengths.set(actor, n);
    if (this.#ended.has(actor)) this.fail(`${actor} went on after its end, by entry ${n}`);
    const { kind, name } = parseActor(actor);
    if (kind === "limit") this.#limit(name, entry.state as LimitState);
    if (kind !== "run") return;
    for (const event of entry.events as readonly AnyEvent[] as readonly RunEvent[]) this.#event(actor, event);
    this.#holders(actor, entry.state as RunState);
  }

  #event(actor: string, event: RunEvent): void {
    switch (event.type) {
      case "ended":
        this.#ended.add(actor);
        return;
      case "called": {
        const key = `${actor}/${event.call}`;
        if (this.#calls.has(key)) this.fail(`${event.call} of ${actor} was called twice`);
        this.#calls.set(key, { budget: (event.retries ?? 0) + (event.crashRetries ?? LIMITS.crashRetries) + 1, attempt: 0, settled: false });
        return;
      }
      case "settled": {
        const call = this.#calls.get(`${actor}/${event.call}`);
        if (!call) this.fail(`${event.call} of ${actor} settled without a call`);
        else if (call.settled) this.fail(`${event.call} of ${actor} settled twice`);
        else call.settled = true;
        return;
      }
      case "attempted": {
        if (event.where === "inline") this.#licence(actor, event, 1);
        const call = this.#calls.get(`${actor}/${event.call}`);
        if (!call || event.piece) return;
        if (event.attempt !== call.attempt + 1) this.fail(`attempt ${event.attempt} of ${event.call} of ${actor} followed attempt ${call.attempt}`);
        if (event.attempt > call.budget) this.fail(`attempt ${event.attempt} of ${event.call} of ${actor} is beyond its budget of ${call.budget}`);
        if (call.settled) this.fail(`${event.call} of ${actor} was attempted after it had settled`);
        call.attempt = event.attempt;
        return;
      }
    }
  }

  /** A turn's step appended nothing. */
  answered(...answer: Parameters<Folds["answered"]>): void {
    this.#folds.answered(...answer);
  }

  /** A task message was put into a queue. */
  enqueued({ actor, tasks }: TaskMessage): void {
    for (const task of tasks) this.#licence(actor, task, itemsOf(task));
  }
  #licence(actor: string, item: Pick<TaskItem, "call" | "attempt" | "piece">, times: number): void {
    const key = keyOf(actor, item);
    this.#licences.set(key, (this.#licences.get(key) ?? 0) + times);
  }

  /** A task's code begins to run. */
  ran(actor: string, item: TaskItem): void {
    if (item.transient) return;
    const call = this.#calls.get(`${actor}/${item.call}`);
    if (!call || (!item.piece && item.attempt > call.attempt))
      this.fail(`the code of ${item.call} (attempt ${item.attempt}) of ${actor} ran before its attempt was in the log`);
    const key = keyOf(actor, item);
    const runs = (this.#runs.get(key) ?? 0) + 1;
    this.#runs.set(key, runs);
    if (runs > (this.#licences.get(key) ?? 0))
      this.fail(`the code of ${item.call} (attempt ${item.attempt}) of ${actor} ran ${runs} times, and was sent ${this.#licences.get(key) ?? 0} times`);
    if (item.claim && runs > itemsOf(item)) this.fail(`the code of ${item.call} (attempt ${item.attempt}) of ${actor} ran twice, although it was claimed`);
  }

  #limit(name: string, { holders, perSeconds }: LimitState): void {
    const slots = this.#slots[name];
    if (slots === undefined) return;
    const taken = holders.reduce((sum, holder) => sum + holder.occupy, 0);
    if (taken > slots) this.fail(`the limit ${name} has given ${taken} of ${slots} slots`);
    if (perSeconds !== undefined) this.#rate(name, slots, holders, perSeconds * 1000);
  }
  /** However long ago: in no time as long as its period has a rate granted more than it may. */
  #rate(name: string, slots: number, holders: LimitState["holders"], periodMs: number): void {
    const grants = this.#grants.get(name) ?? new Map<string, number>();
    this.#grants.set(name, grants);
    for (const { request, since } of holders) {
      if (grants.has(request)) continue;
      grants.set(request, since);
      const lately = [...grants.values()].filter((other) => other > since - periodMs && other <= since).length;
      if (lately > slots) this.fail(`the rate ${name} has granted ${lately} in one period, and may grant ${slots}`);
    }
  }
  #holders(actor: string, { held }: RunState): void {
    if (!held && !this.#held.has(actor)) return;
    const own = new Map<string, number>();
    for (const { limit } of Object.values(held ?? {})) own.set(limit, (own.get(limit) ?? 0) + 1);
    this.#held.set(actor, own);
    for (const name of own.keys()) {
      const slots = this.#slots[name];
      let taken = 0;
      for (const other of this.#held.values()) taken += other.get(name) ?? 0;
      if (slots !== undefined && taken > slots)
        this.fail(
          `${taken} holders have a slot of ${name}, which has ${slots}: ${[...this.#held]
            .filter(([, names]) => names.has(name))
            .map(([run]) => run)
            .join(", ")}`,
        );
    }
  }
  /** How often code of the task's call ran, over all attempts. */
  runsOf(actor: string, call: string): number {
    let runs = 0;
    for (const [key, times] of this.#runs) if (key.startsWith(`${actor}/${call}#`)) runs += times;
    return runs;
  }
}

const itemsOf = ({ piece }: TaskItem): number => (piece ? sizeOf(piece) : 1);
const keyOf = (actor: string, { call, attempt, piece }: Pick<TaskItem, "call" | "attempt" | "piece">): string =>
  `${actor}/${call}#${attempt}${piece ? `/${piece.id}` : ""}`;
