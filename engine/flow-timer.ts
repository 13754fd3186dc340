/** What `setTimeout` and `setImmediate` give in a flow's body. Node's own functions know nothing of it, so it knows by itself whether it still is to fire. */
export class FlowTimer {
  readonly #begin: (fire: () => void) => void;
  readonly #callback: () => void;
  /** False in runs that began before handles knew of more than `clearTimeout` in the flow's body: what their code did has to come out the same. */
  readonly #heeds: boolean;
  #times = 0;
  #cleared = false;

  /** `begin` calls back when the time is over. */
  constructor(begin: (fire: () => void) => void, callback: () => void, heeds: boolean) {
    this.#begin = begin;
    this.#callback = callback;
    this.#heeds = heeds;
    this.#set();
  }
  #set(): void {
    const time = ++this.#times;
    this.#begin(() => {
      if (!this.#cleared && time === this.#times) this.#callback();
    });
  }

  /** `always`: in every run, however old. */
  clear(always = false): void {
    if (always || this.#heeds) this.#cleared = true;
  }
  close(): this {
    this.clear();
    return this;
  }
  [Symbol.dispose](): void {
    this.clear();
  }
  /** Begins anew, from now. */
  refresh(): this {
    if (this.#heeds && !this.#cleared) this.#set();
    return this;
  }
  ref(): this {
    return this;
  }
  unref(): this {
    return this;
  }
  hasRef(): boolean {
    return true;
  }
  [Symbol.toPrimitive](): number {
    return 0;
  }
}
