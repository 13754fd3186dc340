/**
 * Takes task messages from the pools, runs what is in them side by side, and reports. A message that was received before is a crash, never a run (rule 13); of attempts that have to
 * be claimed, the claim says whether they began.
 */
import { claimTasks, needsClaims } from "../../engine/claims.ts";
import { DEFAULT_POOL } from "../../engine/effects.ts";
import type { Host } from "../../engine/host.ts";
import { LIMITS } from "../../engine/limits.ts";
import type { TaskDelivery, TaskItem, TaskMessage } from "../../engine/ports.ts";
import { crashOf, Reports, runTasks } from "../../engine/task-message.ts";
import { Bell } from "./bell.ts";
import type { PumpedBackend } from "./worker.ts";

/** How many tasks of a pool run at once. */
export type PoolLimits = Readonly<Record<string, number>>;
/** A call whose user code runs in this process. */
export interface InHand {
  readonly run: string;
  readonly call: string;
}
const DEFAULT_AT_ONCE = 1000;
const POOL_AT_ONCE = 16;

export class Executor {
  readonly #backend: PumpedBackend;
  #host: Host;
  readonly #limits: PoolLimits;
  readonly #fatal: (error: unknown) => void;
  readonly #free = new Map<string, number>();
  readonly #reports: Reports;
  readonly #inHand = new Map<TaskDelivery, Promise<void>>();
  #stopped = true;
  #loop: Promise<void> | undefined;
  readonly #bell = new Bell();
  /** Counts what was taken and finished. */
  steps = 0;

  constructor(backend: PumpedBackend, host: Host, limits: PoolLimits, fatal: (error: unknown) => void) {
    this.#backend = backend;
    this.#host = host;
    this.#limits = limits;
    this.#fatal = fatal;
    this.#reports = new Reports(backend.ports.mailbox, () => new Promise((resolve) => setImmediate(resolve)));
    for (const pool of [DEFAULT_POOL, ...Object.keys(limits)]) this.serve(pool);
    void this.#bell.follow(backend.signals.tasks);
  }

  serve(pool: string): void {
    if (this.#free.has(pool)) return;
    this.#free.set(pool, this.#limits[pool] ?? (pool === DEFAULT_POOL ? DEFAULT_AT_ONCE : POOL_AT_ONCE));
    this.wake();
  }
  wake(): void {
    this.#bell.ring();
  }
  start(): void {
    this.#stopped = false;
    this.use(this.#host);
    this.#loop = this.#pump();
  }
  /** What is taken from now on runs there; what is in hand stays where it is. */
  use(host: Host): void {
    this.#host = host;
    const { tasks, flows } = host.code;
    for (const { pool } of [...tasks.values(), ...flows.values()]) if (pool !== undefined) this.serve(pool);
  }
  /** Takes nothing new, and waits for what is in hand, unless it is left to end by itself. */
  async stop(leaveTasks: boolean): Promise<void> {
    this.#stopped = true;
    this.wake();
    await this.#loop;
    if (!leaveTasks) await Promise.all(this.#inHand.values());
  }
  inHand(): readonly InHand[] {
    return [...this.#inHand.keys()].flatMap(({ message }) => message.tasks.map(({ call }) => ({ run: message.run.runId, call })));
  }

  async #pump(): Promise<void> {
    const { ports } = this.#backend;
    while (!this.#stopped) {
      try {
        for (const pool of [...this.#free.keys()]) {
          while (!this.#stopped && (this.#free.get(pool) as number) > 0) {
            // Several at once share the backend's commit; a packed message may hold as many tasks as LIMITS.packedTasks.
            const deliveries = await ports.tasks.receive(pool, Math.max(1, Math.floor((this.#free.get(pool) as number) / LIMITS.packedTasks)));
            if (deliveries.length === 0) break;
            this.steps++;
            for (const delivery of deliveries) this.#take(delivery);
          }
        }
      } catch (error) {
        return this.#fatal(error);
      }
      if (!this.#stopped) await this.#bell.wait();
    }
  }

  #take(delivery: TaskDelivery): void {
    const { pool, message } = delivery;
    const taken = message.tasks.length;
    this.#free.set(pool, (this.#free.get(pool) as number) - taken);
    const done = this.#run(delivery)
      .catch((error) => this.#fatal(error))
      .finally(() => {
        this.#inHand.delete(delivery);
        this.#free.set(pool, (this.#free.get(pool) as number) + taken);
        this.steps++;
        this.wake();
      });
    this.#inHand.set(delivery, done);
  }

  async #run(delivery: TaskDelivery): Promise<void> {
    const { ports } = this.#backend;
    const { message, receives } = delivery;
    const claims = needsClaims(message);
    if (receives > 1 && !claims) {
      await ports.mailbox.send(message.actor, crashOf(message));
      return ports.tasks.acknowledge([delivery]);
    }
    if (message.tasks.some((item) => !this.#knows(item))) {
      if (ports.tasks.decline) return ports.tasks.decline([delivery]);
    }
    const { ours, leave } = claims ? await this.#claim(delivery) : { ours: message, leave: false };
    const [pool, limit] = [delivery.pool, this.#limits[delivery.pool]];
    await runTasks(this.#host, ours, limit ?? (pool === DEFAULT_POOL ? DEFAULT_AT_ONCE : POOL_AT_ONCE), this.#reports);
    if (!leave) await ports.tasks.acknowledge([delivery]);
  }
  /** What of it is ours to run, which may be nothing; and whether somebody else has this very message in hand. */
  async #claim(delivery: TaskDelivery): Promise<{ readonly ours: TaskMessage; readonly leave: boolean }> {
    const { ports } = this.#backend;
    const { message } = delivery;
    const { run, crashed, leave } = await claimTasks(ports, delivery);
    if (crashed.length > 0) await ports.mailbox.send(message.actor, crashOf({ ...message, tasks: crashed }));
    return { ours: { ...message, tasks: run }, leave };
  }
  #knows({ run, task, variant }: TaskItem): boolean {
    return run === "builtin" || run === "hook" || this.#host.code.task(task, variant) !== undefined;
  }
}
