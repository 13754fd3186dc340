/** One SQS queue. Whoever uses it in one process shares its batches. */
import {
  type BatchResultErrorEntry,
  ChangeMessageVisibilityBatchCommand,
  DeleteMessageBatchCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
} from "@aws-sdk/client-sqs";
import { createBatcher, type Outcome } from "./batcher.ts";
import { failure } from "./failure.ts";
import type { Parts } from "./parts.ts";
import { patiently } from "./throttling.ts";

export interface Sending {
  readonly body: string;
  /** FIFO: its message group. */
  readonly group?: string;
  /** Standard queues only. Unit: seconds, 900 at most. */
  readonly delaySeconds?: number;
}

export interface Received {
  /** The same sending delivered again has the same one. */
  readonly physical: string;
  readonly receipt: string;
  readonly body: string;
  /** 1 the first time. */
  readonly receives: number;
  /** Unit: milliseconds since 1970. */
  readonly sentAt: number;
}

export interface Queue {
  /** Durable. Those of one group are sent in the order of the calls. */
  send(sending: Sending): Promise<void>;
  /** At most ten. `waitSeconds`: how long it waits for the first. */
  receive(most: number, waitSeconds: number): Promise<readonly Received[]>;
  /** No error if it is gone, or in another's hand meanwhile. */
  remove(receipt: string): Promise<void>;
  /** Calls `removed` with the receipt of each message that was removed here. Returns how to stop. */
  watch(removed: (receipt: string) => void): () => void;
  /** From now on it is invisible for so long; of several calls the last one counts. No error if it is gone, or in another's hand meanwhile. */
  hide(receipt: string, seconds: number): Promise<void>;
}

export type QueueParts = Pick<Parts, "clients" | "clock" | "random">;

/** What SQS takes in one request. */
const ENTRIES = 10;
const BYTES = 1024 * 1024;

const queues = new WeakMap<object, Map<string, Queue>>();

export function queueOf(parts: QueueParts, url: string): Queue {
  const known = queues.get(parts.clients) ?? new Map<string, Queue>();
  queues.set(parts.clients, known);
  const queue = known.get(url) ?? createQueue(parts, url);
  known.set(url, queue);
  return queue;
}

function createQueue({ clients, clock, random }: QueueParts, url: string): Queue {
  const common = { clock, random, most: ENTRIES, bytes: BYTES };
  const send = createBatcher<Sending & { readonly id: string }, void>({
    ...common,
    size: ({ body }) => Buffer.byteLength(body),
    group: ({ group }) => group,
    async perform(sendings) {
      const Entries = sendings.map(({ id, body, group, delaySeconds }, i) => ({
        Id: String(i),
        MessageBody: body,
        // An id of its own for each sending: the same text again may mean something, and a repetition is told from the actor's state.
        ...(group !== undefined && { MessageGroupId: group, MessageDeduplicationId: id }),
        ...(delaySeconds !== undefined && delaySeconds > 0 && { DelaySeconds: delaySeconds }),
      }));
      const { Failed } = await clients.sqs.send(new SendMessageBatchCommand({ QueueUrl: url, Entries }));
      return outcomes(sendings.length, Failed);
    },
  });
  const remove = createBatcher<string, void>({
    ...common,
    size: () => 0,
    async perform(receipts) {
      const Entries = receipts.map((ReceiptHandle, i) => ({ Id: String(i), ReceiptHandle }));
      const { Failed } = await clients.sqs.send(new DeleteMessageBatchCommand({ QueueUrl: url, Entries }));
      return outcomes(receipts.length, Failed, isGone);
    },
  });
  const hide = createBatcher<{ readonly receipt: string; readonly seconds: number }, void>({
    ...common,
    size: () => 0,
    // The last word counts: what is given back must not be hidden again by a renewal that was under way.
    group: ({ receipt }) => receipt,
    async perform(entries) {
      const Entries = entries.map(({ receipt, seconds }, i) => ({ Id: String(i), ReceiptHandle: receipt, VisibilityTimeout: seconds }));
      const { Failed } = await clients.sqs.send(new ChangeMessageVisibilityBatchCommand({ QueueUrl: url, Entries }));
      return outcomes(entries.length, Failed, isGone);
    },
  });
  const refused =
    (doing: string) =>
    (error: unknown): never => {
      throw failure(error, `${doing} ${url}`);
    };
  const watchers = new Set<(receipt: string) => void>();
  return {
    send: (sending) => send({ ...sending, id: random.id() }).catch(refused("sending to")),
    async remove(receipt) {
      await remove(receipt).catch(refused("deleting from"));
      for (const removed of watchers) removed(receipt);
    },
    watch(removed) {
      watchers.add(removed);
      return () => void watchers.delete(removed);
    },
    hide: (receipt, seconds) => hide({ receipt, seconds }).catch(refused("giving back to")),
    async receive(most, waitSeconds) {
      const command = new ReceiveMessageCommand({
        QueueUrl: url,
        MaxNumberOfMessages: Math.min(most, ENTRIES),
        WaitTimeSeconds: waitSeconds,
        MessageSystemAttributeNames: ["ApproximateReceiveCount", "SentTimestamp"],
        // Asked again because the answer was lost, a FIFO queue gives the same messages, instead of holding their groups back until they are visible again.
        ...(url.endsWith(".fifo") && { ReceiveRequestAttemptId: random.id() }),
      });
      const { Messages = [] } = await patiently({ clock, random }, () => clients.sqs.send(command)).catch(refused("receiving from"));
      return Messages.map(({ MessageId = "", ReceiptHandle = "", Body = "", Attributes = {} }) => ({
        physical: MessageId,
        receipt: ReceiptHandle,
        body: Body,
        receives: Number(Attributes.ApproximateReceiveCount ?? 1),
        sentAt: Number(Attributes.SentTimestamp ?? clock.now()),
      }));
    },
  };
}

/** A message that was deleted, or that is in another's hand since: SQS has three names for it, and some of them for other mistakes too. */
function isGone({ Code = "", Message = "" }: BatchResultErrorEntry): boolean {
  return /ReceiptHandleIsInvalid|MessageNotInflight/.test(Code) || (/InvalidParameterValue/.test(Code) && /receipt|visibility timeout change/i.test(Message));
}

function outcomes(
  count: number,
  failed: readonly BatchResultErrorEntry[] = [],
  forgiven: (failure: BatchResultErrorEntry) => boolean = () => false,
): Outcome<void>[] {
  const all = Array.from({ length: count }, (): Outcome<void> => ({ ok: true, value: undefined }));
  for (const failure of failed) {
    if (forgiven(failure)) continue;
    const { Id, Code = "", Message = "", SenderFault } = failure;
    all[Number(Id)] = { ok: false, error: Object.assign(new Error(Message || Code), { name: Code, senderFault: SenderFault }) };
  }
  return all;
}
