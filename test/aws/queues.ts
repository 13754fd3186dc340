/** The resources that messages travel through, made by the SDK as the construct makes them, under names that nobody else has. */
import { CreateLogGroupCommand } from "@aws-sdk/client-cloudwatch-logs";
import { CreateEventBusCommand, PutRuleCommand, PutTargetsCommand } from "@aws-sdk/client-eventbridge";
import { CreateScheduleGroupCommand } from "@aws-sdk/client-scheduler";
import { CreateQueueCommand, DeleteQueueCommand } from "@aws-sdk/client-sqs";
import type { AwsClients } from "../../adapters/aws/clients.ts";
import { eventSource } from "../../adapters/aws/events.ts";
import type { PoolResource, QueueResource, StackResources } from "../../adapters/aws/stack.ts";
import { ACCOUNT, REGION } from "./ministack.ts";
import { stackNamed } from "./resources.ts";

const VISIBILITY_SECONDS = 60;

/** Each receive of a contract's case counts: none of them may be the one that sends a message to the dead letters. */
const RECEIVES = 1000;

async function createQueue({ sqs }: Pick<AwsClients, "sqs">, name: string): Promise<QueueResource> {
  const fifo = name.endsWith(".fifo");
  const more = fifo ? { FifoQueue: "true", ContentBasedDeduplication: "true" } : {};
  const arnOf = (queue: string): string => `arn:aws:sqs:${REGION}:${ACCOUNT}:${queue}`;
  const dead = fifo ? name.replace(/\.fifo$/, "-dead.fifo") : `${name}-dead`;
  const { QueueUrl: deadLettersUrl = "" } = await sqs.send(new CreateQueueCommand({ QueueName: dead, Attributes: more }));
  const RedrivePolicy = JSON.stringify({ deadLetterTargetArn: arnOf(dead), maxReceiveCount: RECEIVES });
  const Attributes = { ...more, VisibilityTimeout: String(VISIBILITY_SECONDS), RedrivePolicy };
  const { QueueUrl: url = "" } = await sqs.send(new CreateQueueCommand({ QueueName: name, Attributes }));
  return { url, arn: arnOf(name), deadLettersUrl, visibilitySeconds: VISIBILITY_SECONDS };
}

/** A stack with a mailbox and one queue for each pool; `default` is always there. */
export async function createStackOfQueues(clients: AwsClients, name: string, pools: readonly string[] = []): Promise<StackResources> {
  const [mailbox, ...tasks] = await Promise.all([
    createQueue(clients, `${name}-mailbox.fifo`),
    ...["default", ...pools].map((_, i) => createQueue(clients, `${name}-tasks-${i}`)),
  ]);
  const poolOf = (i: number): PoolResource => ({ ...(tasks[i] as QueueResource), timeoutSeconds: 900 });
  return { ...stackNamed(name), mailbox: mailbox as QueueResource, pools: Object.fromEntries(["default", ...pools].map((pool, i) => [pool, poolOf(i)])) };
}

export async function deleteStackOfQueues({ sqs }: Pick<AwsClients, "sqs">, { mailbox, pools }: StackResources): Promise<void> {
  const urls = [mailbox, ...Object.values(pools)].flatMap(({ url, deadLettersUrl }) => [url, deadLettersUrl]);
  await Promise.all(urls.map((QueueUrl) => sqs.send(new DeleteQueueCommand({ QueueUrl }))));
}

export async function createScheduleGroup({ scheduler }: Pick<AwsClients, "scheduler">, { scheduleGroup }: StackResources): Promise<void> {
  await scheduler.send(new CreateScheduleGroupCommand({ Name: scheduleGroup }));
}

export async function createLogGroup({ logs }: Pick<AwsClients, "logs">, { logGroup }: StackResources): Promise<void> {
  await logs.send(new CreateLogGroupCommand({ logGroupName: logGroup }));
}

/** A bus of the stack's own, and the address of a queue that gets every event that its flows emit. */
export async function createBus(clients: Pick<AwsClients, "events" | "sqs">, { stack, eventBus }: StackResources): Promise<string> {
  const { url, arn } = await createQueue(clients, `${stack}-events`);
  await clients.events.send(new CreateEventBusCommand({ Name: eventBus }));
  const EventPattern = JSON.stringify({ source: [eventSource(stack)] });
  await clients.events.send(new PutRuleCommand({ Name: "emitted", EventBusName: eventBus, EventPattern }));
  await clients.events.send(new PutTargetsCommand({ Rule: "emitted", EventBusName: eventBus, Targets: [{ Id: "queue", Arn: arn }] }));
  return url;
}
