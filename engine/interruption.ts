/** How an attempt is told to stop. The signal that authors see is made only for those who ask for it: most tasks never do. */
export class Interruption {
  reason: unknown;
  interrupted = false;
  readonly #told: (() => void)[] = [];
  #controller: AbortController | undefined;

  interrupt(reason: unknown): void {
    if (this.interrupted) return;
    this.interrupted = true;
    this.reason = reason;
    this.#controller?.abort(reason);
    for (const tell of this.#told) tell();
  }
  /** At once, if it has happened already. */
  onInterrupt(tell: () => void): void {
    if (this.interrupted) tell();
    else this.#told.push(tell);
  }
  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController();
      if (this.interrupted) this.#controller.abort(this.reason);
    }
    return this.#controller.signal;
  }
}
