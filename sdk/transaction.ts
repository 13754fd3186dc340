/** `transaction`: when it fails, what completed inside is taken back, last first (a saga). Rollbacks are calls like any other: recorded and retried. */
import { encode } from "../engine/codec.ts";
import { Cancelled, WindhoverError } from "../engine/errors.ts";
import type { LiveCall, Outcome } from "../engine/live-call.ts";
import { currentScope, type FlowScope, shared, type TransactionScope } from "../engine/scope.ts";
import { ListFuture } from "./future-list.ts";
import { isUnmapped } from "./unmapped.ts";
import { rollbackPolicyOf, type Variant } from "./variant.ts";

/**
 * Runs `fn`; if it throws, the `onRollback` of each task that completed inside runs, in reverse order of completion, and then the error goes on. A cancel rolls back too.
 * @throws WindhoverError WH1007 outside a flow.
 * @example await transaction(async () => { await reserve(order); await charge(order); });
 */
export async function transaction<R>(fn: () => Promise<R>): Promise<R> {
  const scope = currentScope();
  if (scope?.kind !== "flow") throw new WindhoverError("WH1007", { message: "transaction() was called outside a flow.", expected: "a flow's body" });
  const outer = scope.transaction;
  const own: TransactionScope = { done: [], open: [], ...(outer && { outer }) };
  try {
    const result = await shared.scopes.run({ ...scope, transaction: own }, fn);
    // A cancel that came while its last call ran has nothing left to reject.
    if (scope.instance.cancelling) throw new Cancelled();
    return result;
  } catch (error) {
    // What is still running may complete: it is waited for, and taken back as well.
    for (const call of own.open) await call.state();
    for (const { call, undo } of [...own.done].reverse()) {
      // One around this one that fails later has nothing of it left to take back.
      for (let around = outer; around; around = around.outer) around.done.splice(0, around.done.length, ...around.done.filter((one) => one.call !== call));
      await undo();
    }
    throw error;
  }
}

/** Notes a call that its transaction, or one around that, may have to take back. */
export function enlist(scope: FlowScope, live: LiveCall, task: Variant, args: readonly unknown[]): void {
  enlistAs(scope, live, task, (outcome) => (outcome.ok ? () => rollback(scope, live.id, task, outcome.value, args) : undefined));
}

function enlistAs(scope: FlowScope, live: LiveCall, task: Variant, undoOf: (outcome: Outcome) => (() => Promise<void>) | undefined): void {
  const { transaction } = scope;
  if (!transaction || !task.definition.onRollback) return;
  const within: TransactionScope[] = [];
  for (let one: TransactionScope | undefined = transaction; one; one = one.outer) within.push(one);
  for (const one of within) one.open.push(live);
  live.onSettled = (outcome) => {
    const undo = undoOf(outcome);
    if (undo) for (const one of within) one.done.push({ call: live.id, undo });
  };
}

/** The same for a map: each of its items that completed is taken back by itself, also where others failed. */
export function enlistMap(scope: FlowScope, live: LiveCall, list: ListFuture<unknown>, task: Variant, args: readonly unknown[]): void {
  enlistAs(scope, live, task, () => async () => {
    const states = await list.states();
    const columns = await Promise.all(args.map(columnOf));
    for (const [index, state] of [...states.entries()].reverse())
      if (state.type === "COMPLETED")
        await rollback(
          scope,
          `${live.id}/${index}`,
          task,
          state.result,
          columns.map((column) => column(index)),
        );
  });
}
/** What an argument of a map is for each item. */
async function columnOf(arg: unknown): Promise<(index: number) => unknown> {
  if (isUnmapped(arg)) return () => arg.value;
  if (arg instanceof ListFuture) {
    const states = await arg.states();
    return (index) => {
      const state = states[index];
      return state?.type === "COMPLETED" ? state.result : undefined;
    };
  }
  const list = (await arg) as readonly unknown[];
  return (index) => list[index];
}

/** A rollback that fails for good does not keep the others from running; it is logged with the run. */
async function rollback(scope: FlowScope, of: string, task: Variant, result: unknown, args: readonly unknown[]): Promise<void> {
  const settled = await Promise.all(args);
  const undo = scope.instance.call({
    kind: "task",
    name: `${task.definition.name}.rollback`,
    key: of,
    spec: () => ({ ...rollbackPolicyOf(task), ...(scope.within && { within: scope.within }), args: encode([result, settled]) }),
  });
  const state = await undo.state();
  if (state.type !== "COMPLETED" && !scope.instance.replaying) scope.instance.onLog?.("error", `The rollback of ${of} failed: what it did is still done.`);
}
