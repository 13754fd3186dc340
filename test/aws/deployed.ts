/** One stack for all tests of a run that want one: the examples and the flows of `e2e/flows`, deployed to MiniStack with IAM enforced by the first that asks. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { CreateBucketCommand, PutBucketNotificationConfigurationCommand } from "@aws-sdk/client-s3";
import { CreateQueueCommand } from "@aws-sdk/client-sqs";
import { createClients } from "../../adapters/aws/clients.ts";
import type { StackResources } from "../../adapters/aws/stack.ts";
import { INCOMING_BUCKET, ORDERS_QUEUE } from "./e2e/flows/names.ts";
import { exclusively } from "./lock.ts";
import { environmentOf, type MiniStack, ministack, SERVERS } from "./ministack.ts";

/** Of the shared stack. */
export const NAME = "Shared";
const file = join(SERVERS, `${NAME}.stack`);
const root = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));

export interface Deployed {
  readonly server: MiniStack;
  readonly resources: StackResources;
}

/** Also tells this process's clients where it is. */
export async function sharedStack(): Promise<Deployed> {
  const server = await ministack({ auth: true });
  Object.assign(process.env, environmentOf(server));
  return exclusively(`${file}.lock`, async () => {
    if (!existsSync(file)) writeFileSync(file, JSON.stringify(await deployShared(server)));
    return { server, resources: JSON.parse(readFileSync(file, "utf8")) as StackResources };
  });
}

async function deployShared(server: MiniStack): Promise<StackResources> {
  // The CDK takes seconds to load, and only one process needs it.
  const { deploy } = await import("./cdk.ts");
  await makeUsersResources();
  const { resources, ms } = await deploy(server, NAME, { entry: [root("examples/index.ts"), root("test/aws/e2e/flows/index.ts")] });
  console.log(`The stack ${NAME} was deployed to ${server.endpoint} in ${(ms / 1000).toFixed(1)} s.`);
  return resources;
}

/** What triggers listen to and a stack does not make. */
async function makeUsersResources(): Promise<void> {
  const clients = createClients();
  await clients.s3.send(new CreateBucketCommand({ Bucket: INCOMING_BUCKET }));
  await clients.s3.send(
    new PutBucketNotificationConfigurationCommand({ Bucket: INCOMING_BUCKET, NotificationConfiguration: { EventBridgeConfiguration: {} } }),
  );
  await clients.sqs.send(new CreateQueueCommand({ QueueName: ORDERS_QUEUE }));
  clients.close();
}
