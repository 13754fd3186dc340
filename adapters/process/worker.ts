/** Takes mail: one turn at a time for each actor, many actors side by side. What a turn cannot finish is given back and comes again. */
import { deadLettersAmong } from "../../engine/dead-letter.ts";
import { WindhoverError } from "../../engine/errors.ts";
import type { Entry } from "../../engine/events.ts";
import type { Host } from "../../engine/host.ts";
import { LIMITS } from "../../engine/limits.ts";
import { type Delivery, parseActor } from "../../engine/messages.ts";
import type { Ports } from "../../engine/ports.ts";
import type { RunState } from "../../engine/run-state.ts";
import { SecondWriter, turn } from "../../engine/turn.ts";
import { Bell } from "./bell.ts";
import { Executor, type InHand, type PoolLimits } from "./executor.ts";

export interface Signal {
  wait(): Promise<void>;
}
/** A backend that can be pumped. */
export interface PumpedBackend {
  readonly ports: Ports;
  readonly signals: { readonly mail: Signal; readonly tasks: Signal };
}

/** Actors whose turns are taken side by side. */
const TURNS = 512;
/** Messages of one actor that one turn takes at most. */
const BATCH = 1000;

export interface WorkerOptions {
  readonly pools?: PoolLimits;
  /** The backend is gone (a full disk, a damaged file): the worker has stopped. */
  readonly onFatal?: (error: WindhoverError) => void;
  /** A turn failed and is taken again. */
  readonly onTurnError?: (actor: string, error: unknown) => void;
}

export class Worker {
  readonly #backend: PumpedBackend;
  #host: Host;
  readonly #options: WorkerOptions;
  readonly #executor: Executor;
  readonly #turns = new Set<Promise<void>>();
  /** Calls that turns wait for, by actor. */
  readonly #inline = new Map<string, string>();
  #stopped = true;
  #failed = false;
  /** An earlier process may have died with this one's mail: until its turn is over, nothing begins that could end the process in its stead. */
  #suspect: { readonly actor: string; readonly cleared: () => void } | undefined;
  #executing = false;
  #loop: Promise<void> | undefined;
  /** Counts what was taken and finished, so that `settled` can tell that nothing moves. */
  #steps = 0;
  readonly #bell = new Bell();

  constructor(backend: PumpedBackend, host: Host, options: WorkerOptions = {}) {
    this.#backend = backend;
    this.#host = host;
    this.#options = options;
    this.#executor = new Executor(backend, host, options.pools ?? {}, (error) => this.#fail(error));
    void this.#bell.follow(backend.signals.mail);
  }

