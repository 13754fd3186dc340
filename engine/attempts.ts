/** What becomes of a task's attempts: success settles the call, whichever attempt it was; failure and death count for the current one only (rule 14). */
import { ready, setTimer } from "./calls.ts";
import { encodeError } from "./codec.ts";
import { WindhoverError } from "./errors.ts";
import { LIMITS } from "./limits.ts";
import type { TaskReport } from "./messages.ts";
import { mayRetry, mayRunAgain } from "./retry.ts";
import type { RunDraft } from "./run-draft.ts";
import type { OpenCall } from "./run-state.ts";
import { settle } from "./settle.ts";
import { release } from "./slots.ts";

type Success = Extract<TaskReport, { ok: true }>;
type Failure = Extract<TaskReport, { ok: false }>;

export function succeeded(draft: RunDraft, report: Success): void {
  const open = draft.state.open[report.call];
  if (!open || settle.decided(draft, report.call)) return;
  noteLength(draft, report);
  if (report.hash === undefined) return settle.ok(draft, report.call, report.value, { label: report.label, ran: report.ran });
  // Not stored (rule 39): the value lives in memory, the log keeps its hash.
  draft.book?.transients.set(report.call, report.value as string);
  settle.ok(draft, report.call, undefined, { hash: report.hash, ran: report.ran });
}

function noteLength(draft: RunDraft, { ran }: TaskReport): void {
  if (ran && ran[1] - ran[0] > LIMITS.inlineMs) draft.state.slow = true;
}

/** One that waits for its retry or a slot, or is about to be launched again, has reported already: what comes again does not count again. */
function isRunning({ state, launches }: RunDraft, call: string, attempt: number): boolean {
  const open = state.open[call];
  return open?.attempt === attempt && open.waits === undefined && !launches.includes(call);
}

export async function failedAttempt(draft: RunDraft, report: Failure): Promise<void> {
  const { call, attempt, error, verdict, label, ran } = report;
  const open = draft.state.open[call];
  if (!open || !isRunning(draft, call, attempt) || settle.decided(draft, call)) return;
  noteLength(draft, report);
  if (draft.state.cancel && open.role === undefined) return settle.fail(draft, call, error, "Cancelled", ran);
  const failures = open.failures ?? 0;
  if (!mayRetry(verdict, failures, open.retries)) return settle.fail(draft, call, error, label, ran);
  open.failures = failures + 1;
  const retryAt = verdict.delayMs ? draft.now + verdict.delayMs : undefined;
  draft.log({ type: "failed", call, attempt, error, retryAt, ran });
  await again(draft, call, open, retryAt);
}

/** A process died with this attempt. With others in its hands nobody knows which is to blame: all are sent again, each alone, uncounted (rule 29). */
export async function crashed(draft: RunDraft, call: string, attempt: number, alone: boolean, why = "the process that ran it died"): Promise<void> {
  const open = draft.state.open[call];
  if (!open || !isRunning(draft, call, attempt) || settle.decided(draft, call)) return;
  const error = encodeError(
    new WindhoverError("WH1403", {
      message: `Attempt ${attempt} of "${call}" ended without a result: ${why}.`,
      got: `${(open.crashes ?? 0) + 1} such ends`,
      expected: `at most ${open.crashRetries ?? LIMITS.crashRetries}`,
    }),
  );
  if (draft.state.cancel && open.role === undefined) return settle.fail(draft, call, error, "Cancelled");
  if (!mayRunAgain(open.crashes ?? 0, open.crashRetries)) return settle.fail(draft, call, error, "Crashed");
  if (alone) open.crashes = (open.crashes ?? 0) + 1;
  open.suspect = 1;
  draft.log({ type: "failed", call, attempt, error, crashed: true });
  await again(draft, call, open, undefined);
}

/** Between attempts a task holds no slot. */
async function again(draft: RunDraft, call: string, open: OpenCall, at: number | undefined): Promise<void> {
  for (const request of open.holds ?? []) release(draft, request);
  open.holds = undefined;
  if (at === undefined) return ready(draft, call);
  open.waits = "retry";
  open.since = draft.now;
  setTimer(draft, call, open, at);
}
