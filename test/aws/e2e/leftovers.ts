/** What there is of a stack, by asking each service: names, by kind. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { CloudWatchLogsClient, paginateDescribeLogGroups } from "@aws-sdk/client-cloudwatch-logs";
import { DynamoDBClient, paginateListTables } from "@aws-sdk/client-dynamodb";
import { EventBridgeClient, ListRulesCommand } from "@aws-sdk/client-eventbridge";
import { LambdaClient, paginateListEventSourceMappings, paginateListFunctions } from "@aws-sdk/client-lambda";
import { ListBucketsCommand, S3Client } from "@aws-sdk/client-s3";
import { paginateListScheduleGroups, paginateListSchedules, SchedulerClient } from "@aws-sdk/client-scheduler";
import { paginateListSecrets, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { paginateListQueues, SQSClient } from "@aws-sdk/client-sqs";
import type { StackResources } from "../../../adapters/aws/stack.ts";
import { environmentOf, type MiniStack } from "../ministack.ts";
import { pythonPrograms } from "../python.ts";

const run = promisify(execFile);
/** For what we have no client: only tests ask for it. */
const OTHERS = `
import boto3, json
roles = [role["RoleName"] for page in boto3.client("iam").get_paginator("list_roles").paginate() for role in page["Roles"]]
apis = [api["Name"] for api in boto3.client("apigatewayv2").get_apis()["Items"]]
print(json.dumps({"roles": roles, "apis": apis}))
`;

/** Every page: in an emulator that many tests share, what is looked for may stand on the second. */
async function all<Page>(
  pages: AsyncIterable<Page>,
  namesOf: (page: Page) => readonly (string | undefined)[] | undefined,
): Promise<readonly (string | undefined)[]> {
  const names: (string | undefined)[] = [];
  for await (const page of pages) names.push(...(namesOf(page) ?? []));
  return names;
}

export async function leftovers(server: MiniStack, { stack, scheduleGroup }: StackResources): Promise<Readonly<Record<string, readonly string[]>>> {
  // Clients of the packages' own classes: their paginators take no others.
  const clients = {
    dynamodb: new DynamoDBClient(),
    sqs: new SQSClient(),
    lambda: new LambdaClient(),
    scheduler: new SchedulerClient(),
    events: new EventBridgeClient(),
    s3: new S3Client({ forcePathStyle: true }),
    logs: new CloudWatchLogsClient(),
    secrets: new SecretsManagerClient(),
  };
  const { dynamodb, sqs, lambda, scheduler, events, s3, logs, secrets } = clients;
  const others = await run(join(await pythonPrograms(), "python"), ["-c", OTHERS], { env: { ...process.env, ...environmentOf(server) } });
  const listed: Record<string, readonly (string | undefined)[]> = {
    ...(JSON.parse(others.stdout) as Record<string, readonly string[]>),
    tables: await all(paginateListTables({ client: dynamodb }, {}), ({ TableNames }) => TableNames),
    queues: await all(paginateListQueues({ client: sqs }, { QueueNamePrefix: stack }), ({ QueueUrls }) => QueueUrls),
    functions: await all(paginateListFunctions({ client: lambda }, {}), ({ Functions }) => Functions?.map(({ FunctionName }) => FunctionName)),
    mappings: await all(paginateListEventSourceMappings({ client: lambda }, {}), (page) => page.EventSourceMappings?.map(({ FunctionArn }) => FunctionArn)),
    groups: await all(paginateListScheduleGroups({ client: scheduler }, {}), ({ ScheduleGroups }) => ScheduleGroups?.map(({ Name }) => Name)),
    schedules: await all(paginateListSchedules({ client: scheduler }, {}), ({ Schedules }) => Schedules?.map(({ GroupName, Name }) => `${GroupName}/${Name}`)),
    rules: ((await events.send(new ListRulesCommand({}))).Rules ?? []).map(({ Name }) => Name),
    buckets: ((await s3.send(new ListBucketsCommand({}))).Buckets ?? []).map(({ Name }) => Name),
    logGroups: await all(paginateDescribeLogGroups({ client: logs }, {}), ({ logGroups }) => logGroups?.map(({ logGroupName }) => logGroupName)),
    secrets: await all(paginateListSecrets({ client: secrets }, {}), ({ SecretList }) => SecretList?.map(({ Name }) => Name)),
  };
  for (const client of Object.values(clients)) client.destroy();
  const own = new RegExp(`(^|[/:])(${stack}|${scheduleGroup})([-/]|$)`, "i");
  return Object.fromEntries(Object.entries(listed).map(([kind, names]) => [kind, names.filter((name = "") => own.test(name)).map(String)]));
}
