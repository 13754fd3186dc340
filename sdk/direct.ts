/** A task that is called where no flow is: it runs at once, as the function that it is. Nothing is recorded, and it says so once. */
import type { TaskDefinition } from "../engine/definition.ts";
import { WindhoverError } from "../engine/errors.ts";
import { CallFuture } from "../engine/future.ts";
import type { TaskScope } from "../engine/scope.ts";
import type { State } from "../engine/state.ts";
import { isUnmapped } from "./unmapped.ts";

let said = false;

export function directCall(definition: TaskDefinition, args: readonly unknown[], scope: TaskScope | undefined): CallFuture<unknown> {
  if (!scope && !said) {
    said = true;
    process.emitWarning(
      `The task "${definition.name}" was called outside a flow: it runs directly and is not recorded. Call it in a flow's body to have it recorded and retried.`,
      { type: "WindhoverWarning", code: "WH1007" },
    );
  }
  return directFuture(definition.name, async () => definition.fn(...((await Promise.all(args)) as never[])));
}

export function directMap(definition: TaskDefinition, args: readonly unknown[], scope: TaskScope | undefined): CallFuture<unknown> {
  return directFuture(definition.name, async () => {
    const columns = await Promise.all(args.map((arg) => (isUnmapped(arg) ? arg : (arg as Promise<unknown>))));
    const lists = columns.filter((column) => !isUnmapped(column)) as (readonly unknown[])[];
    const [first] = lists;
    if (!first || lists.some((list) => !Array.isArray(list) || list.length !== first.length))
      throw new WindhoverError("WH1105", {
        message: `"${definition.name}" is mapped over lists that do not fit.`,
        expected: "arrays of one length, or unmapped(…)",
        got: lists.map((list) => (Array.isArray(list) ? `${list.length} items` : typeof list)).join(", "),
      });
    return Promise.all(
      first.map((_, i) =>
        directCall(
          definition,
          columns.map((column) => (isUnmapped(column) ? column.value : (column as readonly unknown[])[i])),
          scope,
        ),
      ),
    );
  });
}

/** A future of something that runs in this process and is in no log. */
export function directFuture<R>(id: string, work: () => Promise<R>): CallFuture<R> {
  const promise = work();
  const state = promise.then(
    (result): State<R> => ({ type: "COMPLETED", name: "Completed", timestamp: new Date(), result }),
    (error): State<R> => ({ type: "FAILED", name: "Failed", timestamp: new Date(), error }),
  );
  let looked = false;
  const future = new CallFuture<R>(
    {
      id,
      observe: () => {
        looked = true;
      },
      state: () => state as Promise<State<never>>,
    },
    (resolve, reject) => promise.then(resolve, reject),
  );
  // Outside a flow nobody else would report a failure that is never awaited.
  promise.catch((error) =>
    setImmediate(() => {
      if (!looked) void Promise.reject(error);
    }),
  );
  return future;
}
