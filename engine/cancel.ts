/** Cancel: what the log alone can end ends now, the rest is asked to stop, and the code sees it (rule 16). */
import { cancelCall } from "./calls.ts";
import { readyAfterPause, resume, unpause } from "./pause.ts";
import type { RunDraft } from "./run-draft.ts";
import { settle } from "./settle.ts";

export async function cancel(draft: RunDraft, request: string, why?: string): Promise<void> {
  const { state } = draft;
  if (state.cancel) return;
  // How it ends has been decided. Its hooks are not cancelled; where they wait for a resume, nobody is left who would ask for it.
  if (state.ending) return state.paused ? resume(draft, request) : undefined;
  await beginCancel(draft, { request, why });
}

/** Ends what the log alone can end, asks the rest to stop, and lets the code see it (rule 16). */
export async function beginCancel(draft: RunDraft, cause: { request: string; why?: string; timedOut?: true }): Promise<void> {
  const { state } = draft;
  // What settled while it was paused is delivered first: if nothing else is open, nothing else would let the code see the cancel.
  if (state.paused) await unpause(draft, cause.request);
  state.cancel = { ...cause, calls: 0 };
  draft.log({ type: "cancelling", ...cause });
  draft.move("CANCELLING", cause.timedOut ? "TimingOut" : "Cancelling", {
    message: cause.why,
    reason: { code: "cancelling", message: "It waits for its code, its tasks and its subflows to stop.", since: draft.now },
  });
  if (draft.instance) draft.instance.cancelling = true;
  if (state.retryTimer !== undefined) {
    draft.effects.push({ do: "untimer", id: state.retryTimer });
    state.retryTimer = undefined;
    // Its function has failed and does not begin again.
    state.returned = { ok: false };
  }
  for (const [id, open] of Object.entries(state.open)) {
    if (open.role === undefined) cancelCall(draft, id, open);
    // A hook or a rollback that waited for the resume: nobody but this cancel would ever start it.
    else if (open.waits === "pause") await readyAfterPause(draft, id, open);
  }
  // By name, so that what its cleaning up calls later is not meant.
  const running = Object.entries(state.open).filter(
    ([id, open]) => (open.kind === undefined || open.kind === "map" || open.kind === "builtin") && open.role === undefined && !settle.decided(draft, id),
  );
  if (running.length > 0) draft.effects.push({ do: "abort", calls: running.map(([id]) => id) });
}
