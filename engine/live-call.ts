/** One call, as the flow's code has it in hand: its future, and what became of it. */
import type { ItemsEvent } from "./book.ts";
import type { CallKind } from "./events.ts";
import { CallFuture, type CallHandle } from "./future.ts";
import type { State } from "./state.ts";

export type Outcome = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly error: unknown };

/** One call of one life of the flow. */
export class LiveCall implements CallHandle {
  readonly id: string;
  readonly kind: CallKind;
  readonly name: string;
  readonly future: CallFuture<unknown>;
  /** Somebody looks at its outcome: it was awaited, or is an input of another call. */
  observed = false;
  outcome: Outcome | undefined;
  state_: State | undefined;
  /** Map only: what ended so far, in the log's order, and who is told. */
  readonly items: ItemsEvent[] = [];
  onSettled: ((outcome: Outcome) => void) | undefined;
  onItems: ((event: ItemsEvent) => Promise<void>) | undefined;
  #resolve!: (value: unknown) => void;
  #reject!: (error: unknown) => void;
  #final: { promise: Promise<State>; resolve: (state: State) => void } | undefined;

  constructor(id: string, kind: CallKind, name: string) {
    this.id = id;
    this.kind = kind;
    this.name = name;
    this.future = new CallFuture<unknown>(this, (resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }
  observe(): void {
    this.observed = true;
  }
  state(): Promise<State<never>> {
    this.observed = true;
    if (this.state_) return Promise.resolve(this.state_ as State<never>);
    if (!this.#final) {
      let resolve: (state: State) => void = () => {};
      const promise = new Promise<State>((r) => {
        resolve = r;
      });
      this.#final = { promise, resolve };
    }
    return this.#final.promise as Promise<State<never>>;
  }
  settle(outcome: Outcome, state: State): void {
    this.outcome = outcome;
    this.onSettled?.(outcome);
    this.state_ = state;
    if (outcome.ok) this.#resolve(outcome.value);
    else this.#reject(outcome.error);
    this.#final?.resolve(state);
  }
}
