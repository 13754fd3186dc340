/** What a run's state is called while it waits. */
import type { RunDraft } from "./run-draft.ts";
import type { OpenCall } from "./run-state.ts";
import { isFinal } from "./state.ts";

/** While all that a run waits for costs nothing, it is suspended, with the reason. */
export function label(draft: RunDraft): void {
  const { state } = draft;
  if (isFinal(state.row.type) || state.paused || state.cancel || state.retryTimer !== undefined) return;
  if (!isIdle(draft)) {
    if (state.row.type !== "RUNNING") draft.move("RUNNING", "Running");
    return;
  }
  const [call, open] = Object.entries(state.open)[0] as [string, OpenCall];
  const code = open.kind as "input" | "pause" | "sleep";
  const message = { input: `It waits for the input "${open.input}".`, pause: "It waits until somebody resumes it.", sleep: "It sleeps." }[code];
  if (state.row.reason?.code === code && state.row.reason.blockedBy?.[0] === call) return;
  draft.move("PAUSED", code === "pause" ? "Paused" : "Suspended", { reason: { code, message, since: draft.now, until: open.until, blockedBy: [call] } });
}

/** All that it waits for costs nothing. */
function isIdle({ state, now, openCount }: RunDraft): boolean {
  for (const id in state.open) {
    const { kind, until = 0 } = state.open[id] as OpenCall;
    if (kind !== "input" && kind !== "pause" && !(kind === "sleep" && until - now > SHORT_SLEEP_MS)) return false;
  }
  return openCount > 0;
}

/** Shorter sleeps are not worth two rows in the runs table. */
const SHORT_SLEEP_MS = 5000;
