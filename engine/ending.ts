/** How a run ends: once, releasing what it holds, writing its row, and telling whoever started it. */

import { cancelCall } from "./calls.ts";
import { beginCancel } from "./cancel.ts";
import { decodeError, encode, encodeError, hash } from "./codec.ts";
import { isContinuation } from "./continuation.ts";
import type { FlowDefinition } from "./definition.ts";
import { WindhoverError } from "./errors.ts";
import type { FinalType, Payload } from "./events.ts";
import { beginHook, hookOf } from "./hooks.ts";
import type { Instance } from "./instance.ts";
import { launch } from "./launching.ts";
import { awaitRetry, definitionOf, retryDelayMs } from "./life.ts";
import { type Message, runActor, type Starter } from "./messages.ts";
import { runName } from "./names.ts";
import type { RunDraft } from "./run-draft.ts";
import type { OpenCall } from "./run-state.ts";
import { cancelError, settle } from "./settle.ts";
import { handOnSlots, release, withdraw } from "./slots.ts";
import { isFinal } from "./state.ts";
import { label } from "./suspension.ts";
import { messageOf, saidBy } from "./thrown.ts";

/** Ends a run of which no code ran. */
export function refuseStart(draft: RunDraft, type: FinalType, name: string, error?: Payload, message?: string): void {
  if (draft.state.cancel === undefined && message !== undefined) draft.state.row = { ...draft.state.row, message };
  end(draft, type, name, undefined, error, message);
}

/** Called as a turn's messages have all been taken: what the code's end, or its halt, means for the run. */
export async function finishRun(draft: RunDraft): Promise<void> {
  const { state } = draft;
  for (let before = -1; before !== draft.events.length && !isFinal(state.row.type) && !state.paused; ) {
    before = draft.events.length;
    if (draft.pending.length > 0) await draft.pump();
    const { instance } = draft;
    if (instance?.fatal && !state.ending) crashRun(draft, instance.fatal);
    else if (instance?.outcome && !state.returned && !state.ending && !instance.dropped) await returned(draft);
    if (draft.pending.length > 0) await draft.pump();
    if (isFinal(state.row.type) || draft.openCount > 0) continue;
    if (state.ending) end(draft, state.ending.state, state.ending.name, state.ending.value, state.ending.error);
    else if (state.returned) await conclude(draft);
  }
  if (isFinal(state.row.type)) return;
  launch(draft);
  if (!state.paused) refuseForeignWait(draft);
  // A row is an entry's (rule 12): time that has passed is no reason to write one.
  if (draft.events.length > 0) label(draft);
}

const openOf = (draft: RunDraft): [string, OpenCall][] => Object.entries(draft.state.open);

/** The flow's function has ended. What nobody can look at any more is dropped; what does work is waited for. */
async function returned(draft: RunDraft): Promise<void> {
  const { state, instance } = draft;
  const outcome = instance?.outcome;
  if (!instance || !outcome) return;
  for (const [id, open] of openOf(draft)) if (instance.calls.get(id)?.observed) open.awaited = 1;
  const continuation = !outcome.ok && isContinuation(outcome.error) ? outcome.error : undefined;
  const unseen = outcome.ok || continuation ? unseenFailure(instance) : undefined;
  // While it is being cancelled it does not go on as another run either.
  if (continuation && !state.cancel && !unseen) return continueAsNew(draft, continuation.parameters);
  let end: { ok: boolean; value?: Payload; error?: Payload };
  try {
    if (outcome.ok) end = { ok: true, value: encode(outcome.value, { name: "result" }) };
    else end = { ok: false, error: continuation ? cancelError(draft) : encodeError(outcome.error) };
  } catch (error) {
    end = { ok: false, error: encodeError(error) };
  }
  if (unseen && (end.ok || continuation)) end = { ok: false, error: encodeError(unseen) };
  state.returned = end;
  draft.log({ type: "returned", ...end });
  for (const [id, open] of openOf(draft)) if (["sleep", "input", "pause", "acquire"].includes(open.kind ?? "task")) drop(draft, id, open);
}

