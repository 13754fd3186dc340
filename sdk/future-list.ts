/** The calls of one map, as a promise of all results, a list of futures, and a stream of items as they end. */
import type { ItemsEvent } from "../engine/book.ts";
import { decode, decodeError } from "../engine/codec.ts";
import { WindhoverError } from "../engine/errors.ts";
import { CallFuture } from "../engine/future.ts";
import type { Instance } from "../engine/instance.ts";
import { indicesOf } from "../engine/items.ts";
import type { LiveCall } from "../engine/live-call.ts";
import type { State } from "../engine/state.ts";
import type { Future, FutureList } from "./options.ts";

interface ItemState<R> {
  readonly index: number;
  readonly state: State<R>;
}

/** A promise that several may wait for, and how it is resolved. */
export class Notice<T> {
  tell!: (value: T) => void;
  readonly promise = new Promise<T>((resolve) => {
    this.tell = resolve;
  });
}

/** `of`: what has to come first. */
export const lengthUnknown = (id: string, got: string, of: string): WindhoverError =>
  new WindhoverError("WH1105", {
    message: `The number of items of "${id}" is not known yet.`,
    expected: "a map over arrays",
    got,
    action: `Await the ${of} first, or iterate with \`for await\`.`,
  });

export class ListFuture<R> extends CallFuture<R[]> implements FutureList<R> {
  readonly #instance: Instance;
  readonly #call: LiveCall;
  /** The number of items, where it is known before the map begins. */
  readonly known: number | undefined;
  /** Items that have ended, in the order in which they did. */
  readonly #ended: number[] = [];
  readonly #states = new Map<number, State<R>>();
  readonly #waiting = new Map<number, Notice<State<R>>>();
  /** The next item, or the end: for all who iterate. */
  #more = new Notice<void>();
  #watched: Promise<void> | undefined;
  /** What becomes of those that have not ended: it is known when the map is over. */
  #rest: State<R> | undefined;

  constructor(instance: Instance, call: LiveCall, length: number | undefined) {
    super(call, (resolve, reject) => {
      call.future.then(resolve as (value: unknown) => void, reject);
    });
    // Looking on from here is not the author's doing.
    call.observed = false;
    this.#instance = instance;
    this.#call = call;
    this.known = length;
  }
  /** @throws WH1105 while the number of items is not known: they are the result of a call that has not ended. */
  get length(): number {
    if (this.known !== undefined) return this.known;
    throw lengthUnknown(this.id, "a map over the result of a call", "call");
  }

  /** One future an item. */
  *[Symbol.iterator](): Iterator<Future<R>> {
    for (let index = 0; index < this.length; index++) yield this.#item(index);
  }
  #item(index: number): Future<R> {
    const final = this.#final(index);
    const look = (): void => {
      this.#call.observe();
      void this.#watch();
    };
    const handle = {
      id: `${this.id}/${index}`,
      map: this.#call,
      observe: look,
      state: (): Promise<State<never>> => {
        look();
        return final as Promise<State<never>>;
      },
    };
    return new CallFuture<R>(handle, (resolve, reject) => {
      void final.then((state) =>
        state.type === "COMPLETED"
          ? resolve(state.result)
          : reject("error" in state ? state.error : new WindhoverError("WH1402", { message: `"${handle.id}" was cancelled.` })),
      );
    });
  }

  /** How an item ends, for everybody who has a future of it. */
  #final(index: number): Promise<State<R>> {
    const ended = this.#states.get(index) ?? this.#rest;
    if (ended) return Promise.resolve(ended);
    const notice = this.#waiting.get(index) ?? new Notice<State<R>>();
    this.#waiting.set(index, notice);
    return notice.promise;
  }

  /** Items in the order in which they end. */
  async *[Symbol.asyncIterator](): AsyncIterator<ItemState<R>> {
    this.#call.observe();
    void this.#watch();
    for (let next = 0; ; ) {
      const index = this.#ended[next];
      if (index !== undefined) {
        next++;
        yield { index, state: this.#states.get(index) as State<R> };
      } else if (this.#rest) return;
      else await this.#more.promise;
    }
  }

  /** The final state of each item, in order; never throws. Items that never started are Cancelled. */
  async states(): Promise<State<R>[]> {
    this.#call.observe();
    const before = this.#watch();
    const whole = await this.#call.state();
    await before;
    const states: State<R>[] = [];
    for (const [index, state] of this.#states) states[index] = state;
    for (let index = 0; index < (this.known ?? states.length); index++) states[index] ??= neverStarted(whole);
    return states;
  }

  /** From now on items are read as they end; what ended before is read first, and the promise is that of its end: a list that is over may still have to be read. */
  #watch(): Promise<void> {
    if (this.#watched) return this.#watched;
    const before = [...this.#call.items];
    this.#call.onItems = (event) => this.#take(event);
    const read =
      before.length === 0
        ? Promise.resolve()
        : new Promise<void>((resolve) => {
            this.#instance.chore(async () => {
              for (const event of before) await this.#take(event);
              resolve();
            });
          });
    this.#watched = read;
    void Promise.all([this.#call.state(), read]).then(([whole]) => {
      this.#rest = neverStarted(whole);
      for (const [, notice] of this.#waiting) notice.tell(this.#rest);
      this.#more.tell();
    });
    return read;
  }
  async #take(event: ItemsEvent): Promise<void> {
    const read = this.#instance.read;
    const text = typeof event.value === "string" ? event.value : await read?.text(event.value);
    const values = decode(text ?? "[]") as R[];
    const timestamp = new Date(this.#instance.now);
    const failed = new Map((event.failed ?? []).map((item) => [item.index, item]));
    const again = new Set(event.again);
    for (const [i, index] of indicesOf(event.piece).entries()) {
      if (again.has(index)) continue;
      const failure = failed.get(index);
      const error = failure && decodeError(typeof failure.error === "string" ? failure.error : ((await read?.text(failure.error)) ?? "null"));
      // Whatever was thrown, `undefined` too, was thrown.
      const state: State<R> = failure
        ? { type: "FAILED", name: "Failed", timestamp, error: error as Error }
        : { type: "COMPLETED", name: "Completed", timestamp, result: values[i] as R };
      this.#ended.push(index);
      this.#states.set(index, state);
      this.#waiting.get(index)?.tell(state);
      this.#waiting.delete(index);
    }
    this.#more.tell();
    this.#more = new Notice();
  }
}

const neverStarted = ({ timestamp }: State): State<never> => ({ type: "CANCELLED", name: "NeverStarted", timestamp });
