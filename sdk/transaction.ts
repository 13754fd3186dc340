/** `transaction`: when it fails, what completed inside is taken back, last first (a saga). Rollbacks are calls like any other: recorded and retried. */
import { encode } from "../engine/codec.ts";
import type { TaskDefinition } from "../engine/definition.ts";
import { Cancelled, WindhoverError } from "../engine/errors.ts";
import type { LiveCall } from "../engine/instance.ts";
import { currentScope, type FlowScope, shared } from "../engine/scope.ts";

const RETRIES = 3;

/**
 * Runs `fn`; if it throws, the `onRollback` of each task that completed inside runs, in reverse order of completion, and then the error goes on. A cancel rolls back too.
 * @throws WindhoverError WH1007 outside a flow.
 * @example await transaction(async () => { await reserve(order); await charge(order); });
 */
export async function transaction<R>(fn: () => Promise<R>): Promise<R> {
  const scope = currentScope();
  if (scope?.kind !== "flow") throw new WindhoverError("WH1007", { message: "transaction() was called outside a flow.", expected: "a flow's body" });
  const done: NonNullable<FlowScope["transaction"]> = { done: [], open: [] };
  try {
    const result = await shared.scopes.run({ ...scope, transaction: done }, fn);
    // A cancel that came while its last call ran has nothing left to reject.
    if (scope.instance.cancelling) throw new Cancelled();
    return result;
  } catch (error) {
    // What is still running may complete: it is waited for, and taken back as well.
    for (const call of done.open) await call.state();
    for (const { undo } of [...done.done].reverse()) await undo();
    throw error;
  }
}

/** Notes a call that its transaction may have to take back. */
export function enlist(scope: FlowScope, live: LiveCall, definition: TaskDefinition, args: readonly unknown[]): void {
  const { transaction } = scope;
  if (!transaction || !definition.onRollback) return;
  transaction.open.push(live);
  live.onSettled = (outcome) => {
    if (outcome.ok) transaction.done.push({ call: live.id, undo: () => rollback(scope, live, definition, outcome.value, args) });
  };
}

/** A rollback that fails for good does not keep the others from running; it is logged with the run. */
async function rollback(scope: FlowScope, live: LiveCall, definition: TaskDefinition, result: unknown, args: readonly unknown[]): Promise<void> {
  const settled = await Promise.all(args);
  const undo = scope.instance.call({
    kind: "task",
    name: `${definition.name}.rollback`,
    key: live.id,
    spec: () => ({
      role: "rollback",
      task: definition.name,
      retries: definition.retries || RETRIES,
      variant: definition.variant,
      args: encode([result, settled]),
    }),
  });
  const state = await undo.state();
  if (state.type !== "COMPLETED" && !scope.instance.replaying) scope.instance.onLog?.("error", `The rollback of ${live.id} failed: what it did is still done.`);
}
