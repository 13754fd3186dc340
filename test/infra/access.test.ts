import { describe, expect, test } from "vitest";
import { Roles } from "./roles.ts";
import { construct, templateOf } from "./synth.ts";

const roles = new Roles(templateOf(construct({ api: true })));
const state = roles.arn("FlowsState");
const runs = roles.arn("FlowsRuns");
const bucket = roles.arn("FlowsResults");
const mailbox = roles.arn("FlowsMailbox");
const deadMail = roles.arn("FlowsMailboxDeadLetters");
const defaultPool = roles.arn("FlowsPooldefault");
const largePool = roles.arn("FlowsPoollarge");
const fargatePool = roles.arn("FlowsPoolfargate");
const scheduleRole = roles.arn("FlowsSchedulesRole");
const taskRole = roles.arn("FlowsfargateTaskTaskRole");
const logs = roles.arn("FlowsLogs");
const cluster = roles.arn("FlowsContainers");
const running = `arn:aws:ecs:us-east-1:000000000000:task/${roles.id("FlowsContainers")}/0a1b`;
const timer = "arn:aws:scheduler:us-east-1:000000000000:schedule/Shop/timer-abc";
const family = "arn:aws:ecs:us-east-1:000000000000:task-definition/Shop-fargate:7";
const block = "arn:aws:secretsmanager:us-east-1:000000000000:secret:/Shop/blocks/secret/key-AbCdEf";
const bus = "arn:aws:events:us-east-1:000000000000:event-bus/default";
const orchestrator = "arn:aws:lambda:us-east-1:000000000000:function:Shop-orchestrator";
const anotherTable = "arn:aws:dynamodb:us-east-1:000000000000:table/Customers";
const anotherSecret = "arn:aws:secretsmanager:us-east-1:000000000000:secret:/Other/blocks/secret/key-AbCdEf";

const log = { "dynamodb:LeadingKeys": ["run:quick-heron"] };
const cache = { "dynamodb:LeadingKeys": ["registry/cache/1"] };
const claim = { "dynamodb:LeadingKeys": ["claim/run:quick-heron"] };
const mark = { "dynamodb:LeadingKeys": ["abort/run:quick-heron"] };
const toScheduler = { "iam:PassedToService": "scheduler.amazonaws.com" };
const toContainers = { "iam:PassedToService": "ecs-tasks.amazonaws.com" };
const emitted = { "events:source": ["windhover.Shop"] };
const here = { "ecs:cluster": cluster };
type Question = readonly [action: string, resource: string, context?: Readonly<Record<string, string | string[]>>];

