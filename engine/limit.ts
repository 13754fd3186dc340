/**
 * The limit: slots with names on them. A holder is a request of a run, with the fence that it was granted under; there is no counter that could drift. First come, first
 * served, a higher priority before a lower one. A lease's end frees nothing: the holder is asked again, by granting again, and a run that does not want the slot any more
 * gives it back (rules 18 to 20). A rate (so many a period) grants without being given back.
 */
import { encodeError } from "./codec.ts";
import { WindhoverError } from "./errors.ts";
import type { Effect, LimitEvent } from "./events.ts";
import { hash } from "./hash.ts";
import { LIMITS } from "./limits.ts";
import type { LimitMessage } from "./messages.ts";

export interface LimitState {
  readonly kind: "limit";
  /** Slots, or grants a period. Absent: whatever the request says (a limit declared in code), else without limit. */
  limit?: number;
  perSeconds?: number;
  holders: Holder[];
  waiters: Waiter[];
  /**
   * What was dealt with lately, shortened: requests that gave their slot back, or had their turn under a rate, and settings. One that a process still has in hand, long after it was
   * taken for dead, would be granted again; and if that process dies then, nobody would ever ask the holder (see docs/decisions/0028).
   */
  over?: readonly string[];
  /** Rate only: the open timer, and when it fires (milliseconds since 1970). */
  timer?: string;
  timerAt?: number;
}
export interface Holder {
  readonly request: string;
  readonly holder: string;
  readonly fence: number;
  readonly occupy: number;
  /** Unit: milliseconds since 1970. */
  readonly since: number;
}
export interface Waiter {
  readonly request: string;
  readonly holder: string;
  readonly occupy: number;
  readonly slots?: number;
  readonly priority?: number;
  readonly since: number;
}

export interface LimitContext {
  readonly name: string;
  readonly n: number;
  readonly now: number;
}
export interface LimitStep {
  readonly state: LimitState;
  readonly events: readonly LimitEvent[];
  readonly effects: readonly Effect[];
}

export function advanceLimit(context: LimitContext, before: LimitState | null, messages: readonly LimitMessage[]): LimitStep {
  const draft = new LimitDraft(
    context,
    before ? { ...before, holders: [...before.holders], waiters: [...before.waiters] } : { kind: "limit", holders: [], waiters: [] },
  );
  for (const message of messages) draft.take(message);
  draft.grantWhatFits();
  return draft;
}

class LimitDraft {
  readonly state: LimitState;
  readonly events: LimitEvent[] = [];
  readonly effects: Effect[] = [];
  readonly #context: LimitContext;
  #now: number;
  constructor(context: LimitContext, state: LimitState) {
    this.#context = context;
    // Its time never goes back, whatever a process's clock says: a rate counts by it.
    this.#now = Math.max(context.now, state.holders.at(-1)?.since ?? 0);
    this.state = state;
  }

