/** How many messages lie among a stack's dead letters, by the name of their queue: `mailbox`, or the pool's. SQS counts approximately. */
import { GetQueueAttributesCommand } from "@aws-sdk/client-sqs";
import { failure } from "./failure.ts";
import type { Parts } from "./parts.ts";

/** @throws WH3103 when one may not count them */
export async function countDeadLetters({ clients, stack }: Pick<Parts, "clients" | "stack">): Promise<ReadonlyMap<string, number>> {
  const queues = Object.entries({ mailbox: stack.mailbox, ...stack.pools });
  const counts = await Promise.all(
    queues.map(async ([name, { deadLettersUrl }]): Promise<[string, number]> => {
      const command = new GetQueueAttributesCommand({ QueueUrl: deadLettersUrl, AttributeNames: ["ApproximateNumberOfMessages"] });
      const { Attributes } = await clients.sqs.send(command).catch((error: unknown) => {
        throw failure(error, `counting the dead letters of ${name}`);
      });
      return [name, Number(Attributes?.ApproximateNumberOfMessages ?? 0)];
    }),
  );
  return new Map(counts.filter(([, count]) => count > 0));
}
