/** What flows emit, on the stack's event bus: `source` is `windhover.<stack>`, `detail-type` the event's type, `detail` has `id`, `run`, `at` and the flow's `detail`. */
import type { Events } from "../../engine/ports.ts";
import { createBatcher, type Outcome } from "./batcher.ts";
import { failure } from "./failure.ts";
import type { Parts } from "./parts.ts";

/** What EventBridge takes in one request. */
const ENTRIES = 10;
const BYTES = 256 * 1024;

/** The source of what the flows of a stack emit, for rules. */
export const eventSource = (stack: string): string => `windhover.${stack}`;

export function createEvents({ stack, clients, clock, random }: Parts): Events {
  const put = createBatcher<{ readonly type: string; readonly detail: string }, void>({
    clock,
    random,
    most: ENTRIES,
    bytes: BYTES,
    size: ({ type, detail }) => Buffer.byteLength(type) + Buffer.byteLength(detail) + 100,
    async perform(entries) {
      const Entries = entries.map(({ type, detail }) => ({ Source: eventSource(stack.stack), DetailType: type, Detail: detail, EventBusName: stack.eventBus }));
      const { PutEventsCommand } = await import("./late/events.ts");
      const answer = await clients.events.send(new PutEventsCommand({ Entries }));
      return entries.map((_, i): Outcome<void> => {
        const { ErrorCode, ErrorMessage } = answer.Entries?.[i] ?? {};
        if (ErrorCode === undefined) return { ok: true, value: undefined };
        const error = new Error(ErrorMessage ?? ErrorCode);
        return { ok: false, error: Object.assign(error, { name: ErrorCode, ...(/Internal|Unavailable/.test(ErrorCode) && { senderFault: false }) }) };
      });
    },
  });
  return {
    emit: ({ id, type, run, at, detail }) =>
      put({ type, detail: JSON.stringify({ id, run, at, detail }) }).catch((error: unknown) => {
        throw failure(error, `emitting ${id} to ${stack.eventBus}`);
      }),
  };
}
