/** How much is left of the present invocation. One container has one invocation at a time. */
import type { Clock } from "../engine/ports.ts";

/** Kept back from tasks for their reports, and from all work for giving back what is in hand. Unit: milliseconds. */
const MARGINS = { tasks: 3000, work: 1000 };

export class TimeLeft {
  readonly #clock: Pick<Clock, "now" | "wait">;
  #endsAt = Number.POSITIVE_INFINITY;

  constructor(clock: Pick<Clock, "now" | "wait">) {
    this.#clock = clock;
  }

  /** `remainingMs` is what Lambda's context says. */
  begin(remainingMs: number): void {
    this.#endsAt = this.#clock.now() + remainingMs;
  }
  /** What a task that begins now may take. */
  get ms(): number {
    return this.#left(MARGINS.tasks);
  }
  #left(margin: number): number {
    return Math.max(0, this.#endsAt - margin - this.#clock.now());
  }
  /** Rejects with {@link TimeIsOver} when `work` is not done by then. What it goes on to do counts as done by a process that died. */
  async bound<T>(work: Promise<T>): Promise<T> {
    const ms = this.#left(MARGINS.work);
    if (ms === Number.POSITIVE_INFINITY) return work;
    work.catch(() => {});
    const timer = new AbortController();
    const over = this.#clock.wait(ms, timer.signal).then(() => {
      if (timer.signal.aborted) return new Promise<never>(() => {});
      throw new TimeIsOver("the invocation's time is over");
    });
    return Promise.race([work, over]).finally(() => timer.abort());
  }
}

export class TimeIsOver extends Error {}
