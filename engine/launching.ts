/** How calls that are ready go out as a turn ends: inline, or by the queue. */
import { mustClaim } from "./claims.ts";
import { beginRunningHooks } from "./hooks.ts";
import { LIMITS } from "./limits.ts";
import type { RunDraft } from "./run-draft.ts";
import type { OpenCall } from "./run-state.ts";
import { settle } from "./settle.ts";
import { release } from "./slots.ts";

/** Launches what is ready: inline when it is the only thing the flow now waits for, else by the queue. The attempt is in the log before user code runs (rule 13). */
export function launch(draft: RunDraft): void {
  const { state, context } = draft;
  const ready = draft.launches.splice(0).filter((id) => state.open[id] && !settle.decided(draft, id));
  for (const call of ready) {
    const open = state.open[call] as OpenCall;
    if (state.paused) {
      for (const request of open.holds ?? []) release(draft, request);
      if (open.holds?.length) open.gaveBack = (open.gaveBack ?? 0) + 1;
      Object.assign(open, { holds: undefined, waits: "pause", since: draft.now });
      continue;
    }
    const attempt = (open.attempt ?? 0) + 1;
    // One that says nothing is expected to take a minute at most, like all that stay inline.
    const fits = (open.timeoutSeconds === undefined ? LIMITS.inlineMs : open.timeoutSeconds * 1000) < context.inlineMs;
    const inline =
      ready.length === 1 &&
      draft.openCount === 1 &&
      open.pool === undefined &&
      !state.slow &&
      !context.queueNext &&
      !open.suspect &&
      fits &&
      !(attempt === 1 && open.hooks?.onRunning);
    open.attempt = attempt;
    draft.log({ type: "attempted", call, attempt, ...(inline && { where: "inline" as const }) });
    const alone = open.suspect || open.crashRetries === 0 ? true : undefined;
    draft.effects.push(
      inline ? { do: "inline", call, attempt } : { do: "task", call, attempt, pool: open.pool, alone, claim: mustClaim(draft, open) ? true : undefined },
    );
    if (attempt === 1) beginRunningHooks(draft, call, open);
  }
  if (draft.launches.length > 0) launch(draft);
}
