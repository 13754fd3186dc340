/** A task that is called where no flow is: it runs at once, as the function that it is. Nothing is recorded, and it says so once. */
import type { TaskDefinition } from "../engine/definition.ts";
import { CallFuture, type CallHandle } from "../engine/future.ts";
import type { TaskScope } from "../engine/scope.ts";
import type { State } from "../engine/state.ts";

let said = false;

export function saySo({ name }: TaskDefinition, scope: TaskScope | undefined): void {
  if (scope || said) return;
  said = true;
  process.emitWarning(
    `The task "${name}" was called outside a flow: it runs directly and is not recorded. Call it in a flow's body to have it recorded and retried.`,
    { type: "WindhoverWarning", code: "WH1007" },
  );
}

export function directCall(definition: TaskDefinition, args: readonly unknown[], scope: TaskScope | undefined): CallFuture<unknown> {
  saySo(definition, scope);
  return directFuture(definition.name, async () => definition.fn(...((await Promise.all(args)) as never[])));
}

/** A future of something that runs in this process and is in no log. */
export function directFuture<R>(id: string, work: () => Promise<R>): CallFuture<R> {
  const promise = work();
  return new CallFuture<R>(directHandle(id, promise), (resolve, reject) => promise.then(resolve, reject));
}

export function directHandle<R>(id: string, promise: Promise<R>): CallHandle {
  const state = promise.then(completed, failed);
  let looked = false;
  // Outside a flow nobody else would report a failure that is never awaited.
  promise.catch((error) =>
    setImmediate(() => {
      if (!looked) void Promise.reject(error);
    }),
  );
  return {
    id,
    observe: () => {
      looked = true;
    },
    state: () => state as Promise<State<never>>,
  };
}

export const completed = <R>(result: R): State<R> => ({ type: "COMPLETED", name: "Completed", timestamp: new Date(), result });
export const failed = (error: unknown): State<never> => ({ type: "FAILED", name: "Failed", timestamp: new Date(), error: error as Error });
