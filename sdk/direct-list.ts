/** A map where no flow is: its items run at once, as the function that the task is, and can be looked at like those of a map in a flow. */
import type { TaskDefinition } from "../engine/definition.ts";
import { WindhoverError } from "../engine/errors.ts";
import { CallFuture, type CallHandle } from "../engine/future.ts";
import type { TaskScope } from "../engine/scope.ts";
import type { State } from "../engine/state.ts";
import { messageOf } from "../engine/thrown.ts";
import { completed, directHandle, failed, saySo } from "./direct.ts";
import { lengthUnknown, Notice } from "./future-list.ts";
import type { CallOptions, Future, FutureList } from "./options.ts";
import { isUnmapped } from "./unmapped.ts";

export function directMap(definition: TaskDefinition, args: readonly unknown[], scope: TaskScope | undefined, call: CallOptions): DirectList<unknown> {
  saySo(definition, scope);
  const items = new Items<unknown>(args.find(Array.isArray)?.length);
  return new DirectList(definition.name, items, runItems(definition, args, call, items));
}

/** What has become of the items. */
class Items<R> {
  /** How many there are: not known before the lists are. */
  total: number | undefined;
  readonly ended: number[] = [];
  readonly states: State<R>[] = [];
  over = false;
  /** The next item, or the end. */
  more = new Notice<void>();
  readonly #waiting = new Map<number, Notice<State<R>>>();

  constructor(total: number | undefined) {
    this.total = total;
  }
  end(index: number, state: State<R>): void {
    this.states[index] = state;
    this.ended.push(index);
    this.#waiting.get(index)?.tell(state);
    this.#tell();
  }
  finish(): void {
    this.over = true;
    for (let index = 0; index < (this.total ?? 0); index++) this.states[index] ??= { type: "CANCELLED", name: "NeverStarted", timestamp: new Date() };
    for (const [index, notice] of this.#waiting) notice.tell(this.states[index] as State<R>);
    this.#tell();
  }
  #tell(): void {
    this.more.tell();
    this.more = new Notice();
  }
  final(index: number): Promise<State<R>> {
    const state = this.states[index];
    if (state) return Promise.resolve(state);
    const notice = this.#waiting.get(index) ?? new Notice<State<R>>();
    this.#waiting.set(index, notice);
    return notice.promise;
  }
}

async function runItems(definition: TaskDefinition, args: readonly unknown[], call: CallOptions, items: Items<unknown>): Promise<unknown[]> {
  try {
    const columns = await Promise.all(args.map((arg) => (isUnmapped(arg) ? arg : (arg as Promise<unknown>))));
    const total = lengthOf(definition, columns);
    items.total = total;
    const failures: number[] = [];
    const { mapConcurrency = total, toleratedFailures } = call;
    let next = 0;
    const runSome = async (): Promise<void> => {
      while (next < total && !(toleratedFailures !== undefined && failures.length > toleratedFailures)) {
        const index = next++;
        const row = columns.map((column) => (isUnmapped(column) ? column.value : (column as readonly unknown[])[index]));
        try {
          items.end(index, completed(await definition.fn(...((await Promise.all(row)) as never[]))));
        } catch (error) {
          failures.push(index);
          items.end(index, failed(error));
        }
      }
    };
    await Promise.all(Array.from({ length: Math.min(total, mapConcurrency) }, runSome));
    if (failures.length > (toleratedFailures ?? 0)) throw failure(definition.name, items, failures, toleratedFailures);
    return items.states.flatMap((state) => (state.type === "COMPLETED" ? [state.result] : []));
  } finally {
    items.finish();
  }
}

function lengthOf({ name }: TaskDefinition, columns: readonly unknown[]): number {
  const lists = columns.filter((column) => !isUnmapped(column)) as (readonly unknown[])[];
  const [first] = lists;
  if (!first || lists.some((list) => !Array.isArray(list) || list.length !== first.length))
    throw new WindhoverError("WH1105", {
      message: `"${name}" is mapped over lists that do not fit.`,
      expected: "arrays of one length, or unmapped(…)",
      got: lists.map((list) => (Array.isArray(list) ? `${list.length} items` : typeof list)).join(", "),
    });
  return first.length;
}

function failure(name: string, { total, states }: Items<unknown>, failures: readonly number[], tolerated = 0): WindhoverError {
  const first = Math.min(...failures);
  const state = states[first];
  const cause = state && "error" in state ? (state.error as unknown) : undefined;
  return new WindhoverError("WH1405", {
    message: `${failures.length} of ${total} items of "${name}" failed; the first is item ${first}: ${messageOf(cause)}`,
    expected: `at most ${tolerated} failures`,
    got: String(failures.length),
    cause,
  });
}

class DirectList<R> extends CallFuture<R[]> implements FutureList<R> {
  readonly #items: Items<R>;
  readonly #handle: CallHandle;

  constructor(id: string, items: Items<R>, results: Promise<R[]>) {
    const handle = directHandle(id, results);
    super(handle, (resolve, reject) => results.then(resolve, reject));
    this.#handle = handle;
    this.#items = items;
  }
  get length(): number {
    const { total } = this.#items;
    if (total !== undefined) return total;
    throw lengthUnknown(this.id, "a map over a promise", "promise");
  }
  *[Symbol.iterator](): Iterator<Future<R>> {
    for (let index = 0; index < this.length; index++) yield this.#item(index);
  }
  #item(index: number): Future<R> {
    const final = this.#items.final(index);
    const id = `${this.id}/${index}`;
    const { observe } = this.#handle;
    const handle: CallHandle = {
      id,
      observe,
      state: () => {
        observe();
        return final as Promise<State<never>>;
      },
    };
    return new CallFuture<R>(handle, (resolve, reject) => {
      void final.then((state) =>
        state.type === "COMPLETED"
          ? resolve(state.result)
          : reject("error" in state ? state.error : new WindhoverError("WH1402", { message: `"${id}" was cancelled.` })),
      );
    });
  }
  async *[Symbol.asyncIterator](): AsyncIterator<{ readonly index: number; readonly state: State<R> }> {
    this.#handle.observe();
    const items = this.#items;
    for (let next = 0; ; ) {
      const index = items.ended[next];
      if (index !== undefined) {
        next++;
        yield { index, state: items.states[index] as State<R> };
      } else if (items.over) return;
      else await items.more.promise;
    }
  }
  async states(): Promise<State<R>[]> {
    this.#handle.observe();
    await this.#handle.state();
    return [...this.#items.states];
  }
}
