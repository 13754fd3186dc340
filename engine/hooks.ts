/** Hooks run as calls of their own: recorded, retried, and without a say in the outcome of what they belong to. */
import { encode } from "./codec.ts";
import type { HookName } from "./definition.ts";
import type { FinalType, Payload, RunEvent } from "./events.ts";
import { LIMITS } from "./limits.ts";
import type { RunDraft } from "./run-draft.ts";
import type { OpenCall } from "./run-state.ts";

/** What a hook's call carries: which function of which definition, and what happened to what. */
export interface HookDetail {
  readonly of: string;
  readonly hook: HookName;
  readonly index: number;
  readonly flow?: true;
  readonly state: FinalType | "RUNNING";
  readonly name: string;
}

export function beginHooks(draft: RunDraft, event: Extract<RunEvent, { type: "settled" }>, open: OpenCall): void {
  if (!open.hooks || event.label === "NotReady" || event.label === "Reused") return;
  const state: FinalType = event.ok ? "COMPLETED" : event.label === "Cancelled" ? "CANCELLED" : event.label === "Crashed" ? "CRASHED" : "FAILED";
  beginHook(draft, open.name, { of: event.call, hook: hookOf(state), state, name: event.label ?? labelOf(state) }, open.hooks);
}

export function beginRunningHooks(draft: RunDraft, call: string, open: OpenCall): void {
  if (open.hooks?.onRunning) beginHook(draft, open.name, { of: call, hook: "onRunning", state: "RUNNING", name: "Running" }, open.hooks);
}

export function beginHook(draft: RunDraft, name: string, detail: Omit<HookDetail, "index">, counts: Readonly<Record<string, number>>, outcome?: Payload): void {
  const attempt = detail.flow && draft.state.attempt > 1 ? `~${draft.state.attempt}` : "";
  for (let index = 0; index < (counts[detail.hook] ?? 0); index++) {
    const call = `${detail.of}.${detail.hook}-${index}${attempt}`;
    if (draft.state.open[call] || draft.book?.calls.has(call)) continue;
    draft.log({ type: "called", call, kind: "task", name, role: "hook", retries: LIMITS.hookRetries, detail: encode({ ...detail, index }), args: outcome });
    draft.state.open[call] = { name, role: "hook", retries: LIMITS.hookRetries };
    draft.openCount++;
    draft.launches.push(call);
  }
}

export const hookOf = (state: FinalType): HookName =>
  ({ COMPLETED: "onCompletion", FAILED: "onFailure", CANCELLED: "onCancellation", CRASHED: "onCrashed" })[state] as HookName;
const labelOf = (state: FinalType): string => state.charAt(0) + state.slice(1).toLowerCase();
