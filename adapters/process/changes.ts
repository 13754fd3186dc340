/** Tells those who wait for a run that it ended here. What ends in other processes is not seen: who waits looks again now and then. */
import type { Entry } from "../../engine/events.ts";
import type { RunState } from "../../engine/run-state.ts";

/** Ended runs whose outcome is remembered, so that whoever started them need not read the log. */
const REMEMBERED = 2000;

export class Changes {
  readonly #waiting = new Map<string, Set<(ended: boolean) => void>>();
  readonly #ended = new Map<string, RunState>();

  note(entry: Entry): void {
    if (entry.events.at(-1)?.type !== "ended" || entry.state.kind !== "run") return;
    this.#ended.set(entry.actor, entry.state);
    const [oldest] = this.#ended.keys();
    if (this.#ended.size > REMEMBERED && oldest !== undefined) this.#ended.delete(oldest);
    const waiting = this.#waiting.get(entry.actor);
    this.#waiting.delete(entry.actor);
    for (const done of waiting ?? []) done(true);
  }
  /** How the run ended, if it did so here and not long ago. */
  ended(actor: string): RunState | undefined {
    return this.#ended.get(actor);
  }
  /** Resolves with true when the run ends here, with false when `giveUp` resolves before. */
  next(actor: string, giveUp: Promise<unknown>): Promise<boolean> {
    return new Promise((resolve) => {
      const waiting = this.#waiting.get(actor) ?? new Set();
      this.#waiting.set(actor, waiting);
      const done = (ended: boolean): void => {
        waiting.delete(done);
        if (waiting.size === 0 && this.#waiting.get(actor) === waiting) this.#waiting.delete(actor);
        resolve(ended);
      };
      waiting.add(done);
      const never = (): void => done(false);
      void giveUp.then(never, never);
    });
  }
}
