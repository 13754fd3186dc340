/** Runs that this process keeps in memory between their turns. One may stand in for replay only when its entry's number and nonce are the log's (rule 4). */
import { LIMITS } from "./limits.ts";
import type { Living } from "./run-draft.ts";

export class Warm {
  readonly #living = new Map<string, Living>();
  readonly #most: number;
  constructor(most: number = LIMITS.warmRuns) {
    this.#most = most;
  }
  has(actor: string): boolean {
    return this.#living.has(actor);
  }
  /** For one turn: it is that turn's alone until it is kept again. */
  take(actor: string, tail: { readonly n: number; readonly nonce: string }): Living | null {
    const kept = this.#living.get(actor);
    if (kept?.n === tail.n && kept.nonce === tail.nonce) {
      this.#living.delete(actor);
      return kept;
    }
    // An older one is of no more use. A newer one belongs to whoever appended after this turn had read the tail.
    if (kept && kept.n <= tail.n) this.delete(actor);
    return null;
  }
  /** Between two entries of one turn. With no room at all nothing is ever remembered: each entry begins with a replay, which is how tests see that replays agree. */
  hold(living: Living): Living | null {
    if (this.#most > 0) return living;
    living.instance?.drop();
    return null;
  }
  keep(actor: string, living: Living): void {
    this.delete(actor);
    this.#living.set(actor, living);
    if (this.#living.size <= this.#most) return;
    const [oldest] = this.#living.keys();
    if (oldest !== undefined) this.delete(oldest);
  }
  delete(actor: string): void {
    this.#living.get(actor)?.instance?.drop();
    this.#living.delete(actor);
  }
  clear(): void {
    for (const actor of [...this.#living.keys()]) this.delete(actor);
  }
  get size(): number {
    return this.#living.size;
  }
}
