/** A stack's resources without a stack: tables and a bucket, made by the SDK as the construct makes them. */
import { type AttributeDefinition, CreateTableCommand, type CreateTableCommandInput, DeleteTableCommand, waitUntilTableExists } from "@aws-sdk/client-dynamodb";
import { CreateBucketCommand, DeleteBucketCommand, DeleteObjectsCommand, ListObjectsV2Command } from "@aws-sdk/client-s3";
import type { AwsClients } from "../../adapters/aws/clients.ts";
import type { StackResources } from "../../adapters/aws/stack.ts";
import { ACCOUNT, REGION } from "./ministack.ts";

/** A description in which nothing exists yet. Names start with `name`. */
export function stackNamed(name: string): StackResources {
  const queue = (queueName: string) => ({
    url: `http://127.0.0.1/${ACCOUNT}/${queueName}`,
    arn: `arn:aws:sqs:${REGION}:${ACCOUNT}:${queueName}`,
    deadLettersUrl: `http://127.0.0.1/${ACCOUNT}/${queueName}-dead`,
    visibilitySeconds: 60,
  });
  return {
    format: 1,
    stack: name,
    region: REGION,
    account: ACCOUNT,
    stateTable: `${name}-state`,
    runsTable: `${name}-runs`,
    bucket: `${name}-bucket`,
    mailbox: queue(`${name}-mailbox.fifo`),
    pools: { default: { ...queue(`${name}-tasks`), timeoutSeconds: 900 } },
    scheduleGroup: name,
    scheduleRoleArn: `arn:aws:iam::${ACCOUNT}:role/${name}`,
    logGroup: `/${name}`,
    eventBus: "default",
    secretsPrefix: `/${name}/blocks/`,
    functions: { orchestrator: `${name}-orchestrator`, executor: `${name}-executor`, api: `${name}-api`, deadLetters: `${name}-dead-letters` },
  };
}

const strings = (...names: readonly string[]): AttributeDefinition[] => names.map((name) => ({ AttributeName: name, AttributeType: "S" }));
const keys = (hash: string, range: string): CreateTableCommandInput["KeySchema"] => [
  { AttributeName: hash, KeyType: "HASH" },
  { AttributeName: range, KeyType: "RANGE" },
];
const index = (name: string, hash: string) => ({ IndexName: name, KeySchema: keys(hash, "at"), Projection: { ProjectionType: "ALL" as const } });

export async function createTables({ dynamodb }: Pick<AwsClients, "dynamodb">, { stateTable, runsTable }: StackResources): Promise<void> {
  const common = { KeySchema: keys("pk", "sk"), BillingMode: "PAY_PER_REQUEST" as const };
  await dynamodb.send(new CreateTableCommand({ ...common, TableName: stateTable, AttributeDefinitions: strings("pk", "sk") }));
  await dynamodb.send(
    new CreateTableCommand({
      ...common,
      TableName: runsTable,
      AttributeDefinitions: strings("pk", "sk", "flow", "state", "parent", "at"),
      GlobalSecondaryIndexes: [index("byFlow", "flow"), index("byState", "state"), index("byParent", "parent")],
    }),
  );
  for (const TableName of [stateTable, runsTable])
    await waitUntilTableExists({ client: dynamodb, maxWaitTime: 60, minDelay: 0.05, maxDelay: 1 }, { TableName });
}

export async function deleteTables({ dynamodb }: Pick<AwsClients, "dynamodb">, { stateTable, runsTable }: StackResources): Promise<void> {
  for (const TableName of [stateTable, runsTable]) await dynamodb.send(new DeleteTableCommand({ TableName }));
}

export async function createBucket({ s3 }: Pick<AwsClients, "s3">, { bucket }: StackResources): Promise<void> {
  await s3.send(new CreateBucketCommand({ Bucket: bucket }));
}

export async function deleteBucket({ s3 }: Pick<AwsClients, "s3">, { bucket }: StackResources): Promise<void> {
  for (;;) {
    const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket: bucket }));
    if (Contents.length === 0) break;
    await s3.send(new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects: Contents.map(({ Key }) => ({ Key })) } }));
  }
  await s3.send(new DeleteBucketCommand({ Bucket: bucket }));
}
