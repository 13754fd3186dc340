/**
 * The runs table is derived, and may be slightly behind. Where each write costs money, the row that says "running" is held back while the turn goes on, for a short time: a
 * run that ends within its first turn writes one row instead of two.
 */
import type { RunRow } from "./events.ts";
import { LIMITS } from "./limits.ts";
import type { Clock, Index } from "./ports.ts";

export class LateRow {
  readonly #index: Index;
  readonly #clock: Clock;
  #held: RunRow | undefined;
  #soon: AbortController | undefined;
  #written: Promise<unknown> = Promise.resolve();

  constructor({ index, clock }: { readonly index: Index; readonly clock: Clock }) {
    this.#index = index;
    this.#clock = clock;
  }

  /** Takes the place of a row that is held. It is written by {@link write}, or after LIMITS.lateRowMs. */
  hold(row: RunRow): void {
    this.#held = row;
    if (this.#soon) return;
    const soon = new AbortController();
    this.#soon = soon;
    void this.#clock.wait(LIMITS.lateRowMs, soon.signal).then(() => {
      if (soon.signal.aborted) return;
      this.#soon = undefined;
      this.#flush();
      // Whoever ends the turn is told of a failure; until then nobody looks.
      this.#written.catch(() => {});
    });
  }
  /** A newer row was written: what is held is out of date. */
  forget(): void {
    this.#held = undefined;
    this.#soon?.abort();
    this.#soon = undefined;
  }
  /** Writes what is held. @throws what the index throws, also of an earlier write. */
  async write(): Promise<void> {
    this.#flush();
    await this.#written;
  }

  #flush(): void {
    const row = this.#held;
    this.forget();
    if (row) this.#written = Promise.all([this.#written, this.#index.putRun(row)]);
  }
}
