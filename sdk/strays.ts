/**
 * Rejections that nobody handles, of promises that a flow's code made. In an ordinary program one of these ends the process. Here that would end whatever else the process has in hand, at each replay again, and
 * also where the flow would have awaited it a moment later: `const rest = helper(); await step(); await rest`, and the helper fails first, or a cancel makes it fail. So they are kept with
 * their run, which fails at its end if nobody came for them (WH1406). All others are left to whoever listened before, and where nobody does, to Node's default.
 */
import type { Instance } from "../engine/instance.ts";
import { currentScope } from "../engine/scope.ts";

const mark = Symbol.for("windhover.strays");

/** Once in a process, however many copies of this file there are. */
export function keepStrays(): void {
  const holder = globalThis as unknown as Record<symbol, boolean | undefined>;
  if (holder[mark]) return;
  holder[mark] = true;
  const kept = new WeakMap<Promise<unknown>, Instance>();
  const others = process.listeners("unhandledRejection");
  process.removeAllListeners("unhandledRejection");
  process.on("unhandledRejection", (reason, promise) => {
    // Node calls this in the scope of the code that made the promise.
    const scope = currentScope();
    if (scope?.kind === "flow") {
      kept.set(promise, scope.instance);
      scope.instance.strayed(promise, reason);
    } else if (others.length > 0) for (const other of others) other(reason, promise);
    // With nobody else to decide, it is an uncaught exception, as without us.
    else if (process.listenerCount("unhandledRejection") === 1)
      throw reason instanceof Error ? reason : new Error(`A promise was rejected with ${String(reason)}.`);
  });
  process.on("rejectionHandled", (promise) => kept.get(promise)?.fetched(promise));
}
