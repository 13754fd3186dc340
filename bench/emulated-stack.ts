/** A stack's resources on an emulator, without a deployment. Nothing of it is metered. */
import { CreateQueueCommand } from "@aws-sdk/client-sqs";
import type { AwsClients } from "../adapters/aws/clients.ts";
import type { PoolResource, QueueResource, StackResources } from "../adapters/aws/stack.ts";
import { createBucket, createTables, stackNamed } from "../test/aws/resources.ts";

/** The time-out of the functions, unless a pool says otherwise, as the construct has it. */
export const TIMEOUT_SECONDS = 900;

/** `pools`: how long the tasks of each may take, in seconds. */
export async function createStack(clients: AwsClients, name: string, pools: Readonly<Record<string, number>>): Promise<StackResources> {
  const stack = stackNamed(name);
  await createTables(clients, stack);
  await createBucket(clients, stack);
  const mailbox = await createQueue(clients, stack.mailbox);
  const made: Record<string, PoolResource> = {};
  for (const [pool, timeoutSeconds] of Object.entries({ default: TIMEOUT_SECONDS, ...pools })) {
    const arn = `${stack.pools["default"]?.arn}-${pool}`;
    made[pool] = { ...(await createQueue(clients, { ...mailbox, arn }, timeoutSeconds)), timeoutSeconds };
  }
  return { ...stack, mailbox, pools: made };
}

async function createQueue({ sqs }: AwsClients, { arn }: QueueResource, visibilitySeconds = TIMEOUT_SECONDS): Promise<QueueResource> {
  const name = arn.slice(arn.lastIndexOf(":") + 1);
  const fifo = name.endsWith(".fifo") && { FifoQueue: "true", ContentBasedDeduplication: "true" };
  const Attributes = { VisibilityTimeout: String(visibilitySeconds), MaximumMessageSize: String(1024 * 1024), ...fifo };
  const make = async (QueueName: string): Promise<string> => (await sqs.send(new CreateQueueCommand({ QueueName, Attributes }))).QueueUrl ?? "";
  return { url: await make(name), arn, deadLettersUrl: await make(name.replace(/(\.fifo)?$/, "-dead$1")), visibilitySeconds };
}
