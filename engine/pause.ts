/** Pause and resume: while a run is paused its code does not run and nothing new starts; what settled meanwhile is delivered after `resume`, in log order (rule 36). */
import { ready } from "./calls.ts";
import { awaitRetryAgain } from "./life.ts";
import { handOut } from "./map.ts";
import { pauseMark } from "./marks.ts";
import { isKnown, remember } from "./requests.ts";
import type { RunDraft } from "./run-draft.ts";
import type { OpenCall } from "./run-state.ts";
import { settle } from "./settle.ts";

export async function resume(draft: RunDraft, request: string): Promise<void> {
  const { state } = draft;
  const waiting = Object.entries(state.open).find(([, open]) => open.kind === "pause");
  if (isKnown(draft, request)) return;
  if (!state.paused) {
    if (!waiting) return;
    remember(draft, request);
    return settle.ok(draft, waiting[0]);
  }
  remember(draft, request);
  await unpause(draft, request);
  if (state.retryTimer !== undefined) return awaitRetryAgain(draft);
  draft.move("RUNNING", "Running");
  for (const [id, open] of Object.entries(state.open))
    if (open.map) handOut(draft, id, open);
    else if (open.waits === "pause") await readyAfterPause(draft, id, open);
}

export async function readyAfterPause(draft: RunDraft, call: string, open: OpenCall): Promise<void> {
  open.waits = undefined;
  await draft.needBook();
  await ready(draft, call);
}

/** The code goes on from where it stood; what waits to be started is left to whoever resumes, or cancels. */
export async function unpause(draft: RunDraft, request: string): Promise<void> {
  const { state } = draft;
  const late = state.late ?? [];
  state.late = undefined;
  // The code is brought to where it stood before the pause; what settled meanwhile is delivered now. It may also have ended in the very turn that paused it.
  const over = state.returned !== undefined || state.ending !== undefined || state.retryTimer !== undefined;
  const instance = over ? null : await draft.needCode();
  state.paused = undefined;
  draft.effects.push({ do: "unmark", calls: [pauseMark(state.resumes)] });
  state.resumes = (state.resumes ?? 0) + 1;
  draft.log({ type: "resumed", request });
  if (!instance) return;
  const { calls } = await draft.needBook();
  for (const id of late) {
    const slash = id.lastIndexOf("/");
    const event = calls.get(id)?.settled ?? calls.get(id.slice(0, slash))?.items?.find(({ piece }) => piece.id === Number(id.slice(slash + 1)));
    if (event && !instance.fatal) await draft.deliver(event);
  }
}
