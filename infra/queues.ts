/** The mailbox, one message group an actor, and a task queue a pool; each with its dead letters. */
import { Duration } from "aws-cdk-lib";
import type { IKey } from "aws-cdk-lib/aws-kms";
import { DeduplicationScope, FifoThroughputLimit, Queue, QueueEncryption, type QueueProps } from "aws-cdk-lib/aws-sqs";
import type { Construct } from "constructs";
import type { QueueResource } from "../adapters/aws/stack.ts";
import type { Access } from "./access.ts";

export interface QueuePair {
  readonly queue: Queue;
  readonly deadLetters: Queue;
  /** Unit: seconds. */
  readonly visibilitySeconds: number;
}

/** A message that has come so often is none that a turn failed on: who is to blame is read from the log, long before. */
const RECEIVES = 15;
const RETENTION = Duration.days(14);
/** SQS's own bound, which messages are packed up to. It is said, because a queue's default has been a quarter of it. */
const MESSAGE_BYTES = 1_048_576;
/** As long as the function runs that drains dead letters. Unit: seconds. */
export const DRAIN_SECONDS = 120;

/** Deduplication saves work and nothing rests on it; what Scheduler and EventBridge send has no id but its content. */
export function makeMailbox(scope: Construct, visibilitySeconds: number, key?: IKey): QueuePair {
  return pair(scope, "Mailbox", visibilitySeconds, key, {
    fifo: true,
    contentBasedDeduplication: true,
    deduplicationScope: DeduplicationScope.MESSAGE_GROUP,
    fifoThroughputLimit: FifoThroughputLimit.PER_MESSAGE_GROUP_ID,
  });
}

export function makeTaskQueue(scope: Construct, id: string, visibilitySeconds: number, key?: IKey): QueuePair {
  return pair(scope, id, visibilitySeconds, key, {});
}

/** An event source mapping wants a visibility of at least the function's timeout; handlers shorten it, so that a death is noticed sooner. */
function pair(scope: Construct, id: string, visibilitySeconds: number, key: IKey | undefined, props: QueueProps): QueuePair {
  const common = {
    ...props,
    retentionPeriod: RETENTION,
    maxMessageSizeBytes: MESSAGE_BYTES,
    enforceSSL: true,
    ...(key ? { encryption: QueueEncryption.KMS, encryptionMasterKey: key } : { encryption: QueueEncryption.SQS_MANAGED }),
  } satisfies QueueProps;
  const deadLetters = new Queue(scope, `${id}DeadLetters`, { ...common, visibilityTimeout: Duration.seconds(DRAIN_SECONDS) });
  const queue = new Queue(scope, id, {
    ...common,
    visibilityTimeout: Duration.seconds(visibilitySeconds),
    deadLetterQueue: { queue: deadLetters, maxReceiveCount: RECEIVES },
  });
  return { queue, deadLetters, visibilitySeconds };
}

export function describeQueue({ queue, deadLetters, visibilitySeconds }: QueuePair): QueueResource {
  return { url: queue.queueUrl, arn: queue.queueArn, deadLettersUrl: deadLetters.queueUrl, visibilitySeconds };
}

const CONSUME = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility", "sqs:GetQueueAttributes", "sqs:GetQueueUrl"];

export const sendTo = (...pairs: readonly QueuePair[]): Access[] => [{ actions: ["sqs:SendMessage"], on: pairs.map(({ queue }) => queue.queueArn) }];
export const consume = (...pairs: readonly QueuePair[]): Access[] => [{ actions: CONSUME, on: pairs.map(({ queue }) => queue.queueArn) }];
export const drainDeadLetters = (...pairs: readonly QueuePair[]): Access[] => [{ actions: CONSUME, on: pairs.map(({ deadLetters }) => deadLetters.queueArn) }];
export const countMessages = (...pairs: readonly QueuePair[]): Access[] => [
  { actions: ["sqs:GetQueueAttributes"], on: pairs.flatMap(({ queue, deadLetters }) => [queue.queueArn, deadLetters.queueArn]) },
];