/** A failure of a call, or of the flow's own code, that would be lost. */
function unseenFailure(instance: Instance): WindhoverError | undefined {
  const [unseen] = instance.unobservedFailures();
  if (unseen && !unseen.outcome?.ok)
    return new WindhoverError("WH1406", { message: `"${unseen.id}" failed, and the flow did not await it.`, got: unseen.id, cause: unseen.outcome?.error });
  const stray = instance.stray();
  if (!stray) return undefined;
  const told = messageOf(stray.reason);
  const message = `A promise of the flow failed, and the flow did not await it: ${told}`;
  return new WindhoverError("WH1406", { message, got: told, cause: decodeError(encodeError(stray.reason)) });
}

function drop(draft: RunDraft, call: string, open: OpenCall): void {
  if (open.kind === "acquire" && open.request !== undefined) withdraw(draft, open.request, open.wants?.[0]?.name ?? "");
  settle.fail(draft, call, encodeError(new WindhoverError("WH1402", { message: "The flow ended without waiting for it." })), "Cancelled");
}

/** All that the run started has ended: its final state is known, unless it has another try. */
export async function conclude(draft: RunDraft): Promise<void> {
  const { state } = draft;
  const { cancel } = state;
  const result = state.returned as NonNullable<typeof state.returned>;
  const definition = definitionOf(draft);
  if (!cancel && !result.ok) {
    const delayMs = await retryDelayMs(draft, result.error as Payload);
    if (delayMs !== undefined) return awaitRetry(draft, draft.now + delayMs, result.error as Payload);
  }
  const type: FinalType = cancel ? (cancel.timedOut ? "FAILED" : "CANCELLED") : result.ok ? "COMPLETED" : "FAILED";
  const name = cancel?.timedOut ? "TimedOut" : type.charAt(0) + type.slice(1).toLowerCase();
  const error = cancel?.timedOut
    ? encodeError(new WindhoverError("WH1401", { message: cancel.why ?? "The flow timed out." }))
    : type === "FAILED"
      ? result.error
      : undefined;
  concludeWith(draft, definition, { state: type, name, value: type === "COMPLETED" ? result.value : undefined, error });
}

function concludeWith(draft: RunDraft, definition: FlowDefinition, ending: NonNullable<RunDraft["state"]["ending"]>): void {
  const hook = hookOf(ending.state);
  draft.state.ending = ending;
  const count = definition.hooks[hook]?.length ?? 0;
  if (count > 0)
    beginHook(draft, draft.state.flow, { of: "", hook, flow: true, state: ending.state, name: ending.name }, { [hook]: count }, ending.value ?? ending.error);
  else end(draft, ending.state, ending.name, ending.value, ending.error);
}

export async function timeOutFlow(draft: RunDraft): Promise<void> {
  const { state, context } = draft;
  state.timeoutTimer = undefined;
  if (state.cancel || state.ending) return;
  return beginCancel(draft, {
    request: `timeout@${context.n}`,
    why: `The flow "${state.flow}" took longer than ${definitionOf(draft).timeoutSeconds} seconds.`,
    timedOut: true,
  });
}

/** Ends a run at once, whatever is open: its code cannot go on. */
export function crashRun(draft: RunDraft, error: WindhoverError, kept?: Message): void {
  const type: FinalType = error.code === "WH1301" ? "FAILED" : "CRASHED";
  for (const [id, open] of openOf(draft)) {
    if (open.timer !== undefined) draft.effects.push({ do: "untimer", id: open.timer });
    if (open.kind === "flow") cancelCall(draft, id, open);
    if (open.waits === "slot" && open.request !== undefined) withdraw(draft, open.request, open.wants?.[0]?.name ?? "");
  }
  if (openOf(draft).length > 0) draft.effects.push({ do: "abort", calls: "all" });
  draft.pending.length = 0;
  end(draft, type, type === "FAILED" ? "Failed" : "Crashed", undefined, encodeError(error), undefined, kept);
}

/** Another message of the turn that has crashed the run: it is kept as well. */
export function keepToo({ events }: RunDraft, message: Message): void {
  const last = events.at(-1);
  if (last?.type === "ended" && last.kept) events[events.length - 1] = { ...last, kept: [...last.kept, message] };
}

