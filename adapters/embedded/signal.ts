/** Wakes whoever waits for work, so that a pump need not ask again and again. */
export interface Signal {
  /** Calls the listener after each time that there may be something; returns how to stop. */
  subscribe(listener: () => void): () => void;
  /** Resolves the next time. */
  next(): Promise<void>;
}

export class Bell implements Signal {
  readonly #listeners = new Set<() => void>();
  #rung = false;

  subscribe(listener: () => void): () => void {
    // Wrapped, so that one function subscribed twice is two subscriptions.
    const own = (): void => listener();
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  }

  next(): Promise<void> {
    return new Promise((resolve) => {
      const stop = this.subscribe(() => {
        stop();
        resolve();
      });
    });
  }

  /** Listeners are called a microtask later, never in the middle of a transaction. */
  ring(): void {
    if (this.#rung) return;
    this.#rung = true;
    queueMicrotask(() => {
      this.#rung = false;
      for (const listener of [...this.#listeners]) listener();
    });
  }
}
