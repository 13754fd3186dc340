/**
 * What a called task or flow returns: a real promise that knows its call. Awaiting it is seen (native `await` and `Promise.all` go through `then` of a subclass), which is
 * how the log can say what the flow waits for, and which failures nobody looked at.
 */
import type { State } from "./state.ts";

/** What a future needs of the call behind it. */
export interface CallHandle {
  readonly id: string;
  /** The map's, where it is one of a map's items. */
  readonly map?: CallHandle;
  observe(): void;
  state(): Promise<State<never>>;
}

/** Known by a symbol, because a bundle may bring a second copy of this class. */
const mark = Symbol.for("windhover.future");
export const isFuture = (value: unknown): value is CallFuture<unknown> => typeof value === "object" && value !== null && mark in value;

/** The call that it is a future of; for a map's item that is the map. */
export const ownerOf = ({ [mark]: handle }: CallFuture<unknown>): CallHandle => handle.map ?? handle;

export class CallFuture<R> extends Promise<R> {
  /** `.then` of a future is an ordinary promise. */
  static override get [Symbol.species](): PromiseConstructor {
    return Promise;
  }
  readonly #handle: CallHandle;
  constructor(handle: CallHandle, executor: (resolve: (value: R) => void, reject: (error: unknown) => void) => void) {
    super(executor);
    this.#handle = handle;
    // A failure that nobody awaits is the run's business (WH1406), not the process's: without a handler Node would end the process.
    super.then(undefined, () => {});
  }
  get [mark](): CallHandle {
    return this.#handle;
  }
  get id(): string {
    return this.#handle.id;
  }
  /** The final state, when there is one; never throws. */
  state(): Promise<State<R>> {
    return this.#handle.state() as Promise<State<R>>;
  }
  // biome-ignore lint/suspicious/noThenProperty: it is a promise; seeing who awaits it is what it is for.
  override then<A = R, B = never>(
    onfulfilled?: ((value: R) => A | PromiseLike<A>) | null,
    onrejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    this.#handle.observe();
    return super.then(onfulfilled, onrejected);
  }
}
