/**
 * Processes over one world in memory, on virtual time. A process can be killed at any port call: what it has in memory is gone, what it still runs has no effect, and
 * what it had in hand is delivered again. Time passes only when nothing else can happen.
 */
import { createMemoryBackend, type MemoryBackend } from "../../adapters/memory/backend.ts";
import { createMemoryState, type MemoryState } from "../../adapters/memory/state.ts";
import { createRuntime, type Runtime } from "../../adapters/process/runtime.ts";
import type { Host } from "../../engine/host.ts";
import type { Clock, TaskItem } from "../../engine/ports.ts";
import { shared } from "../../engine/scope.ts";
import { PortsClient } from "../ports-client.ts";
import { intercepted, type PortCall } from "./interception.ts";

/** One process: it takes turns and runs tasks until it is killed. */
export interface Process {
  /** 1, 2, 3 … in the order of their starts; also the holder's number in the world's state. */
  readonly number: number;
  readonly backend: MemoryBackend;
  readonly runtime: Runtime;
  alive: boolean;
}

export interface WorldOptions {
  readonly seed: number;
  /** Unit: milliseconds since 1970. */
  readonly now: number;
  readonly stubs: ReadonlyMap<string, (...args: never[]) => unknown>;
  /** Sees every port call of every process, and decides what becomes of it. */
  readonly around?: (process: Process, call: PortCall) => Promise<unknown>;
  /** How far a process's clock is from the world's. Unit: milliseconds. */
  readonly skew?: (process: number) => number;
  readonly warmRuns?: number;
  readonly onRun?: (task: string, actor: string, item: TaskItem) => void;
  /** Told after each port call of any process, whatever became of it. */
  readonly stepped?: (call: PortCall) => void;
  /** Told of a turn's step that appended nothing. */
  readonly onAnswer?: Host["onAnswer"];
}

// Taken at load: a flow's body has deterministic timers of its own.
const immediate = setImmediate;
const timeout = setTimeout;
export const tick = (): Promise<void> => new Promise((resolve) => immediate(resolve));
const never = (): Promise<never> => new Promise<never>(() => {});

/** Ticks of the event loop without a port call after which nothing is taken to move. */
const QUIET_TICKS = 8;
/** What runs user code that waits for something real is given so many times 5 ms. */
const REAL_WAITS = 400;
/** Jumps to the next alarm after which a world is taken to go on for ever. */
const JUMPS = 3000;

export class World {
  readonly state: MemoryState;
  readonly client: PortsClient;
  readonly processes: Process[] = [];
  /** Port calls begun and ended. */
  steps = 0;
  /** Events in all logs: a bound for how long a replay may take. */
  events = 0;
  readonly #options: WorldOptions;

  constructor(options: WorldOptions) {
    this.#options = options;
    this.state = createMemoryState({ seed: options.seed, now: options.now });
    const { ports } = createMemoryBackend({ state: this.state, inHand: "kept" });
    this.client = new PortsClient({ ports, code: shared.code, changed: () => tick() });
  }

  boot(): Process {
    const { stubs, onRun, onAnswer, warmRuns, around, skew } = this.#options;
    const backend = createMemoryBackend({ state: this.state, inHand: "kept" });
    const number = this.state.processes;
    const interceptor = async (call: PortCall): Promise<unknown> => {
      if (!process.alive) return never();
      this.steps++;
      try {
        const result = await (around ? around(process, call) : call.perform());
        return process.alive ? result : never();
      } catch (error) {
        // A process that is dead does not even see its errors.
        if (process.alive) throw error;
        return never();
      } finally {
        this.steps++;
        this.#options.stepped?.(call);
      }
    };
    const clock = skewed(backend.ports.clock, skew?.(number) ?? 0);
    const pumped = { ports: intercepted(backend.ports, interceptor, clock), signals: backend.signals };
    const runtime = createRuntime(pumped, {
      stubs,
      warmRuns,
      onRun: (task, _args, actor, item) => process.alive && onRun?.(task, actor, item),
      onEntry: (entry) => {
        this.events += entry.events.length;
      },
      host: { onAnswer: (...answer) => process.alive && onAnswer?.(...answer) },
      // A worker that gave up is a process that ended: something starts it again.
      onFatal: () => this.kill(process),
    });
    const process: Process = { number, backend, runtime, alive: true };
    this.processes.push(process);
    runtime.worker.start();
    return process;
  }

  /** The process dies, and another one starts in its place. */
  kill(process: Process): void {
    if (!process.alive) return;
    process.alive = false;
    void process.backend.close();
    this.processes.splice(this.processes.indexOf(process), 1);
    this.boot();
  }
  /** The world ends. */
  end(): void {
    for (const process of this.processes.splice(0)) {
      process.alive = false;
      void process.backend.close();
    }
  }

  /** Somebody has mail or tasks in hand. */
  get inHand(): boolean {
    for (const box of this.state.mail.boxes.values()) if (box.inHand.length > 0) return true;
    for (const pool of this.state.tasks.pools.values()) if (pool.inHand.size > 0) return true;
    return false;
  }
  /** Mail or tasks wait, or are in hand. */
  get busy(): boolean {
    if (this.state.mail.boxes.size > 0) return true;
    for (const pool of this.state.tasks.pools.values()) if (pool.inHand.size + pool.waiting.length > 0) return true;
    return false;
  }

  /** Resolves when nothing moves any more unless time passes. */
  async settle(): Promise<void> {
    for (let quiet = 0, seen = -1; ; ) {
      await tick();
      quiet = this.steps === seen ? quiet + 1 : 0;
      seen = this.steps;
      // A turn that replays makes no port call for as long as its log is.
      if (quiet > QUIET_TICKS && (!this.inHand || quiet > QUIET_TICKS + 2 * this.events)) return;
    }
  }

  /** Lets everything happen that can: first what needs no time, then time passes up to the next alarm. True when `over` says so, false when nothing is left that could happen. */
  async finish(over: () => boolean): Promise<boolean> {
    const { clock } = this.state;
    let waits = 0;
    await this.settle();
    for (let jumps = 0; jumps < JUMPS; jumps++) {
      if (over()) return true;
      const at = clock.next();
      if (at !== null) {
        let settled = true;
        await clock.advance(Math.max(0, at - clock.now()), async () => {
          if (!settled) await this.settle();
          settled = false;
        });
      } else if (this.inHand && waits++ < REAL_WAITS) {
        await new Promise((resolve) => timeout(resolve, 5));
        await this.settle();
      } else return false;
    }
    return false;
  }
}

function skewed(clock: Clock, ms: number): Clock {
  return ms === 0 ? clock : { now: () => clock.now() + ms, wait: (length, signal) => clock.wait(length, signal) };
}