  take(message: LimitMessage): void {
    const { state } = this;
    switch (message.kind) {
      case "configure": {
        if (this.#isOver(message.id)) return;
        this.#over(message.id);
        state.limit = message.limit ?? undefined;
        state.perSeconds = message.limit === null ? undefined : message.perSeconds;
        this.events.push({ type: "configured", limit: message.limit, perSeconds: state.perSeconds });
        return;
      }
      case "acquire":
        return this.#acquire(message);
      case "release":
        return this.#release(message.request, message.fence);
      case "fire": {
        if (message.timer === state.timer) {
          // It is that late, whatever this process's clock says: one that is behind would set the timer again, for a moment that has passed, without end.
          this.#now = Math.max(this.#now, state.timerAt ?? 0);
          state.timer = undefined;
          state.timerAt = undefined;
          this.events.push({ type: "woken" });
          return;
        }
        const holder = state.holders.find((h) => leaseId(h) === message.timer);
        if (holder && state.perSeconds === undefined) this.#tell(holder);
      }
    }
  }

  #acquire({ request, holder, occupy, slots, priority }: Extract<LimitMessage, { kind: "acquire" }>): void {
    const { state } = this;
    const held = state.holders.find((h) => h.request === request);
    if (held) return this.#send(held);
    if (state.waiters.some((w) => w.request === request) || this.#isOver(request)) return;
    const most = state.limit ?? slots;
    if (asksTooMuch(occupy, most)) return this.#refuse({ request, holder, occupy }, most);
    const waiter: Waiter = { request, holder, occupy, since: this.#now, ...(slots !== undefined && { slots }), ...(priority !== undefined && { priority }) };
    const at = state.waiters.findIndex((w) => (w.priority ?? 0) < (priority ?? 0));
    state.waiters.splice(at < 0 ? state.waiters.length : at, 0, waiter);
    this.events.push({ type: "waiting", request });
  }

  #release(request: string, fence: number | null): void {
    const { state } = this;
    const held = state.holders.find((h) => h.request === request);
    const waits = state.waiters.some((w) => w.request === request);
    if (fence === null ? !held && !waits : held?.fence !== fence) return;
    if (held && state.perSeconds === undefined) this.effects.push({ do: "untimer", id: leaseId(held) });
    if (!held || state.perSeconds === undefined) state.holders = state.holders.filter((h) => h.request !== request);
    state.waiters = state.waiters.filter((w) => w.request !== request);
    this.#over(request);
    this.events.push({ type: "released", request, fence });
  }
  #refuse({ request, holder, occupy }: Pick<Waiter, "request" | "holder" | "occupy">, most: number): void {
    const error = new WindhoverError("WH2012", {
      message: `"${this.#context.name}" has ${most} slots, and ${occupy} were asked for.`,
      expected: `at most ${most}`,
      got: String(occupy),
    });
    this.effects.push({
      do: "send",
      to: holder,
      message: { kind: "refuse", id: `refuse:${request}`, request, limit: this.#context.name, error: encodeError(error) },
    });
  }
  #isOver(id: string): boolean {
    return this.state.over?.includes(short(id)) === true;
  }
  #over(id: string): void {
    if (!this.#isOver(id)) this.state.over = [...(this.state.over ?? []), short(id)].slice(-LIMITS.requestsOver);
  }

  grantWhatFits(): void {
    const { state } = this;
    const { n } = this.#context;
    const now = this.#now;
    if (state.perSeconds !== undefined) {
      const window = state.perSeconds * 1000;
      state.holders = state.holders.filter((h) => h.since + window > now);
    }
    for (let first = state.waiters[0]; first; first = state.waiters[0]) {
      const most = state.limit ?? first.slots;
      // It came when there were more slots, or none at all. Now it would wait for ever, and with it all that stand behind it.
      if (asksTooMuch(first.occupy, most)) {
        this.#refuse(first, most);
        this.#release(first.request, null);
        continue;
      }
      const taken = state.holders.reduce((sum, h) => sum + h.occupy, 0);
      if (most !== undefined && taken + first.occupy > most) break;
      state.waiters.shift();
      const holder: Holder = { request: first.request, holder: first.holder, fence: n, occupy: first.occupy, since: now };
      state.holders.push(holder);
      if (state.perSeconds !== undefined) this.#over(holder.request);
      this.events.push({ type: "granted", request: holder.request, fence: n });
      this.#tell(holder);
    }
    this.#wakeForRate();
  }

  /** A rate has room again when its oldest grant leaves the window. */
  #wakeForRate(): void {
    const { state } = this;
    const [oldest] = state.holders;
    if (state.perSeconds === undefined || state.waiters.length === 0 || state.timer !== undefined || !oldest) return;
    state.timer = `rate@${this.#context.n}`;
    state.timerAt = oldest.since + state.perSeconds * 1000;
    this.effects.push({ do: "timer", id: state.timer, at: state.timerAt });
    if (this.events.length === 0) this.events.push({ type: "woken" });
  }

  /** The lease's timer first, then the message: a grant whose message is lost is asked about when the lease ends. */
  #tell(holder: Holder): void {
    if (this.state.perSeconds === undefined) this.effects.push({ do: "timer", id: leaseId(holder), at: this.#now + LIMITS.leaseMs });
    this.#send(holder);
  }
  #send({ request, fence, holder }: Holder): void {
    this.effects.push({ do: "send", to: holder, message: { kind: "grant", id: `grant:${request}:${fence}`, request, fence, limit: this.#context.name } });
  }
}

/** A limit of 0 refuses nobody: it holds everything up until it is raised. */
const asksTooMuch = (occupy: number, most: number | undefined): most is number => most !== undefined && most > 0 && occupy > most;

/** Every entry of a limit has them all. */
const short = (id: string): string => hash(id).slice(0, 8);
const leaseId = ({ request, fence }: Holder): string => `lease:${request}:${fence}`;
