/** How a pump hears that there is something to do, without asking again and again. */
export interface Signal {
  /** Resolves when the signal is raised, at once if that happened since the last wait ended. Several who wait are all told. */
  wait(): Promise<void>;
  raise(): void;
}

export interface Signals {
  /** An actor that nobody has in hand has mail. */
  readonly mail: Signal;
  /** A pool has a task message that nobody has in hand. */
  readonly tasks: Signal;
}

/** A raise that nobody waits for is kept, so that what happens between a look and a wait is not missed. */
export function createSignal(): Signal {
  let raised = false;
  let waiting: (() => void)[] = [];
  return {
    wait() {
      if (!raised) return new Promise((resolve) => waiting.push(resolve));
      raised = false;
      return Promise.resolve();
    },
    raise() {
      raised = waiting.length === 0;
      const told = waiting;
      waiting = [];
      for (const tell of told) tell();
    },
  };
}

/** One signal a process, so that one process cannot hear in another's place. */
export class Listeners {
  readonly #signals = new Set<Signal>();

  add(signal: Signal): () => void {
    this.#signals.add(signal);
    return () => {
      this.#signals.delete(signal);
    };
  }

  raise(): void {
    for (const signal of this.#signals) signal.raise();
  }
}
