/**
 * What is on the bill without a request of ours: Lambda's pollers in front of the queues, and what Scheduler and EventBridge send into them. Each formula says where it comes from.
 */
import { queueRequests } from "../adapters/aws/meter.ts";
import { MINUTES_A_MONTH } from "../adapters/aws/prices.ts";
import { addUsage, timesUsage, type Usage } from "../adapters/aws/usage.ts";

/**
 * One batch that a poller brings to a function: one ReceiveMessage (of ten messages at most, and one request for each 64 KB of them), one invocation, and one DeleteMessageBatch
 * for what the function did not report as failed (none if nothing is left to delete). docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
 */
export function batchUsage(queueUrl: string, bytes: number, deleted: number): Usage {
  return addUsage(queueRequests(queueUrl, bytes), { "lambda.requests": 1 }, deleted > 0 ? queueRequests(queueUrl, 0) : {});
}

/** A schedule that fires: one invocation of Scheduler, and the SendMessage that it makes in our name. aws.amazon.com/eventbridge/pricing */
export function scheduleUsage(queueUrl: string, bytes: number): Usage {
  return addUsage({ "scheduler.invocations": 1 }, queueRequests(queueUrl, bytes));
}

/** A mapping begins with five pollers. docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html */
export const POLLERS = 5;
/**
 * Pollers of a queue that has nothing, each of which asks with a long poll of 20 seconds. Of a standard queue without a maximum concurrency AWS writes that with low traffic it "can
 * optimize to as few as 2" (the page above); of a FIFO queue it writes nothing, so the five are taken to stay. Users have read 15 empty receives a minute from idle queues, which is
 * five pollers (github.com/getlift/lift/issues/132): with five on both queues an idle month costs 0.16 dollars more.
 */
const IDLE_POLLERS = { standard: 2, fifo: 5 } as const;
export const LONG_POLL_SECONDS = 20;
export function idleQueueUsage(queueUrl: string, minutes = MINUTES_A_MONTH): Usage {
  const pollers = queueUrl.endsWith(".fifo") ? IDLE_POLLERS.fifo : IDLE_POLLERS.standard;
  return timesUsage(queueRequests(queueUrl, 0), (pollers * minutes * 60) / LONG_POLL_SECONDS);
}

/** A function that a rule of EventBridge invokes every so many minutes, and what one such invocation asks for. The rule itself costs nothing. aws.amazon.com/eventbridge/pricing */
export function routineUsage(everyMinutes: number, once: Usage, minutes = MINUTES_A_MONTH): Usage {
  return timesUsage(addUsage({ "lambda.requests": 1 }, once), minutes / everyMinutes);
}
