/** The life of one process over a state that outlives it: whatever it still tries after its end is refused, and changes nothing. */
import { WindhoverError } from "../../engine/errors.ts";

export class Life {
  /** Tells processes apart: what one has in hand is given back when it ends. */
  readonly holder: number;
  #open = true;
  readonly #endings = new Set<() => void>();

  constructor(holder: number) {
    this.holder = holder;
  }

  get open(): boolean {
    return this.#open;
  }

  /** Acts when the process ends. Returns how to call it off. */
  onEnd(act: () => void): () => void {
    this.#endings.add(act);
    return () => {
      this.#endings.delete(act);
    };
  }

  end(): void {
    this.#open = false;
    for (const act of this.#endings) act();
    this.#endings.clear();
  }

  /** The same port, whose methods (all of them asynchronous) reject with WH3008 after the end. */
  guard<T extends object>(port: T): T {
    const guarded: Record<string, unknown> = {};
    for (const [name, method] of Object.entries(port) as [string, (...args: readonly unknown[]) => Promise<unknown>][]) {
      guarded[name] = (...args: readonly unknown[]) => (this.#open ? method(...args) : this.#refuse(name));
    }
    return guarded as T;
  }

  async #refuse(name: string): Promise<never> {
    throw new WindhoverError("WH3008", { message: `\`${name}\` was called after the backend was closed.` });
  }
}
