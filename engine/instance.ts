/**
 * One life of a flow's function. It is begun, results are delivered to it one at a time, and between two deliveries it gets one turn of the event loop, so that all of its
 * microtasks settle and what it does next depends on the order of deliveries alone. The calls that the code makes are compared with what the log expects as they are made;
 * the first that is not in the log is new, and becomes a {@link Command}.
 */
import type { CalledEvent, ItemsEvent } from "./book.ts";
import { callId } from "./book.ts";
import { installDeterminism } from "./determinism.ts";
import { WindhoverError } from "./errors.ts";
import { type CallKind, type CallSpec, DURABLE_ONLY } from "./events.ts";
import { LIMITS } from "./limits.ts";
import { LiveCall, type Outcome } from "./live-call.ts";
import { callOf } from "./needs.ts";
import type { LogLevel, RunFacts } from "./ports.ts";
import type { Reader } from "./replay.ts";
import { type FlowScope, shared } from "./scope.ts";
import { Sequence } from "./sequence.ts";
import { authorLine } from "./stack.ts";
import type { State } from "./state.ts";

/** A call that is new: the run decides what becomes of it. */
export interface Command {
  readonly call: string;
  /** The call's id without the flow's attempt: what a retry compares. */
  readonly place: string;
  readonly kind: CallKind;
  readonly name: string;
  readonly spec: CallSpec;
  /** The call could not even be made (its arguments cannot be stored): it fails with this. */
  readonly invalid?: unknown;
}

export interface CallRequest {
  readonly kind: CallKind;
  readonly name: string;
  readonly key?: string;
  /** Evaluated only when the call is new: a replay takes it from the log. */
  readonly spec: (id: string) => CallSpec;
}

const immediate = setImmediate;

export interface InstanceFacts {
  readonly run: RunFacts;
  readonly parameters: unknown;
  readonly seed: string;
  /** How often the flow's function has begun, this time included. */
  readonly attempt: number;
  /** How the run behaves where a later version behaves otherwise: what its start says. */
  readonly flags: readonly string[];
}

export class Instance {
  readonly facts: InstanceFacts;
  readonly calls = new Map<string, LiveCall>();
  readonly random: Sequence;
  /** The log's time. Unit: milliseconds since 1970. */
  now = 0;
  /** True while results in the log are delivered again: nothing is logged or printed a second time. */
  replaying = false;
  /** Set when the run is being cancelled: the SDK turns new waits away. */
  cancelling = false;
  outcome: Outcome | undefined;
  /** The code broke a rule of replay: the run ends with this, and the code is not run any further. */
  fatal: WindhoverError | undefined;
  onLog: ((level: LogLevel, message: string, fields?: object) => void) | undefined;
  /** How stored values are read, for what is delivered late. */
  read: Reader | undefined;
  readonly #chores: (() => Promise<void>)[] = [];
  #strays: Map<Promise<unknown>, unknown> | undefined;

  #commands: Command[] = [];
  readonly #counts = new Map<string, number>();
  #expected: readonly CalledEvent[] = [];
  #cursor = 0;
  #until = 0;
  #open = false;
  #dropped = false;
  #further: Sequence | undefined;

  constructor(facts: InstanceFacts) {
    this.facts = facts;
    this.random = new Sequence(`${facts.seed}/${facts.attempt}`);
  }

  /** For numbers that were not drawn from the run's seed at first: those that were stay what they were. */
  get further(): Sequence {
    this.#further ??= new Sequence(`${this.facts.seed}/${this.facts.attempt}/further`);
    return this.#further;
  }

