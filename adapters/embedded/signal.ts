/** Wakes whoever waits for work, so that a pump need not ask again and again. */
export interface Signal {
  /** Resolves when the signal is raised, at once if that happened since the last wait ended. Several who wait are all told. */
  wait(): Promise<void>;
  raise(): void;
  /** Calls the listener after each time that there may be something; returns how to stop. */
  subscribe(listener: () => void): () => void;
}

/** A raise that nobody waits for is kept, so that what happens between a look and a wait is not missed. */
export class Bell implements Signal {
  readonly #listeners = new Set<() => void>();
  #waiting: (() => void)[] = [];
  #raised = false;
  #telling = false;

  wait(): Promise<void> {
    if (!this.#raised) return new Promise((resolve) => this.#waiting.push(resolve));
    this.#raised = false;
    return Promise.resolve();
  }

  subscribe(listener: () => void): () => void {
    // Wrapped, so that one function subscribed twice is two subscriptions.
    const own = (): void => listener();
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  }

  /** Whoever listens is told a microtask later, never in the middle of a transaction. */
  raise(): void {
    if (this.#telling) return;
    this.#telling = true;
    queueMicrotask(() => {
      this.#telling = false;
      const told = this.#waiting;
      this.#waiting = [];
      this.#raised = told.length === 0;
      for (const tell of told) tell();
      for (const listener of [...this.#listeners]) listener();
    });
  }
}
