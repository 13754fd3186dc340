/**
 * Inline attempts: the only thing that a flow now waits for runs inside the turn. Meanwhile the turn reads no mail, so what must not wait reaches it otherwise: a cancel and
 * a pause by their marks, the flow's own timeout by the clock (rule 24).
 */
import { runAttempt } from "./attempt.ts";
import type { Book } from "./book.ts";
import { decode } from "./codec.ts";
import { factsOf, itemOf } from "./effects.ts";
import { Cancelled, WindhoverError } from "./errors.ts";
import type { Effect, Entry, Payload } from "./events.ts";
import type { Host } from "./host.ts";
import { Interruption } from "./interruption.ts";
import { CANCEL_MARK, pauseMark } from "./marks.ts";
import type { RunMessage, TaskReport } from "./messages.ts";
import { runReader } from "./run-context.ts";
import type { RunState } from "./run-state.ts";

export interface InlineResult {
  readonly messages: readonly RunMessage[];
  /** Somebody has asked for a pause: the next attempt goes to the queue, so that the turn ends and the mail is read. */
  readonly end: boolean;
}

/** Runs the attempt and says what the turn goes on with: what interrupted it first, then its report. */
export async function runInline(host: Host, actor: string, tail: Entry, effect: Extract<Effect, { do: "inline" }>, book: Book): Promise<InlineResult> {
  const state = tail.state as RunState;
  const found = itemOf({ reader: runReader(host, actor, () => book) }, book, state, effect);
  const item = found instanceof Promise ? await found : found;
  if (!item) throw new WindhoverError("WH9001", { message: `${actor} has no call ${effect.call}` });
  const interruption = new Interruption();
  const first: RunMessage[] = [];
  let end = false;
  const over = watch(host, actor, state, interruption, first);
  const unwatchPause = host.ports.aborts.watch(actor, pauseMark(state.resumes), () => {
    end = true;
  });
  // A host may have something to do before code runs of which it may die.
  const ready = host.onInline?.(1, actor, effect.call);
  if (ready) await ready;
  let report: TaskReport;
  try {
    report = await runAttempt(host, actor, factsOf(actor, book), item, interruption);
  } finally {
    void host.onInline?.(-1, actor, effect.call);
    over();
    unwatchPause();
  }
  // The attempt goes to the queue, where a process of its own has more time for it.
  if (!report.ok && isOutOfTime(report.error)) {
    const attempts = [{ call: effect.call, attempt: effect.attempt }];
    return { messages: [...first, { kind: "crash", id: `crash:${effect.call}:${effect.attempt}`, attempts, why: "the time of the turn was over" }], end: true };
  }
  return { messages: [...first, { kind: "done", id: `done:${effect.call}:${effect.attempt}:${report.ok ? "ok" : "fail"}`, reports: [report] }], end };
}

const isOutOfTime = (error: Payload): boolean => typeof error === "string" && (decode(error) as { readonly code?: unknown } | null)?.code === "WH3120";

function watch(host: Host, actor: string, state: RunState, interruption: Interruption, first: RunMessage[]): () => void {
  // While it is being cancelled already, what still runs is its cleaning up; once its end is known, its hooks.
  if (state.cancel || state.ending) return () => {};
  const { aborts, clock } = host.ports;
  const unwatch = aborts.watch(actor, CANCEL_MARK, () => {
    first.push({ kind: "cancel", id: "cancel:mark" });
    interruption.interrupt(new Cancelled());
  });
  const { timeoutAt, timeoutTimer } = state;
  if (timeoutAt === undefined || timeoutTimer === undefined) return unwatch;
  const timer = new AbortController();
  void clock.wait(Math.max(0, timeoutAt - clock.now()), timer.signal).then(() => {
    if (timer.signal.aborted) return;
    first.push({ kind: "fire", id: `fire:${timeoutTimer}`, timer: timeoutTimer });
    interruption.interrupt(new Cancelled("The flow timed out."));
  });
  return () => {
    unwatch();
    timer.abort();
  };
}
