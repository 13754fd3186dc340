/** What comes back to a call from outside: its timer, its subflow's end, a slot or the refusal of one. What executors report is in `attempts.ts` and `map.ts`. */
import { ready } from "./calls.ts";
import { encodeError } from "./codec.ts";
import { timeOutFlow } from "./ending.ts";
import { WindhoverError } from "./errors.ts";
import { retryFlow } from "./life.ts";
import { grantedPiece, pieceTimer } from "./map.ts";
import { type EndedMessage, limitActor, type RunMessage } from "./messages.ts";
import type { RunDraft } from "./run-draft.ts";
import type { OpenCall } from "./run-state.ts";
import { settle } from "./settle.ts";
import { askForSlot } from "./slots.ts";

/** A timer fired. */
export async function fired(draft: RunDraft, timer: string): Promise<void> {
  const { state } = draft;
  // While it is paused nothing begins: its resume looks at the time.
  if (timer === state.retryTimer) return state.paused ? undefined : retryFlow(draft);
  if (timer === state.timeoutTimer) return timeOutFlow(draft);
  // The id names the call, or the map's piece: to look at all that is open would take long where thousands sleep.
  const call = timer.slice(0, timer.lastIndexOf("@"));
  const open = state.open[call];
  if (open?.timer === timer) return woken(draft, call, open, timer);
  const map = call.slice(0, call.lastIndexOf("/"));
  const mapped = state.open[map];
  if (mapped?.map) pieceTimer(draft, map, mapped, timer);
}

function woken(draft: RunDraft, call: string, open: OpenCall, timer: string): Promise<void> | undefined {
  open.timer = undefined;
  if (open.kind === "sleep") settle.ok(draft, call);
  else if (open.kind === "input") settle.ok(draft, call, "null", { label: "TimedOut" });
  else if (open.kind === "pause")
    settle.fail(draft, call, encodeError(new WindhoverError("WH1401", { message: "Nobody resumed the run in time." })), "TimedOut");
  else {
    open.waits = undefined;
    // Where it asks for a slot first, nothing else would be logged, and the firing would be lost with this turn.
    draft.log({ type: "woken", call, timer });
    return ready(draft, call);
  }
  return undefined;
}

/** What others report to a call. */
export const reportOf = {
  child(draft: RunDraft, message: EndedMessage): void {
    const call = message.call;
    const open = call === undefined ? undefined : draft.state.open[call];
    if (call === undefined || !open || open.child !== message.run || settle.decided(draft, call)) return;
    if (message.state === "COMPLETED") return settle.ok(draft, call, message.value);
    const error =
      message.error ??
      encodeError(new WindhoverError("WH1407", { message: `The subflow "${open.name}" (run ${message.run}) ended as ${message.state}.`, got: message.state }));
    settle.fail(draft, call, error, message.state === "CANCELLED" ? "Cancelled" : message.state === "CRASHED" ? "Crashed" : undefined);
  },
  async grant(draft: RunDraft, message: Extract<RunMessage, { kind: "grant" }>): Promise<void> {
    const { state } = draft;
    const { request, fence, limit } = message;
    if (state.held?.[request]?.fence === fence) return;
    const found = Object.entries(state.open).find(([id, open]) => open.request === request && open.waits === "slot" && !settle.decided(draft, id));
    const piece = found ? undefined : Object.entries(state.open).find(([, open]) => open.map?.open.some((p) => p.request === request));
    if (!found && !piece) return draft.send(limitActor(limit), { kind: "release", id: `release:${request}:${fence}`, request, fence });
    const rate = found?.[1].wants?.[0]?.rate === true;
    const occupy = found?.[1].wants?.[0]?.occupy;
    const block = found?.[1].kind === "acquire" ? { block: true as const, ...(occupy !== undefined && { occupy }) } : undefined;
    if (!rate) (state.held ??= {})[request] = { limit, fence, ...block };
    const call = (found ?? piece)?.[0] as string;
    draft.log({ type: "granted", call, request, fence, limit });
    if (piece) return grantedPiece(draft, call, piece[1], request);
    const open = (found as [string, OpenCall])[1];
    open.waits = undefined;
    (open.holds ??= []).push(request);
    open.wants = open.wants?.slice(1);
    // Also while the run is paused: it keeps the slots that it has and goes on asking for the rest; giving them back would lose its place.
    askForSlot(draft, call);
  },
  refusal(draft: RunDraft, message: Extract<RunMessage, { kind: "refuse" }>): void {
    const found = Object.entries(draft.state.open).find(
      ([id, open]) => (open.request === message.request || open.map?.open.some((p) => p.request === message.request)) && !settle.decided(draft, id),
    );
    if (found) settle.fail(draft, found[0], message.error);
  },
};
