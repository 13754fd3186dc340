/** A clock that stands still while functions work, and goes on between their invocations: what a function does at a certain time it does in the same round every time. */
import type { Clock } from "../engine/ports.ts";

const ROUND_MS = 1000;

interface Wait {
  readonly until: number;
  readonly resolve: () => void;
}

export class RoundClock implements Clock {
  #now = Date.now();
  readonly #waits = new Set<Wait>();

  now(): number {
    return this.#now;
  }

  wait(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.resolve();
    if (ms <= 0) return new Promise((resolve) => setImmediate(resolve));
    return new Promise((resolve) => {
      const wait = { until: this.#now + ms, resolve };
      this.#waits.add(wait);
      signal?.addEventListener("abort", () => {
        this.#waits.delete(wait);
        resolve();
      });
    });
  }

  next(ms = ROUND_MS): void {
    this.#now += ms;
    for (const wait of this.#waits) {
      if (wait.until > this.#now) continue;
      this.#waits.delete(wait);
      wait.resolve();
    }
  }
}
