/** How a call's outcome is decided. It enters the log in its turn, and what follows from it follows then (see `close` in `calls.ts`). */
import { decodeError, encodeError } from "./codec.ts";
import { Cancelled, WindhoverError } from "./errors.ts";
import type { Payload, Ran, SettledLabel } from "./events.ts";
import type { RunDraft } from "./run-draft.ts";

export const settle = {
  decided: (draft: RunDraft, call: string): boolean => draft.decided.has(call),
  ok(draft: RunDraft, call: string, value?: Payload, more: { label?: SettledLabel; hash?: string; ran?: Ran } = {}): void {
    draft.decided.add(call);
    draft.pending.push({ type: "settled", call, ok: true, value, ...more });
  },
  fail(draft: RunDraft, call: string, error: Payload, label?: SettledLabel, ran?: Ran): void {
    draft.decided.add(call);
    draft.pending.push({ type: "settled", call, ok: false, error, label, ran });
  },
  /** Another failure is the cause of this one. Where that lies in the result store, it is read before this one enters the log. */
  failOf(draft: RunDraft, call: string, cause: Payload | undefined, make: (cause: unknown) => WindhoverError, label?: SettledLabel): void {
    if (typeof cause === "object") draft.unread.set(call, async () => encodeError(make(decodeError(await draft.reader.text(cause)))));
    settle.fail(draft, call, encodeError(make(typeof cause === "string" ? decodeError(cause) : undefined)), label);
  },
};

/** What a call fails with that a cancel or a timeout of the run ends. */
export function cancelError(draft: RunDraft): Payload {
  const { cancel } = draft.state;
  return encodeError(
    cancel?.timedOut
      ? new WindhoverError("WH1401", { message: cancel.why ?? "The flow timed out." })
      : new Cancelled(cancel?.why ? `The run was cancelled: ${cancel.why}` : undefined),
  );
}
