/**
 * A hostile world, drawn from a seed: processes die before and after port calls, answers are lost, calls are refused, messages come twice, late, out of order, or while somebody
 * still works on them, clocks are apart, leases end early. Faults are counted out per seed, so that every run can end.
 */
import { post, returnMail } from "../../adapters/memory/mailbox.ts";
import { memoryRandom, seedRandom } from "../../adapters/memory/random.ts";
import { returnTasks } from "../../adapters/memory/tasks.ts";
import type { Timers } from "../../engine/ports.ts";
import { currentScope } from "../../engine/scope.ts";
import type { PortCall } from "./interception.ts";
import { type Process, tick, type World } from "./world.ts";

/** Faults that may cost an attempt: never more than the attempts that a death may cost, so that no run crashes for good. */
const HARD = ["crash before", "crash after", "lost", "refused", "expired mail", "expired tasks"] as const;
const SOFT = ["delayed", "twice", "late", "early lease"] as const;
type Fault = (typeof HARD)[number] | (typeof SOFT)[number];

const MOST_HARD = 3;
const MOST_SOFT = 10;
const RATES = [0.01, 0.03, 0.08, 0.25];
/** How long a call is held up at most. Unit: ticks of the event loop. */
const DELAY_TICKS = 30;
const LATE_MS = 20_000;
const SKEW_MS = 5000;

/** An error of the outside: what a throttled or broken connection throws. */
export class PortFailure extends Error {
  override readonly name = "PortFailure";
}

export class Faults {
  /** What was done to whom, in order: the story of a failing seed. */
  readonly story: string[] = [];
  readonly warmRuns: number | undefined;
  readonly processes: number;
  #hard: number;
  #soft: number;
  readonly #rate: number;
  readonly #shuffled: boolean;
  /** An actor's mail is handed out a message or two at a time. */
  readonly #smallBatches: boolean;
  readonly #skews: boolean;
  readonly #fraction: () => number;

  constructor(seed: number) {
    const { fraction } = memoryRandom(seedRandom(seed ^ 0x5eed_fa17));
    this.#fraction = fraction;
    this.#rate = RATES[this.draw(RATES.length)] as number;
    this.#hard = this.draw(MOST_HARD + 1);
    this.#soft = this.draw(MOST_SOFT + 1);
    this.#shuffled = this.draw(2) === 0;
    this.#smallBatches = this.draw(3) === 0;
    this.#skews = this.draw(3) === 0;
    this.warmRuns = [undefined, undefined, 0, 1][this.draw(4)];
    this.processes = 1 + this.draw(2);
  }

  /** A whole number from 0 to below `n`. */
  draw(n: number): number {
    return Math.floor(this.#fraction() * n);
  }
  skew(): number {
    return this.#skews ? this.draw(2 * SKEW_MS) - SKEW_MS : 0;
  }

  #next(call: PortCall): Fault | undefined {
    if (this.#fraction() >= this.#rate) return undefined;
    const hard = this.draw(2) === 0;
    if (hard ? this.#hard === 0 : this.#soft === 0) return undefined;
    const fault = hard ? (HARD[this.draw(HARD.length)] as Fault) : (SOFT[this.draw(SOFT.length)] as Fault);
    // What the author's code asks for itself would fail in the author's code, and that is its business.
    if ((fault === "lost" || fault === "refused") && currentScope()?.kind === "task") return undefined;
    if (fault === "twice" && !REPEATABLE.has(`${call.port}.${call.method}`)) return undefined;
    if (fault === "late" && (call.port !== "timers" || call.method !== "set")) return undefined;
    if (hard) this.#hard--;
    else this.#soft--;
    return fault;
  }

  async around(world: World, process: Process, call: PortCall): Promise<unknown> {
    if (this.#shuffled && call.port === "tasks" && call.method === "receive") this.#shuffle(world, call.args[0] as string);
    if (this.#smallBatches && call.port === "inbox" && call.method === "receive") {
      const most = 1 + this.draw(2);
      return this.#strike(world, process, { ...call, perform: () => process.backend.ports.inbox.receive(most) });
    }
    return this.#strike(world, process, call);
  }

  async #strike(world: World, process: Process, call: PortCall): Promise<unknown> {
    const fault = this.#next(call);
    if (!fault) return call.perform();
    this.story.push(`process ${process.number}, ${call.port}.${call.method}(${typeof call.args[0] === "string" ? call.args[0] : ""}): ${fault}`);
    switch (fault) {
      case "crash before":
        world.kill(process);
        return undefined;
      case "crash after": {
        const result = await call.perform();
        world.kill(process);
        return result;
      }
      case "lost": {
        const result = await call.perform();
        // The connection tries again by itself, and the second answer is that somebody has appended this entry.
        if (call.method === "append" && this.draw(2) === 0) return result === true ? call.perform() : result;
        throw new PortFailure(`the answer of ${call.port}.${call.method} was lost`);
      }
      case "refused":
        throw new PortFailure(`${call.port}.${call.method} was refused`);
      case "expired mail":
        returnMail(world.state.mail, process.number);
        await this.#hold(world);
        return call.perform();
      case "expired tasks":
        returnTasks(world.state.tasks, process.number);
        await this.#hold(world);
        return call.perform();
      case "delayed": {
        const early = this.draw(2) === 0;
        if (early) await this.#hold(world);
        if (!process.alive) return undefined;
        const result = await call.perform();
        if (!early) await this.#hold(world);
        return result;
      }
      case "twice":
        await call.perform();
        return call.perform();
      case "late":
        return lateTimer(process, call, this.draw(LATE_MS));
      case "early lease":
        this.#endLease(world);
        return call.perform();
    }
  }

  async #hold(world: World): Promise<void> {
    for (let ticks = this.draw(DELAY_TICKS); ticks > 0; ticks--) {
      world.steps++;
      await tick();
    }
  }
  #shuffle(world: World, pool: string): void {
    const waiting = world.state.tasks.pools.get(pool)?.waiting;
    if (!waiting || waiting.length < 2) return;
    const at = this.draw(waiting.length);
    waiting.unshift(...waiting.splice(at, 1));
  }
  /** A limit, or a deployment, asks its holders early. */
  #endLease(world: World): void {
    const leases: [string, string][] = [];
    for (const [actor, timers] of world.state.timers)
      if (!actor.startsWith("run:")) for (const [id, { text }] of timers) if (LEASE.test(id)) leases.push([actor, text]);
    const lease = leases[this.draw(leases.length)];
    if (lease) post(world.state.mail, ...lease);
  }
}

/** What a limit and a deployment ask their holders again by. A rate's timer is no lease: it says that time has passed. */
export const LEASE = /^(lease:|asks@)/;

/** What may be said twice without being another thing. */
const REPEATABLE: ReadonlySet<string> = new Set([
  "mailbox.send",
  "tasks.enqueue",
  "timers.set",
  "index.putRun",
  "events.emit",
  "results.put",
  "aborts.mark",
  "timers.delete",
]);

function lateTimer(process: Process, { args }: PortCall, by: number): Promise<unknown> {
  const [actor, id, at, message] = args as Parameters<Timers["set"]>;
  return process.backend.ports.timers.set(actor, id, at + by, message);
}
