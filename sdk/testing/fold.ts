/**
 * What the events of a run's log alone say about the run: a second reading of the log, made without the engine's code. After every entry it has to agree with the state that the
 * entry carries; where it does not, a turn has changed the state without an event that says so, and that change is lost with the first process that dies before the next entry.
 *
 * Left out, because events do not decide it: which calls the code awaits (a cold replay sees to that), the labels and reasons of the runs table, and when things happened.
 */
import type { Entry, FinalType, RunEvent } from "../../engine/events.ts";
import { LIMITS } from "../../engine/limits.ts";
import { parseActor, type StartMessage } from "../../engine/messages.ts";
import { itemOf } from "../../engine/needs.ts";
import { type Called, CallFold } from "./fold-call.ts";

export class RunFold {
  readonly id: string;
  readonly open = new Map<string, CallFold>();
  readonly held = new Map<string, number>();
  inputs: { readonly request: string; readonly name: string; readonly value: string }[];
  over: FinalType | undefined;
  attempt = 1;
  calls = 0;
  paused = false;
  late: string[] = [];
  cancel: string | undefined;
  cleanups = 0;
  returned: boolean | undefined;
  ending = false;
  retryTimer: string | undefined;
  continuedAs: string | undefined;
  slow = false;
  /** What the events themselves should never say. */
  readonly problems: string[] = [];
  #cancels = false;

  constructor(actor: string, inherits: StartMessage["inherits"]) {
    this.id = parseActor(actor).name;
    this.inputs = (inherits?.inputs ?? []).map(({ request, name, value }) => ({ request, name, value: JSON.stringify(value) }));
    for (const [request, { fence }] of Object.entries(inherits?.held ?? {})) this.held.set(request, fence);
  }

  entry({ n, at, events }: Entry<unknown, RunEvent>): void {
    events.forEach((event, i) => {
      this.#cancels = event.type === "resumed" && events.slice(i + 1).some(({ type }) => type === "cancelling");
      this.#note(event, n, at);
    });
    if (this.over) return;
    for (const call of this.open.values()) {
      if (call.phase !== "launching") continue;
      if (this.paused) call.giveBack(this);
      else this.problems.push(`${call.id} is ready, and was not sent`);
    }
  }

  #note(event: RunEvent, n: number, at: number): void {
    switch (event.type) {
      case "called":
        return this.#called(event, n, at);
      case "attempted":
        if (this.paused) this.problems.push(`${event.call} began to run while the run was paused`);
        return this.open.get(event.call)?.attempted(event);
      case "failed":
        return this.open.get(event.call)?.failed(this, event, n);
      case "woken":
        return this.open.get(event.call)?.woken(this, event.timer);
      case "granted":
        return this.open.get(event.call)?.granted(this, event);
      case "items":
        this.#items(event);
        if (this.paused && this.returned === undefined) this.late.push(`${event.call}/${event.piece.id}`);
        return;
      case "settled":
        return this.#settled(event);
      case "input":
        this.inputs.push({ request: event.request, name: event.name, value: JSON.stringify(event.value) });
        return;
      case "paused":
        this.paused = true;
        return;
      case "resumed":
        this.paused = false;
        this.late = [];
        // The timer may have fired during the pause: another is set.
        if (this.retryTimer !== undefined) this.retryTimer = `retry@${n}`;
        // A cancel that ends the pause ends what waited for it as well.
        for (const call of this.open.values()) if (call.phase === "paused" && (!this.#cancels || call.role !== undefined)) call.ready(this);
        return;
      default:
        return this.#turned(event, n);
    }
  }

  /** The run as a whole goes another way. */
  #turned(event: RunEvent, n: number): void {
    switch (event.type) {
      case "cancelling":
        this.cancel = event.request;
        if (this.retryTimer !== undefined) this.returned = false;
        this.retryTimer = undefined;
        for (const call of this.open.values()) if (call.role === undefined) call.cancelPieces(this);
        return;
      case "returned":
        this.returned = event.ok;
        return;
      case "retrying":
        this.returned = undefined;
        this.retryTimer = `retry@${n}`;
        return;
      case "rerun":
        if (event.attempt !== this.attempt + 1) this.problems.push(`life ${event.attempt} of the flow followed life ${this.attempt}`);
        this.attempt = event.attempt;
        this.retryTimer = undefined;
        return;
      case "continued":
        this.continuedAs = event.run;
        return;
      case "ended":
        this.over = event.state;
        this.open.clear();
        this.held.clear();
        Object.assign(this, { inputs: [], late: [], paused: false, returned: undefined, ending: false, retryTimer: undefined });
    }
  }

  #called(event: Called, n: number, at: number): void {
    const call = new CallFold(event, n, at);
    this.open.set(call.id, call);
    if (call.role === "hook") {
      call.phase = "launching";
      if (event.detail !== undefined && ENDING.test(event.detail as string)) this.ending = true;
      return;
    }
    this.calls++;
    if (this.cancel !== undefined && call.role !== "rollback" && CLEANUPS.has(call.kind)) this.cleanups++;
    if (event.kind === "release" && event.request !== undefined) this.held.delete(event.request);
    call.begin(this);
  }

  #settled(event: Extract<RunEvent, { type: "settled" }>): void {
    const call = this.open.get(event.call);
    if (!call) return;
    this.#ran(event);
    if (this.paused && call.role !== "hook" && this.returned === undefined) this.late.push(call.id);
    this.open.delete(call.id);
    call.over(this);
    if (this.cancel !== undefined && event.label === "Reused" && CLEANUPS.has(call.kind)) this.cleanups--;
    if (event.ok && call.kind === "input" && event.label === undefined) this.#read(call, JSON.stringify(event.value));
    for (const other of this.open.values()) {
      other.needMet(this, call.id, event.ok);
      // An item that has not ended by now never came to run.
      if (call.kind === "map") for (const need of other.needs.filter((one) => itemOf(one, (id) => id === call.id))) other.needMet(this, need, false);
    }
  }
  #items(event: Extract<RunEvent, { type: "items" }>): void {
    const map = this.open.get(event.call);
    if (!map) return;
    map.items(this, event);
    for (const other of this.open.values()) other.itemsMet(this, map);
  }
  /** A call that is open, or an item of an open map that has not ended. */
  isOpen(need: string): boolean {
    const item = itemOf(need, (id) => this.open.has(id));
    return item ? this.open.get(item.map)?.ended.has(item.index) === false : this.open.has(need);
  }
  #read({ input }: CallFold, value: string): void {
    const at = this.inputs.findIndex((one) => one.name === input && one.value === value);
    if (at >= 0) this.inputs.splice(at, 1);
    else this.problems.push(`an input "${input}" was read that nobody had sent`);
  }
  #ran(event: { readonly ran?: readonly [number, number] }): void {
    if (event.ran && event.ran[1] - event.ran[0] > LIMITS.inlineMs) this.slow = true;
  }
}

/** The hook of a flow that has ended, not of one that begins. */
const ENDING = /"flow":true,"state":"(COMPLETED|FAILED|CANCELLED|CRASHED)"/;
const CLEANUPS: ReadonlySet<string> = new Set(["task", "builtin", "map"]);
