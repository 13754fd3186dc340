/** What is taken for a deleted stack's data, and in which order it goes. */
import { CloudWatchLogsClient, DeleteLogGroupCommand, DescribeLogGroupsCommand } from "@aws-sdk/client-cloudwatch-logs";
import { DeleteTableCommand, DescribeTableCommand, DynamoDBClient, ListTablesCommand, ListTagsOfResourceCommand } from "@aws-sdk/client-dynamodb";
import { DeleteBucketCommand, HeadBucketCommand, ListObjectVersionsCommand, S3Client } from "@aws-sdk/client-s3";
import { DeleteSecretCommand, ListSecretsCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { mockClient } from "aws-sdk-client-mock";
import { beforeEach, expect, test } from "vitest";
import { createClients } from "../../adapters/aws/clients.ts";
import { deleteKeptData, findKeptData } from "../../adapters/aws/kept-data.ts";
import { BUCKET_TAG, STACK_TAG } from "../../adapters/aws/stack.ts";
import { refusal } from "./parts.ts";

const [dynamodb, s3, logs, secrets] = [mockClient(DynamoDBClient), mockClient(S3Client), mockClient(CloudWatchLogsClient), mockClient(SecretsManagerClient)];
const clients = createClients({ region: "us-east-1" });
const tables: Record<string, Readonly<Record<string, string>>> = {};

beforeEach(() => {
  for (const mock of [dynamodb, s3, logs, secrets]) mock.reset();
  for (const name of Object.keys(tables)) delete tables[name];
  dynamodb.on(ListTablesCommand).callsFake(() => ({ TableNames: Object.keys(tables) }));
  dynamodb.on(DescribeTableCommand).callsFake(({ TableName }: { TableName: string }) => ({ Table: { TableArn: `arn:${TableName}` } }));
  dynamodb.on(ListTagsOfResourceCommand).callsFake(({ ResourceArn }: { ResourceArn: string }) => ({
    Tags: Object.entries(tables[ResourceArn.slice(4)] ?? {}).map(([Key, Value]) => ({ Key, Value })),
  }));
  dynamodb.on(DeleteTableCommand).resolves({});
  s3.on(HeadBucketCommand).resolves({}).on(ListObjectVersionsCommand).resolves({}).on(DeleteBucketCommand).resolves({});
  logs.on(DescribeLogGroupsCommand).resolves({}).on(DeleteLogGroupCommand).resolves({});
  secrets.on(ListSecretsCommand).resolves({}).on(DeleteSecretCommand).resolves({});
});

test("tables with the stack's tag are its own, of each stack of that name that there was, and lead to their buckets; those of other stacks and of nobody are not", async () => {
  Object.assign(tables, {
    "Flows-State-1": { [STACK_TAG]: "Flows", [BUCKET_TAG]: "flows-results-1" },
    "Flows-Runs-1": { [STACK_TAG]: "Flows", [BUCKET_TAG]: "flows-results-1" },
    "Flows-State-2": { [STACK_TAG]: "Flows", [BUCKET_TAG]: "flows-results-gone" },
    "Flows-prod-State-3": { [STACK_TAG]: "Flows-prod", [BUCKET_TAG]: "flows-prod-results" },
    "Flows-State-by-hand": {},
    Customers: { [STACK_TAG]: "Flows" },
  });
  s3.on(HeadBucketCommand, { Bucket: "flows-results-gone" }).rejects(refusal("NotFound"));
  logs
    .on(DescribeLogGroupsCommand)
    .resolvesOnce({ logGroups: [{ logGroupName: "/windhover/Flows/a" }], nextToken: "more" })
    .resolves({ logGroups: [{ logGroupName: "/windhover/Flows/b" }] });
  secrets.on(ListSecretsCommand).resolves({ SecretList: [{ Name: "/Flows/blocks/secret/key" }, { Name: "/Flows/blocksmith" }] });
  expect(await findKeptData(clients, "Flows")).toEqual({
    tables: ["Flows-Runs-1", "Flows-State-1", "Flows-State-2"],
    buckets: ["flows-results-1"],
    logGroups: ["/windhover/Flows/a", "/windhover/Flows/b"],
    secrets: ["/Flows/blocks/secret/key"],
  });
  expect(logs.commandCalls(DescribeLogGroupsCommand)[0]?.args[0].input.logGroupNamePrefix).toBe("/windhover/Flows/");
});

test("tables go last: when something before them cannot be deleted, all of it is found again", async () => {
  const data = { tables: ["state", "runs"], buckets: ["results"], logGroups: ["log"], secrets: ["key"] };
  logs.on(DeleteLogGroupCommand).rejectsOnce(refusal("AccessDeniedException")).resolves({});
  await expect(deleteKeptData(clients, data)).rejects.toMatchObject({ code: "WH3103", message: expect.stringContaining("the log group log") });
  expect(dynamodb.commandCalls(DeleteTableCommand)).toEqual([]);
  // What went the first time is gone, which is as good.
  s3.on(ListObjectVersionsCommand).rejects(refusal("NoSuchBucket"));
  secrets.on(DeleteSecretCommand).rejects(refusal("ResourceNotFoundException"));
  await deleteKeptData(clients, data);
  expect(dynamodb.commandCalls(DeleteTableCommand).map(({ args }) => args[0].input.TableName)).toEqual(["state", "runs"]);
});
