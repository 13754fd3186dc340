/**
 * What stays of a stack when it is deleted, and how it is found when CloudFormation remembers nothing of it: its tables say in their tags which stack they belonged to, and which
 * bucket lay beside them; log groups and secrets have its name in theirs.
 */
import { DeleteLogGroupCommand, DescribeLogGroupsCommand } from "@aws-sdk/client-cloudwatch-logs";
import { DeleteTableCommand, DescribeTableCommand, ListTagsOfResourceCommand, paginateListTables } from "@aws-sdk/client-dynamodb";
import { DeleteBucketCommand, HeadBucketCommand } from "@aws-sdk/client-s3";
import type { AwsClients } from "./clients.ts";
import { deleteSecret, emptyBucket, secretsBelow } from "./emptying.ts";
import { answered, isNamed } from "./failure.ts";
import { BUCKET_TAG, STACK_TAG, type StackResources } from "./stack.ts";

type Clients = Pick<AwsClients, "dynamodb" | "s3" | "logs" | "secrets">;

/** Names, by kind. */
export interface KeptData {
  readonly tables: readonly string[];
  readonly buckets: readonly string[];
  readonly logGroups: readonly string[];
  readonly secrets: readonly string[];
}

/**
 * All data of stacks of this name, of those that were deleted too. `deployed` describes the stack that is there, if one is.
 * @throws WH3102 without credentials · WH3103 when AWS denies it · WH3106 when it cannot be reached
 */
export async function findKeptData(clients: Clients, stack: string, deployed?: StackResources): Promise<KeptData> {
  const tables = new Set(deployed && [deployed.stateTable, deployed.runsTable]);
  const buckets = new Set(deployed && [deployed.bucket]);
  for await (const { table, tags } of taggedTables(clients, stack)) {
    tables.add(table);
    const bucket = tags.get(BUCKET_TAG);
    if (bucket !== undefined && (await isThere(clients, bucket))) buckets.add(bucket);
  }
  return {
    tables: [...tables].sort(),
    buckets: [...buckets].sort(),
    logGroups: await logGroupsBelow(clients, `/windhover/${stack}/`),
    secrets: await answered(secretsBelow(clients, `/${stack}/blocks/`), `looking for secrets of ${stack}`),
  };
}

/** CloudFormation begins a table's name with its stack's; the names of other stacks may begin so too. */
async function* taggedTables(clients: Clients, stack: string): AsyncGenerator<{ readonly table: string; readonly tags: ReadonlyMap<string, string> }> {
  const doing = `looking for tables of ${stack}`;
  for (const table of await answered(tableNames(clients), doing)) {
    if (!table.startsWith(`${stack}-`)) continue;
    const { Table } = await answered(clients.dynamodb.send(new DescribeTableCommand({ TableName: table })), doing);
    const { Tags = [] } = await answered(clients.dynamodb.send(new ListTagsOfResourceCommand({ ResourceArn: Table?.TableArn })), doing);
    const tags = new Map(Tags.map(({ Key = "", Value = "" }) => [Key, Value]));
    if (tags.get(STACK_TAG) === stack) yield { table, tags };
  }
}

async function tableNames({ dynamodb }: Clients): Promise<readonly string[]> {
  const names: string[] = [];
  for await (const { TableNames = [] } of paginateListTables({ client: dynamodb }, {})) names.push(...TableNames);
  return names;
}

async function isThere({ s3 }: Clients, Bucket: string): Promise<boolean> {
  try {
    await s3.send(new HeadBucketCommand({ Bucket }));
    return true;
  } catch (error) {
    if (isNamed(error, "NotFound", "NoSuchBucket")) return false;
    return answered(Promise.reject(error), `looking for the bucket ${Bucket}`);
  }
}

async function logGroupsBelow({ logs }: Clients, logGroupNamePrefix: string): Promise<readonly string[]> {
  const names: string[] = [];
  let nextToken: string | undefined;
  do {
    const command = new DescribeLogGroupsCommand({ logGroupNamePrefix, nextToken });
    const page = await answered(logs.send(command), `looking for log groups below ${logGroupNamePrefix}`);
    for (const { logGroupName } of page.logGroups ?? []) if (logGroupName?.startsWith(logGroupNamePrefix)) names.push(logGroupName);
    nextToken = page.nextToken;
  } while (nextToken !== undefined);
  return names;
}

/**
 * Deletes it for good. Tables go last, because they are what the rest is found by: what fails in between can be done again.
 * @throws WH3103 when AWS denies it · WH3107 when it refuses
 */
export async function deleteKeptData(clients: Clients, { tables, buckets, logGroups, secrets }: KeptData): Promise<void> {
  const { dynamodb, s3, logs } = clients;
  for (const bucket of buckets)
    await unlessGone(`deleting the bucket ${bucket}`, async () => {
      await emptyBucket(clients, bucket);
      await s3.send(new DeleteBucketCommand({ Bucket: bucket }));
    });
  for (const secret of secrets) await unlessGone(`deleting the secret ${secret}`, () => deleteSecret(clients, secret));
  for (const logGroupName of logGroups)
    await unlessGone(`deleting the log group ${logGroupName}`, () => logs.send(new DeleteLogGroupCommand({ logGroupName })));
  for (const TableName of tables) await unlessGone(`deleting the table ${TableName}`, () => dynamodb.send(new DeleteTableCommand({ TableName })));
}

async function unlessGone(doing: string, act: () => Promise<unknown>): Promise<void> {
  try {
    await act();
  } catch (error) {
    if (!isNamed(error, "ResourceNotFoundException", "NoSuchBucket", "NotFound")) await answered(Promise.reject(error), doing);
  }
}
