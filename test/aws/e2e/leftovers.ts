/** What there is of a stack, by asking each service: names, by kind. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { DescribeLogGroupsCommand } from "@aws-sdk/client-cloudwatch-logs";
import { ListTablesCommand } from "@aws-sdk/client-dynamodb";
import { ListRulesCommand } from "@aws-sdk/client-eventbridge";
import { ListEventSourceMappingsCommand, ListFunctionsCommand } from "@aws-sdk/client-lambda";
import { ListBucketsCommand } from "@aws-sdk/client-s3";
import { ListScheduleGroupsCommand, ListSchedulesCommand } from "@aws-sdk/client-scheduler";
import { ListSecretsCommand } from "@aws-sdk/client-secrets-manager";
import { ListQueuesCommand } from "@aws-sdk/client-sqs";
import { createClients } from "../../../adapters/aws/clients.ts";
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

export async function leftovers(server: MiniStack, { stack, scheduleGroup }: StackResources): Promise<Readonly<Record<string, readonly string[]>>> {
  const clients = createClients();
  const { dynamodb, sqs, lambda, scheduler, events, s3, logs, secrets } = clients;
  const others = await run(join(await pythonPrograms(), "python"), ["-c", OTHERS], { env: { ...process.env, ...environmentOf(server) } });
  const listed: Record<string, readonly (string | undefined)[]> = {
    ...(JSON.parse(others.stdout) as Record<string, readonly string[]>),
    tables: (await dynamodb.send(new ListTablesCommand({}))).TableNames ?? [],
    queues: (await sqs.send(new ListQueuesCommand({ QueueNamePrefix: stack }))).QueueUrls ?? [],
    functions: ((await lambda.send(new ListFunctionsCommand({}))).Functions ?? []).map(({ FunctionName }) => FunctionName),
    mappings: ((await lambda.send(new ListEventSourceMappingsCommand({}))).EventSourceMappings ?? []).map(({ FunctionArn }) => FunctionArn),
    groups: ((await scheduler.send(new ListScheduleGroupsCommand({}))).ScheduleGroups ?? []).map(({ Name }) => Name),
    schedules: ((await scheduler.send(new ListSchedulesCommand({}))).Schedules ?? []).map(({ GroupName, Name }) => `${GroupName}/${Name}`),
    rules: ((await events.send(new ListRulesCommand({}))).Rules ?? []).map(({ Name }) => Name),
    buckets: ((await s3.send(new ListBucketsCommand({}))).Buckets ?? []).map(({ Name }) => Name),
    logGroups: ((await logs.send(new DescribeLogGroupsCommand({}))).logGroups ?? []).map(({ logGroupName }) => logGroupName),
    secrets: ((await secrets.send(new ListSecretsCommand({}))).SecretList ?? []).map(({ Name }) => Name),
  };
  clients.close();
  const own = new RegExp(`(^|[/:])(${stack}|${scheduleGroup})([-/]|$)`, "i");
  return Object.fromEntries(Object.entries(listed).map(([kind, names]) => [kind, names.filter((name = "") => own.test(name)).map(String)]));
}