  start(): void {
    if (!this.#stopped) return;
    this.#stopped = false;
    this.#loop = this.#pump();
  }

  /** Takes nothing new, and waits for the turns and tasks that are under way. `leaveTasks`: those of the queue end by themselves, as long as the process lives. */
  async stop({ leaveTasks = false }: { readonly leaveTasks?: boolean } = {}): Promise<void> {
    this.#stopped = true;
    this.#bell.ring();
    // Where the backend is gone, nobody could be told what becomes of a task.
    await this.#executor.stop(leaveTasks || this.#failed);
    this.#executing = false;
    await this.#loop;
    await Promise.all(this.#turns);
  }

  /** What `stop` would wait for: user code that runs now, inside a turn or from a queue. */
  inHand(): readonly InHand[] {
    return [...[...this.#inline].map(([actor, call]) => ({ run: parseActor(actor).name, call })), ...this.#executor.inHand()];
  }

  /** A turn waits for user code, or has done so. */
  noteInline(change: 1 | -1, actor: string, call: string): void {
    if (change === 1) this.#inline.set(actor, call);
    else this.#inline.delete(actor);
    this.#steps++;
    if (change === 1) this.#cleared(actor);
  }

  /** Which pools to serve is also learnt from the log: a flow may name one that no setting knows. */
  noteEntry(entry: Entry): void {
    for (const effect of entry.effects) if (effect.do === "task" && effect.pool !== undefined) this.#executor.serve(effect.pool);
  }

  /** Other code was loaded: what begins from now on has this host, and runs that were declined may be ours now. */
  use(host: Host): void {
    this.#host = host;
    this.#executor.use(host);
    this.#backend.ports.inbox.reconsider?.();
    this.#backend.ports.tasks.reconsider?.();
    this.#bell.ring();
    this.#executor.wake();
  }

  /**
   * Resolves when nothing moves any more without time passing: no turn is under way, no mail waits, and tasks that still run wait for something outside.
   */
  async settled(): Promise<void> {
    for (let quiet = 0, seen = -1; quiet < QUIET_TICKS; ) {
      await tick();
      const steps = this.#steps + this.#executor.steps;
      quiet = this.#turns.size === this.#inline.size && steps === seen ? quiet + 1 : 0;
      seen = steps;
    }
  }

  async #pump(): Promise<void> {
    const { ports } = this.#backend;
    while (!this.#stopped) {
      try {
        while (!this.#stopped && this.#turns.size < TURNS) {
          const batch = await ports.inbox.receive(BATCH);
          const suspect = batch.some(({ receives }) => receives > 1);
          if (!suspect) this.#startTasks();
          const actor = batch[0]?.actor;
          if (actor === undefined) break;
          this.#steps++;
          const cleared = suspect && new Promise<void>((resolve) => (this.#suspect = { actor, cleared: resolve }));
          const taken: Promise<void> = this.#take(actor, batch).then(() => this.#took(taken));
          this.#turns.add(taken);
          if (cleared) await cleared;
        }
      } catch (error) {
        return this.#fail(error);
      }
      if (!this.#stopped) await this.#bell.wait();
    }
  }

  #startTasks(): void {
    if (this.#executing || this.#stopped) return;
    this.#executing = true;
    this.#executor.start();
  }
  /** The turn is over, or waits for user code that the log names: a death from now on is not the turn's. */
  #cleared(actor: string): void {
    if (this.#suspect?.actor !== actor) return;
    this.#suspect.cleared();
    this.#suspect = undefined;
  }

  async #take(actor: string, batch: readonly Delivery[]): Promise<void> {
    try {
      const foreign = this.#isForeign(actor, batch);
      if (foreign && (await foreign)) await this.#decline(actor, batch);
      else await turn(this.#host, actor, deadLettersAmong(batch, LIMITS.receivesAlone));
      this.#cleared(actor);
    } catch (error) {
      this.#cleared(actor);
      if (isFatal(error)) this.#fail(error);
      else await this.#giveBack(actor, batch, error).catch((failure) => this.#fail(failure));
    }
  }
  #took(taken: Promise<void>): void {
    this.#turns.delete(taken);
    this.#steps++;
    if (this.#turns.size === TURNS - 1 || this.#backend.ports.inbox.reconsider === undefined) this.#bell.ring();
  }

  /** A run can only go on where its flow's code is loaded. Its start says which flow it is of; later only its log does. */
  #isForeign(actor: string, batch: readonly Delivery[]): boolean | Promise<boolean> {
    if (parseActor(actor).kind !== "run" || this.#host.warm.has(actor)) return false;
    const start = batch.find(({ message }) => message.kind === "start")?.message;
    if (start?.kind === "start") return this.#isUnknown(start.flow);
    return this.#backend.ports.log.tail(actor).then((tail) => this.#isUnknown((tail?.state as RunState | undefined)?.flow));
  }
  #isUnknown(flow: string | undefined): boolean {
    return flow !== undefined && flow !== "" && !this.#host.code.flows.has(flow);
  }
  async #decline(actor: string, batch: readonly Delivery[]): Promise<void> {
    const { inbox } = this.#backend.ports;
    if (inbox.decline) return inbox.decline(batch);
    // Nobody else can have it.
    await turn(
      this.#host,
      actor,
      batch.map((delivery) => ({
        ...delivery,
        message: { kind: "dead", id: `dead:${delivery.message.id}`, message: delivery.message, why: "its flow is not in the code that is loaded" },
      })),
    );
  }

  /** At once after a lost race; after a failure a little later each time, so that a fault outside can pass. */
  async #giveBack(actor: string, batch: readonly Delivery[], error: unknown): Promise<void> {
    const { clock, inbox } = this.#backend.ports;
    if (!(error instanceof SecondWriter)) {
      this.#options.onTurnError?.(actor, error);
      const receives = Math.max(...batch.map((delivery) => delivery.receives));
      if (receives > 2) await clock.wait(Math.min(5000, 20 * 2 ** receives));
    }
    await inbox.release(batch);
  }

  #fail(error: unknown): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#failed = true;
    this.#bell.ring();
    this.#executor.wake();
    const known =
      error instanceof WindhoverError
        ? error
        : new WindhoverError("WH9001", { message: `The worker stopped: ${error instanceof Error ? error.message : String(error)}`, cause: error });
    this.#options.onFatal?.(known);
  }
}

/** Ticks of the event loop without a step after which nothing is taken to move. A task may need a few for its own microtasks and input. */
const QUIET_TICKS = 12;
const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const isFatal = (error: unknown): boolean => error instanceof WindhoverError && ["WH3001", "WH3002", "WH3003", "WH3008"].includes(error.code);
