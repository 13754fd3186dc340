/** A queue with its dead letters, as the construct makes them, but for the times. */
import { CreateQueueCommand } from "@aws-sdk/client-sqs";
import type { AwsClients } from "../../../adapters/aws/clients.ts";
import type { QueueResource } from "../../../adapters/aws/stack.ts";
import { ACCOUNT, REGION } from "../ministack.ts";

export interface PairOptions {
  readonly visibilitySeconds: number;
  readonly receives: number;
}

export async function createPair({ sqs }: Pick<AwsClients, "sqs">, name: string, { visibilitySeconds, receives }: PairOptions): Promise<QueueResource> {
  const fifo = name.endsWith(".fifo") ? { FifoQueue: "true", ContentBasedDeduplication: "true" } : {};
  const common = { ...fifo, MaximumMessageSize: String(1024 * 1024), VisibilityTimeout: String(visibilitySeconds) };
  const arnOf = (queue: string): string => `arn:aws:sqs:${REGION}:${ACCOUNT}:${queue}`;
  const dead = name.replace(/(\.fifo)?$/, "-dead$1");
  const { QueueUrl: deadLettersUrl = "" } = await sqs.send(new CreateQueueCommand({ QueueName: dead, Attributes: { ...common, VisibilityTimeout: "120" } }));
  const RedrivePolicy = JSON.stringify({ deadLetterTargetArn: arnOf(dead), maxReceiveCount: receives });
  const { QueueUrl: url = "" } = await sqs.send(new CreateQueueCommand({ QueueName: name, Attributes: { ...common, RedrivePolicy } }));
  return { url, arn: arnOf(name), deadLettersUrl, visibilitySeconds };
}
