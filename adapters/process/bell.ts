/** Wakes a pump: rung by hand, or by a backend's signal. A ring that comes while the pump is at work is kept, so that it looks once more before it waits. */
export class Bell {
  #rung = false;
  #wake: (() => void) | undefined;

  ring(): void {
    this.#rung = true;
    this.#wake?.();
  }
  /** Rings whenever the signal is raised. One wait after the other, none of which is ever given up: a wait that nobody looks at any more would swallow a signal. */
  async follow(signal: { wait(): Promise<void> }): Promise<never> {
    for (;;) {
      await signal.wait();
      this.ring();
    }
  }
  /** Resolves at the next ring, or at once if there was one since the last wait ended. */
  async wait(): Promise<void> {
    if (!this.#rung)
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    this.#rung = false;
    this.#wake = undefined;
  }
}