/** By role: what it must be able to do, and what it must not. */
const QUESTIONS: Readonly<Record<string, { readonly may: readonly Question[]; readonly mayNot: readonly Question[] }>> = {
  FlowsOrchestratorRole: {
    may: [
      ["dynamodb:PutItem", state, log],
      ["dynamodb:Query", state, log],
      ["dynamodb:BatchWriteItem", state, mark],
      ["dynamodb:PutItem", runs],
      ["dynamodb:Query", `${runs}/index/byFlow`],
      ["s3:GetObject", `${bucket}/results/a`],
      // Else a result that is gone is denied, not missing.
      ["s3:ListBucket", bucket],
      ["s3:PutObject", `${bucket}/results/a`],
      ["s3:PutObject", `${bucket}/dead-letters/a`],
      ["sqs:ReceiveMessage", mailbox],
      ["sqs:DeleteMessage", mailbox],
      ["sqs:ChangeMessageVisibility", mailbox],
      ["sqs:SendMessage", mailbox],
      ["sqs:SendMessage", defaultPool],
      ["sqs:SendMessage", largePool],
      ["sqs:SendMessage", fargatePool],
      ["scheduler:CreateSchedule", timer],
      ["scheduler:DeleteSchedule", timer],
      ["iam:PassRole", scheduleRole, toScheduler],
      ["secretsmanager:GetSecretValue", block],
      ["events:PutEvents", bus, emitted],
      ["ecs:RunTask", family, here],
      ["iam:PassRole", taskRole, toContainers],
      ["lambda:InvokeFunction", `${orchestrator}:3`],
      ["lambda:ListVersionsByFunction", orchestrator],
    ],
    mayNot: [
      ["dynamodb:PutItem", anotherTable],
      ["dynamodb:DeleteTable", state],
      ["dynamodb:Scan", state],
      ["s3:DeleteObject", `${bucket}/results/a`],
      ["sqs:ReceiveMessage", defaultPool],
      ["sqs:ReceiveMessage", deadMail],
      ["sqs:PurgeQueue", mailbox],
      ["scheduler:DeleteSchedule", "arn:aws:scheduler:us-east-1:000000000000:schedule/Shop/nightly"],
      ["scheduler:CreateSchedule", "arn:aws:scheduler:us-east-1:000000000000:schedule/Other/timer-abc"],
      ["iam:PassRole", scheduleRole, toContainers],
      ["iam:PassRole", "arn:aws:iam::000000000000:role/Admin", toScheduler],
      ["secretsmanager:GetSecretValue", anotherSecret],
      ["secretsmanager:PutSecretValue", block],
      ["events:PutEvents", bus, { "events:source": ["windhover.Shop", "aws.s3"] }],
      ["ecs:RunTask", family, { "ecs:cluster": "arn:aws:ecs:us-east-1:000000000000:cluster/other" }],
      ["lambda:InvokeFunction", "arn:aws:lambda:us-east-1:000000000000:function:Shop-deployed"],
      ["lambda:UpdateFunctionCode", orchestrator],
    ],
  },
  FlowsExecutorRole: {
    may: [
      ["dynamodb:PutItem", state, cache],
      ["dynamodb:Query", state, mark],
      ["dynamodb:PutItem", state, claim],
      ["dynamodb:GetItem", state, claim],
      ["dynamodb:PutItem", runs],
      ["s3:PutObject", `${bucket}/results/a`],
      ["s3:ListBucket", bucket],
      ["sqs:ReceiveMessage", defaultPool],
      ["sqs:SendMessage", defaultPool],
      ["sqs:SendMessage", mailbox],
      ["secretsmanager:GetSecretValue", block],
      ["lambda:InvokeFunction", "arn:aws:lambda:us-east-1:000000000000:function:Shop-executor:3"],
    ],
    mayNot: [
      ["dynamodb:PutItem", state, log],
      ["dynamodb:Query", state, log],
      ["dynamodb:DeleteItem", state, claim],
      ["dynamodb:Query", runs],
      ["sqs:ReceiveMessage", mailbox],
      ["sqs:ReceiveMessage", largePool],
      ["scheduler:CreateSchedule", timer],
      ["ecs:RunTask", family, here],
      ["lambda:InvokeFunction", `${orchestrator}:3`],
    ],
  },
  FlowsExecutorlargeRole: { may: [["sqs:ReceiveMessage", largePool]], mayNot: [["sqs:ReceiveMessage", defaultPool]] },
  FlowsfargateTaskTaskRole: {
    may: [
      ["sqs:ReceiveMessage", fargatePool],
      ["sqs:SendMessage", mailbox],
      ["s3:GetObject", `${bucket}/builds/b1.mjs`],
      ["s3:ListBucket", bucket],
      ["dynamodb:PutItem", state, cache],
      ["secretsmanager:GetSecretValue", block],
    ],
    mayNot: [
      ["sqs:ReceiveMessage", defaultPool],
      ["dynamodb:PutItem", state, log],
      ["iam:PassRole", taskRole, toContainers],
      ["s3:PutObject", `${bucket}/builds/b1.mjs`],
    ],
  },
  FlowsDeadLettersRole: {
    may: [
      ["sqs:ReceiveMessage", deadMail],
      ["sqs:DeleteMessage", deadMail],
      ["sqs:GetQueueAttributes", fargatePool],
      ["sqs:SendMessage", mailbox],
      ["dynamodb:PutItem", state, log],
      ["ecs:RunTask", family, here],
    ],
    mayNot: [
      ["sqs:ReceiveMessage", mailbox],
      ["secretsmanager:GetSecretValue", block],
      ["s3:DeleteObject", `${bucket}/results/a`],
    ],
  },
  FlowsIntakeRole: {
    may: [
      ["sqs:ReceiveMessage", "arn:aws:sqs:us-east-1:000000000000:orders"],
      ["sqs:SendMessage", mailbox],
    ],
    mayNot: [
      ["sqs:ReceiveMessage", mailbox],
      ["dynamodb:GetItem", state],
    ],
  },
  FlowsApiFunctionRole: {
    may: [
      ["sqs:SendMessage", mailbox],
      ["dynamodb:Query", `${runs}/index/byState`],
      ["logs:FilterLogEvents", logs],
    ],
    mayNot: [
      ["dynamodb:PutItem", state, log],
      ["secretsmanager:GetSecretValue", block],
      ["sqs:ReceiveMessage", mailbox],
    ],
  },
  FlowsDeployedRole: {
    may: [
      ["sqs:SendMessage", mailbox],
      ["dynamodb:Query", runs],
      ["s3:PutObject", `${bucket}/builds/b1.mjs`],
      ["s3:ListBucket", bucket],
      ["s3:DeleteObject", `${bucket}/builds/b1.mjs`],
      ["lambda:ListVersionsByFunction", orchestrator],
      ["ecs:ListTasks", "*", here],
      ["ecs:DescribeTasks", running, here],
      ["ecs:StopTask", running, here],
    ],
    // The stack keeps its data: not even its end may delete any.
    mayNot: [
      ["s3:DeleteObject", `${bucket}/results/a`],
      ["secretsmanager:DeleteSecret", block],
      ["ecs:StopTask", "arn:aws:ecs:us-east-1:000000000000:task/other/1", { "ecs:cluster": "arn:aws:ecs:us-east-1:000000000000:cluster/other" }],
      ["ecs:RunTask", family, here],
    ],
  },
  FlowsSchedulesRole: {
    may: [
      ["sqs:SendMessage", mailbox],
      ["sqs:SendMessage", defaultPool],
    ],
    mayNot: [["sqs:SendMessage", largePool]],
  },
  FlowsViewer: {
    may: [
      ["cloudformation:DescribeStacks", "arn:aws:cloudformation:us-east-1:000000000000:stack/Shop/1"],
      ["dynamodb:GetItem", runs],
      ["dynamodb:Query", state, log],
      ["s3:GetObject", `${bucket}/results/a`],
      ["s3:ListBucket", bucket],
      ["logs:FilterLogEvents", logs],
    ],
    mayNot: [
      ["sqs:SendMessage", mailbox],
      ["dynamodb:PutItem", state, cache],
      ["secretsmanager:GetSecretValue", block],
      ["s3:PutObject", `${bucket}/results/a`],
    ],
  },
  FlowsOperator: {
    may: [
      ["sqs:SendMessage", mailbox],
      ["sqs:SendMessage", defaultPool],
      ["dynamodb:BatchWriteItem", state, mark],
      ["dynamodb:PutItem", runs],
      ["scheduler:CreateSchedule", timer],
      ["s3:PutObject", `${bucket}/results/a`],
    ],
    mayNot: [
      ["dynamodb:PutItem", state, cache],
      ["dynamodb:PutItem", state, log],
      ["secretsmanager:PutSecretValue", block],
      ["sqs:ReceiveMessage", mailbox],
    ],
  },
  FlowsAdmin: {
    may: [
      ["sqs:SendMessage", mailbox],
      ["dynamodb:PutItem", state, { "dynamodb:LeadingKeys": ["registry/limit"] }],
      ["secretsmanager:CreateSecret", block],
      ["secretsmanager:PutSecretValue", block],
    ],
    mayNot: [
      ["dynamodb:PutItem", state, log],
      ["secretsmanager:GetSecretValue", block],
      ["secretsmanager:PutSecretValue", anotherSecret],
      ["dynamodb:DeleteTable", state],
    ],
  },
};

const label = ([action, resource, context]: Question): string =>
  `${action} on ${resource.split(":").at(-1)}${context ? ` with ${Object.values(context).flat().join(", ")}` : ""}`;

describe.each(Object.entries(QUESTIONS))("%s", (role, { may, mayNot }) => {
  test.each(may.map((question) => [label(question), question] as const))("may %s", async (_, [action, resource, context]) =>
    expect(await roles.may(role, action, resource, context)).toBe(true),
  );
  test.each(mayNot.map((question) => [label(question), question] as const))("may not %s", async (_, [action, resource, context]) =>
    expect(await roles.may(role, action, resource, context)).toBe(false),
  );
});

describe("queues let in", () => {
  const policies = Object.values(templateOf(construct({ api: true })).findResources("AWS::SQS::QueuePolicy")).map((policy) => JSON.stringify(policy));

  test("EventBridge, for the stack's own rules, and nobody else", () => {
    const open = policies.filter((policy) => policy.includes('"Effect":"Allow"'));
    expect(open).toHaveLength(1);
    expect(open[0]).toContain("events.amazonaws.com");
    expect(open[0]).toContain("aws:SourceArn");
  });
});