  /** Runs the flow's function up to its first wait. */
  begin(fn: (parameters: never) => unknown): Promise<void> {
    installDeterminism();
    const scope: FlowScope = { kind: "flow", instance: this };
    this.#open = true;
    const failed = (error: unknown): void => this.#end({ ok: false, error });
    shared.scopes.run(scope, () => {
      try {
        Promise.resolve(fn(this.facts.parameters as never)).then((value) => this.#end({ ok: true, value }), failed);
      } catch (error) {
        failed(error);
      }
    });
    return this.letRun();
  }
  #end(outcome: Outcome): void {
    if (this.#dropped) return;
    if (!this.#open && this.facts.flags.includes(DURABLE_ONLY))
      this.halt(
        new WindhoverError("WH1204", {
          message: "The flow ended while it waited for something that is not in the log.",
          expected: "an end that follows from a result in the log",
          got: outcome.ok ? "its result" : "its error",
        }),
      );
    this.outcome ??= outcome;
  }

  /** Hands the flow the outcome of one call, and lets its code run until it waits again. */
  deliver(id: string, outcome: Outcome, state: State): Promise<void> | undefined {
    const call = this.calls.get(id);
    if (!call || call.outcome) return undefined;
    const watched = call.observed;
    call.settle(outcome, state);
    return watched ? this.letRun() : undefined;
  }
  letRun(): Promise<void> {
    this.#open = true;
    return new Promise((resolve, reject) => {
      const atNextTurnOfTheLoop = (): void => {
        // Reading stored values takes time that the flow must not see: it happens here, before anything else is delivered.
        const chore = this.#chores.shift();
        if (chore) return void chore().then(() => immediate(atNextTurnOfTheLoop), reject);
        this.#open = false;
        resolve();
      };
      immediate(atNextTurnOfTheLoop);
    });
  }
  /** Something that has to be read before the flow's code can go on; it is done in the order in which it was asked for. */
  chore(work: () => Promise<void>): void {
    this.#chores.push(work);
  }
  async deliverItems(event: ItemsEvent): Promise<void> {
    const call = this.calls.get(event.call);
    if (!call) return;
    call.items.push(event);
    if (!call.onItems) return;
    // The code may go on as soon as it is told of the first of them.
    this.#open = true;
    await call.onItems(event);
    await this.letRun();
  }

  /** What the log says the code will call next; see {@link replay}. */
  expect(calls: readonly CalledEvent[], until: number): void {
    this.#expected = calls;
    this.#until = until;
  }
  /** The log's calls that the code has not made although it had everything to make them. */
  missing(): CalledEvent | undefined {
    return this.#cursor < this.#until ? this.#expected[this.#cursor] : undefined;
  }

  /** The flow's code calls something. */
  call(request: CallRequest): LiveCall {
    const place = this.#place(request);
    const id = callId(place, this.facts.attempt);
    const call = new LiveCall(id, request.kind, request.name);
    if (this.#dropped || this.fatal) return call;
    if (this.calls.has(id))
      throw new WindhoverError("WH1010", {
        message: `Two calls of "${request.name}" have the key "${request.key}".`,
        expected: "a key that is used once in a run",
        got: String(request.key),
      });
    this.calls.set(id, call);
    if (!this.#open) {
      this.halt(
        new WindhoverError("WH1204", {
          message: `"${request.name}" was called while the flow waited for something that is not in the log${authorLine()}.`,
          expected: "calls that follow from a result in the log",
          got: id,
        }),
      );
      return call;
    }
    if (this.#cursor < this.#until) {
      const expected = this.#expected[this.#cursor] as CalledEvent;
      this.#cursor++;
      if (expected.call !== id || expected.kind !== request.kind) this.halt(divergence(`${expected.kind} ${expected.call}`, `${request.kind} ${id}`));
      this.#observe(expected);
      return call;
    }
    if (this.replaying) {
      this.halt(divergence("no call here", `${request.kind} ${id}`));
      return call;
    }
    if (this.calls.size > LIMITS.callsPerRun) {
      const error = new WindhoverError("WH1301", {
        message: `The run has made ${LIMITS.callsPerRun} calls${authorLine()}.`,
        expected: `at most ${LIMITS.callsPerRun}`,
        got: `one more: ${id}`,
      });
      this.halt(error);
      throw error;
    }
    this.#commands.push(this.#command(request, id, place));
    return call;
  }
  /** What a call needs is looked at, by the call. */
  #observe({ deps = [], after = [] }: CallSpec): void {
    for (const needs of [deps, after]) for (const need of needs) this.calls.get(callOf(need, (id) => this.calls.has(id)))?.observe();
  }
  #place(request: CallRequest): string {
    if (request.key !== undefined) return `${request.name}:${request.key}`;
    const index = this.#counts.get(request.name) ?? 0;
    this.#counts.set(request.name, index + 1);
    return `${request.name}-${index}`;
  }
  #command(request: CallRequest, call: string, place: string): Command {
    const { kind, name } = request;
    try {
      const spec = request.spec(call);
      this.#observe(spec);
      return { call, place, kind, name, spec };
    } catch (error) {
      return { call, place, kind, name, spec: {}, invalid: error };
    }
  }

  /** The new calls since the last time, in the order in which they were made. */
  drain(): readonly Command[] {
    const commands = this.#commands;
    if (commands.length) this.#commands = [];
    return commands;
  }
  halt(error: WindhoverError): void {
    this.fatal ??= error;
  }
  /** Its log has moved on without it, or the run has ended: whatever its code still does has no effect. */
  drop(): void {
    this.#dropped = true;
  }
  get dropped(): boolean {
    return this.#dropped;
  }
  /** A promise that the flow's code made was rejected, and nobody has awaited it so far. */
  strayed(promise: Promise<unknown>, reason: unknown): void {
    this.#strays ??= new Map();
    this.#strays.set(promise, reason);
  }
  /** Somebody has awaited it after all. */
  fetched(promise: Promise<unknown>): void {
    this.#strays?.delete(promise);
  }
  /** The first that nobody has awaited. */
  stray(): { readonly reason: unknown } | undefined {
    const first = this.#strays?.values().next();
    return first && !first.done ? { reason: first.value } : undefined;
  }
  /** Calls that failed and that nobody looked at. */
  unobservedFailures(): LiveCall[] {
    return [...this.calls.values()].filter((call) => !call.observed && call.outcome?.ok === false);
  }
}

function divergence(expected: string, got: string): WindhoverError {
  return new WindhoverError("WH1201", {
    message: `The flow's code does not match its log: the log has ${expected}, the code made ${got}${authorLine()}.`,
    expected,
    got,
  });
}
