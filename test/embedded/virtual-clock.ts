/** Time that passes only when it is told to. */
import type { Clock } from "../../engine/ports.ts";

interface Wait {
  readonly at: number;
  readonly end: () => void;
}

export class VirtualClock implements Clock {
  #now: number;
  readonly #waits = new Set<Wait>();

  constructor(now: number) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  wait(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const end = (): void => {
        this.#waits.delete(wait);
        signal?.removeEventListener("abort", end);
        resolve();
      };
      const wait: Wait = { at: this.#now + Math.max(0, ms), end };
      this.#waits.add(wait);
      signal?.addEventListener("abort", end);
    });
  }

  /** When the earliest wait ends. */
  next(): number | undefined {
    return this.#waits.size === 0 ? undefined : Math.min(...[...this.#waits].map((wait) => wait.at));
  }

  /** Ends the waits that are due one after the other, and lets what follows from each happen before the next. */
  async advance(ms: number): Promise<void> {
    const until = this.#now + ms;
    for (;;) {
      await turn();
      let next: Wait | undefined;
      for (const wait of this.#waits) if (wait.at <= until && (!next || wait.at < next.at)) next = wait;
      if (!next) break;
      this.#now = Math.max(this.#now, next.at);
      next.end();
    }
    this.#now = until;
    await turn();
  }
}

/** Twice around the event loop: what was noted is written, and what follows from it has begun. */
async function turn(): Promise<void> {
  for (let i = 0; i < 2; i++) await new Promise((resolve) => setImmediate(resolve));
}
