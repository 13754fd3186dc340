/** Virtual time: it stands still until somebody advances it, and then whatever is due happens in the order of its time. */
import type { Clock } from "../../engine/ports.ts";
import { Alarms } from "./alarms.ts";
import type { Life } from "./life.ts";

/** Lets everything that can go on without time go on. */
export type Settle = () => Promise<void>;

// Taken at load: a flow's body has deterministic timers of its own, and time must not pass through them.
const immediate = setImmediate;

/** One turn of the event loop: all promises that can settle have settled. */
export const oneTurn: Settle = () => new Promise((resolve) => immediate(resolve));

/** The world's time, shared by all processes over one state. */
export class VirtualClock {
  #now: number;
  #goal: number;
  readonly #alarms = new Alarms();

  constructor(now: number) {
    this.#now = now;
    this.#goal = now;
  }

  /** Unit: milliseconds since 1970. */
  now(): number {
    return this.#now;
  }

  /** Acts when time reaches `at`; what is due already waits for the next `advance`. Returns how to call it off. */
  alarm(at: number, act: () => void): () => void {
    return this.#alarms.set(at, act);
  }

  /** When the next thing happens, or null if nothing ever will: a world that is idle can jump there. */
  next(): number | null {
    return this.#alarms.next();
  }

  /**
   * Lets `ms` pass. Alarms go off one by one in the order of their times, and everything settles in between, so what one of them causes comes before the next.
   * Two that overlap add up. `settle` is one turn of the event loop unless a world knows better when it is idle.
   */
  async advance(ms: number, settle: Settle = oneTurn): Promise<void> {
    this.#goal = Math.max(this.#goal, this.#now) + Math.max(0, ms);
    const goal = this.#goal;
    await settle();
    for (let at = this.#alarms.next(); at !== null && at <= goal; at = this.#alarms.next()) {
      this.#now = Math.max(this.#now, at);
      this.#alarms.ring();
      await settle();
    }
    this.#now = Math.max(this.#now, goal);
  }
}

/** The clock of one process: its waits die with it, and never end. */
export function memoryClock(world: VirtualClock, life: Life): Clock {
  return {
    now: () => world.now(),
    wait(ms, signal) {
      if (ms <= 0 || signal?.aborted) return Promise.resolve();
      return new Promise((resolve) => {
        const end = (): void => {
          callOff();
          forget();
          signal?.removeEventListener("abort", end);
          resolve();
        };
        const callOff = world.alarm(world.now() + ms, end);
        const forget = life.onEnd(callOff);
        signal?.addEventListener("abort", end);
      });
    },
  };
}
