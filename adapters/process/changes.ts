/** Tells those who wait for a run that its log grew here. What other processes append is not seen: who waits looks again now and then. */
export class Changes {
  readonly #waiting = new Map<string, (() => void)[]>();

  /** Resolves at the next entry of the actor, or when `give up` does. */
  next(actor: string, giveUp: Promise<unknown>): Promise<void> {
    return new Promise((resolve) => {
      const list = this.#waiting.get(actor) ?? [];
      this.#waiting.set(actor, list);
      const done = (): void => {
        const at = list.indexOf(done);
        if (at >= 0) list.splice(at, 1);
        if (list.length === 0 && this.#waiting.get(actor) === list) this.#waiting.delete(actor);
        resolve();
      };
      list.push(done);
      void giveUp.then(done, done);
    });
  }
  tell(actor: string): void {
    const list = this.#waiting.get(actor);
    if (!list) return;
    this.#waiting.delete(actor);
    for (const done of list.splice(0)) done();
  }
}
