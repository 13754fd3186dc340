/** Runs that this process keeps in memory between their turns. One may stand in for replay only when its entry's number and nonce are the log's (rule 4). */
import { LIMITS } from "./limits.ts";
import type { Living } from "./run.ts";

export class Warm {
  readonly #living = new Map<string, Living>();
  readonly #most: number;
  constructor(most: number = LIMITS.warmRuns) {
    this.#most = most;
  }
  get(actor: string): Living | undefined {
    return this.#living.get(actor);
  }
  keep(actor: string, living: Living): void {
    this.#living.delete(actor);
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