function end(draft: RunDraft, type: FinalType, name: string, value?: Payload, error?: Payload, message?: string, kept?: Message): void {
  const { state } = draft;
  for (const request of Object.keys(state.held ?? {})) release(draft, request);
  for (const timer of [state.timeoutTimer, state.retryTimer]) if (timer !== undefined) draft.effects.push({ do: "untimer", id: timer });
  Object.assign(state, {
    open: {},
    held: undefined,
    inputs: undefined,
    seen: undefined,
    late: undefined,
    paused: undefined,
    returned: undefined,
    ending: undefined,
    timeoutTimer: undefined,
    retryTimer: undefined,
    result: value,
    error,
  });
  draft.openCount = 0;
  draft.launches.length = 0;
  draft.log({ type: "ended", state: type, name, value, error, ...(kept && { kept: [kept] }) });
  const told = message ?? (error === undefined ? undefined : toldOf(error));
  draft.move(type, name, told === undefined ? {} : { message: told });
  if (state.starter && state.continuedAs === undefined) tellStarter(draft, state.starter);
  draft.instance?.drop();
}

function toldOf(error: Payload): string | undefined {
  if (typeof error !== "string") return undefined;
  const text = saidBy(decodeError(error));
  return text.length > 500 ? `${text.slice(0, 500)}…` : text;
}

/** The successor's id follows from the entry; it inherits the starter, the slots and the inputs that nobody has read (rule 35). */
function continueAsNew(draft: RunDraft, parameters: unknown): void {
  const { state, context } = draft;
  const { flow, name, tags, starter, deployment, scheduledTime, version, depth, heldAbove, overrides, inputs = [], seen = [] } = state;
  const next = hash(`${draft.id}/continued/${context.n}`).slice(0, 16);
  let encoded: string;
  try {
    encoded = encode(parameters);
  } catch (error) {
    return crashRun(draft, error as WindhoverError);
  }
  for (const [id, open] of openOf(draft)) {
    if (open.timer !== undefined) draft.effects.push({ do: "untimer", id: open.timer });
    if (open.kind === "flow") cancelCall(draft, id, open);
  }
  if (openOf(draft).some(([, open]) => open.attempt)) draft.effects.push({ do: "abort", calls: "all" });
  draft.send(runActor(next), {
    kind: "start",
    id: `start:${next}:${context.actor}`,
    flow,
    name: name || runName(next),
    parameters: encoded,
    tags,
    starter: starter && { ...starter, run: starter.run ?? draft.id },
    deployment,
    scheduledTime,
    createdAt: draft.now,
    version,
    depth,
    heldAbove,
    overrides,
    inherits: { run: draft.id, inputs, seen, held: handOnSlots(draft) },
  });
  state.continuedAs = next;
  draft.log({ type: "continued", run: next });
  draft.pending.length = 0;
  end(draft, "COMPLETED", "ContinuedAsNew", undefined, undefined, `It goes on as run ${next}.`);
}

/** A flow that waits, but for nothing that the log knows, would wait for ever. */
function refuseForeignWait(draft: RunDraft): void {
  const { instance, state } = draft;
  if (!instance || instance.outcome || instance.fatal || state.ending || state.returned || state.retryTimer !== undefined) return;
  for (const id in state.open) if (state.open[id]?.role !== "hook" && instance.calls.get(id)?.observed) return;
  const last = [...instance.calls.keys()].at(-1);
  crashRun(
    draft,
    new WindhoverError("WH1202", {
      message: `The flow "${state.flow}" waits for something that is not in its log${last === undefined ? "" : `, after ${last}`}: a promise that no task, subflow, sleep or input stands behind.`,
      expected: "await only tasks, flows, sleep, waitForInput and the like",
      got: "a promise of another kind",
    }),
  );
}

/** Says how the run ended to whoever started it. */
export function tellStarter(draft: RunDraft, starter: Starter): void {
  const { state, id } = draft;
  const run = starter.run ?? id;
  draft.send(starter.actor, {
    kind: "ended",
    id: `ended:${run}:${state.row.type}`,
    run,
    call: starter.call,
    state: state.row.type as "COMPLETED",
    value: state.result,
    error: state.error,
  });
}
