import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CreateTableCommand, DeleteTableCommand } from "@aws-sdk/client-dynamodb";
import { ListVersionsByFunctionCommand } from "@aws-sdk/client-lambda";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createClients } from "../../adapters/aws/clients.ts";
import type { StackResources } from "../../adapters/aws/stack.ts";
import { meaningOf } from "../../cli/cdk.ts";
import { stackName } from "../../cli/deploy.ts";
import type { Settings } from "../../cli/settings.ts";
import { bootstrap } from "../aws/cdk.ts";
import { leftovers } from "../aws/e2e/leftovers.ts";
import { environmentOf, type MiniStack, ministack } from "../aws/ministack.ts";
import { missingPython } from "../aws/python.ts";
import { build, type Ended, Project } from "./command.ts";

describe("what a failure of the CDK means", () => {
  test.each([
    ["WH2057", "Flows: SSM parameter /cdk-bootstrap/hnb659fds/version not found in aws://123456789012/eu-west-1. Has the environment been bootstrapped?"],
    ["WH3102", "Unable to resolve AWS account to use. It must be either configured when you define your CDK Stack, or through the environment"],
    ["WH3102", "The security token included in the request is expired"],
    ["WH3103", "User: arn:aws:iam::123456789012:user/ann is not authorized to perform: cloudformation:DescribeStacks on resource: Flows"],
    ["WH4031", "This CDK CLI is not compatible with the CDK library used by your application. Please upgrade the CLI to the latest version."],
    ["WH3106", "getaddrinfo ENOTFOUND cloudformation.eu-wset-1.amazonaws.com"],
    ["WH2058", "Flows | 3/9 | 10:00:00 | CREATE_FAILED        | AWS::SQS::Queue | Flows/Mailbox (X) Queue name is taken"],
    [
      "WH2058",
      'Flows | 9/40 | 10:00:00 | CREATE_FAILED        | AWS::ECS::Cluster | Flows/Containers (X) Resource handler returned message: "Invalid request provided: CreateCluster Invalid Request: Unable to assume the service linked role. Please verify that the ECS service linked role exists. (Service: AmazonECS; Status Code: 400)"',
    ],
    [
      "WH2058",
      'Flows | 3/40 | 10:00:00 | DELETE_FAILED        | AWS::IAM::ManagedPolicy | Flows/Viewer (X) Resource handler returned message: "Cannot delete a policy attached to entities. (Service: Iam, Status Code: 409)"',
    ],
    ["WH2058", "something that nobody has seen before"],
  ])("%s: %s", (code, output) => {
    const error = meaningOf(`\u001b[31mfirst line\u001b[39m\n${output}\nlast line`, "deploying the stack Flows");
    expect(error.code).toBe(code);
    if (code !== "WH2058" || output.includes("FAILED")) expect(error.got).toContain(output.slice(0, 60));
  });

  test("what AWS says of its own roles and policies is told with what to do", () => {
    const action = (output: string): string => meaningOf(output, "deploying").action;
    expect(action("Unable to assume the service linked role. Please verify that the ECS service linked role exists.")).toMatch(
      /^Deploy again.*aws iam create-service-linked-role --aws-service-name ecs\.amazonaws\.com$/,
    );
    expect(action("Cannot delete a policy attached to entities.")).toMatch(/list-entities-for-policy.*detach-role-policy/);
  });

  test("the account and the region are in what to do", () => {
    expect(meaningOf("not found in aws://123456789012/eu-west-1. Has the environment been bootstrapped?", "deploying").action).toContain(
      "npx cdk bootstrap aws://123456789012/eu-west-1",
    );
  });

  test("what our own construct refuses is told as its own error", () => {
    const output =
      'WH2031: The pool "big" cannot be made: `memoryMb` cannot be 1.\n  expected: a whole number from 128 to 10240\n  got:      memoryMb: 1\n  Correct it.\n  docs/errors/WH2031.md\nSubprocess exited with error 1';
    expect(meaningOf(output, "deploying")).toMatchObject({ code: "WH2031", expected: "a whole number from 128 to 10240", got: "memoryMb: 1" });
  });
});

describe("the stack's name", () => {
  const folder = mkdtempSync(join(tmpdir(), "windhover-name-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const nameOf = (stack?: string): string => stackName({ suffix: "", ...(stack !== undefined && { stack }) } as Settings, folder);
  test("is the one that is given, or the project's", () => {
    expect(() => nameOf()).toThrow(/WH2010.*no name/);
    expect(nameOf("Flows")).toBe("Flows");
    writeFileSync(join(folder, "package.json"), '{"name":"@acme/data_flows.2"}');
    expect(nameOf()).toBe("data-flows-2");
    for (const bad of ["1x", "a_b", "", "x".repeat(60)]) expect(() => nameOf(bad)).toThrow(/WH2010/);
  });
});

const FLOWS = `import { cron, flow, task } from "windhover"; const one = task({ name: "one" }, async () => 1); export const whole = flow({ name: "whole" }, async () => one()); export const daily = whole.deployment({ name: "daily", schedules: [cron("0 2 * * *")] });`;
const CHANGED = FLOWS.replace("async () => 1", "async () => 2");

async function versionsOf(FunctionName: string): Promise<readonly string[]> {
  const { Versions = [] } = await createClients().lambda.send(new ListVersionsByFunctionCommand({ FunctionName }));
  return Versions.map(({ Version = "" }) => Version);
}

describe.skipIf(missingPython())("windhover deploy", () => {
  let server: MiniStack;
  let project: Project;
  const name = `deploy-${process.pid}`;
  const run = (...args: readonly string[]): Promise<Ended> => project.start([...args, "--stack", name], environmentOf(server)).ended;
  beforeAll(async () => {
    build();
    server = await ministack();
    Object.assign(process.env, environmentOf(server));
    project = new Project({
      "windhover.config.ts": `import { defineConfig } from "windhover"; export default defineConfig({ entry: "./flows.ts", retention: { completed: "10 days" } });`,
      "flows.ts": FLOWS,
    });
  });
  afterAll(() => project?.end());

  test("takes a project without a CDK app to AWS and back, and its flows run there", async () => {
    const early = await run("deploy", "--region", "eu-north-1");
    expect([early.code, early.err]).toEqual([2, expect.stringMatching(/WH2057 [\s\S]*npx cdk bootstrap aws:\/\/000000000000\/eu-north-1/)]);
    await bootstrap(server);
    const deployed = await run("deploy", "--check");
    expect([deployed.code, deployed.out], deployed.err).toEqual([0, expect.stringContaining(`✓ ${name} is deployed to us-east-1.`)]);
    expect(deployed.err).toContain(`There is no stack ${name} yet`);
    expect(deployed.err).toMatch(/made +Flows\/State +DynamoDB::Table/);
    expect(deployed.err).not.toContain("IN_PROGRESS");
    const ran = await run("run", "whole", "--wait", "-q");
    expect([ran.code, ran.out], ran.err).toEqual([0, "1\n"]);
    expect((await run("deployments", "ls")).out).toMatch(/daily +whole .*● active/);
    const versions = await versionsOf(`${name}-orchestrator`);
    const dry = await run("deploy", "--dry-run");
    expect([dry.code, dry.out], dry.err).toEqual([0, expect.stringMatching(/✓ whole +safe +0 +1[\s\S]*could be deployed. Nothing was/)]);
    expect(await versionsOf(`${name}-orchestrator`)).toEqual(versions);
    project.write("flows.ts", CHANGED);
    const again = await run("deploy", "--check");
    expect([again.code, again.out], again.err).toEqual([0, expect.stringMatching(/✓ whole +safe +0 +1[\s\S]*is deployed to/)]);
    expect((await versionsOf(`${name}-orchestrator`)).length).toBe(versions.length + 1);
    expect((await run("destroy")).err).toMatch(/WH2007 Nobody can be asked/);
    const gone = await run("destroy", "--yes");
    expect([gone.code, gone.out], gone.err).toEqual([0, expect.stringContaining(`✓ Deleted the stack ${name}`)]);
    expect((await run("runs", "ls")).err).toMatch(/^WH2053 /);
  }, 300_000);

  test("destroy --data deletes what was kept, of a stack that is there and of one that is gone, and nothing of others", async () => {
    await bootstrap(server);
    const left = async (): Promise<Readonly<Record<string, number>>> => {
      const kinds = Object.entries(await leftovers(server, { stack: name, scheduleGroup: name } as StackResources));
      return Object.fromEntries(kinds.flatMap(([kind, names]) => (names.length === 0 ? [] : [[kind, names.length]])));
    };
    const { dynamodb } = createClients();
    const other = `${name}-FlowsState00000000-OTHER`;
    const key = { KeySchema: [{ AttributeName: "pk", KeyType: "HASH" }], AttributeDefinitions: [{ AttributeName: "pk", AttributeType: "S" }] } as const;
    await dynamodb.send(
      new CreateTableCommand({
        TableName: other,
        BillingMode: "PAY_PER_REQUEST",
        KeySchema: [...key.KeySchema],
        AttributeDefinitions: [...key.AttributeDefinitions],
      }),
    );
    // What the first test has kept, beside a table that only looks like one of ours.
    expect(await left()).toEqual({ tables: 3, buckets: 1, logGroups: 1 });
    expect((await run("destroy", "--data")).err).toMatch(/WH2007 Nobody can be asked/);
    const later = await run("destroy", "--data", "--yes");
    expect([later.code, later.out], later.err).toEqual([
      0,
      expect.stringMatching(/✓ Deleted what ran there: 2 tables \(.*\), 1 bucket \(.*\), 1 log group \(.*\)\./),
    ]);
    expect(await left()).toEqual({ tables: 1 });
    expect(await run("destroy", "--data", "--yes")).toMatchObject({ code: 2, err: expect.stringMatching(/^WH2053 /) });

    const deployed = await run("deploy");
    expect(deployed.code, deployed.err).toBe(0);
    const whole = await run("run", "whole", "--wait", "-q");
    expect(whole.code, whole.err).toBe(0);
    const secret = await run("block", "set", "secret/token", "--value", "value=not-a-real-one");
    expect(secret.code, secret.err).toBe(0);
    const gone = await run("destroy", "--data", "--yes");
    expect([gone.code, gone.out], gone.err).toEqual([
      0,
      expect.stringMatching(/✓ Deleted the stack \S+ and what ran there: 2 tables \(.*\), 1 bucket \(.*\), 1 log group \(.*\), 1 secret \(.*token\)\./),
    ]);
    expect(await left()).toEqual({ tables: 1 });
    await dynamodb.send(new DeleteTableCommand({ TableName: other }));
  }, 300_000);

  test("code that does not load, a stack without a name, and what the construct refuses are told before anything is deployed", async () => {
    const own = new Project({
      "flows.ts": "export const x = 1;",
      "windhover.config.ts": `export default { entry: "./flows.ts", pools: { big: { memoryMb: 1 } } };`,
    });
    const deploy = (...args: readonly string[]): Promise<Ended> => own.start(["deploy", ...args], environmentOf(server)).ended;
    expect((await deploy("--stack", "x")).err).toMatch(/^WH2009 /);
    own.write("flows.ts", `import { flow } from "windhover"; export const f = flow({ name: "f" }, async () => 1);`);
    expect((await deploy()).err).toMatch(/^WH2010 The stack has no name/);
    const refused = await deploy("--stack", "x");
    expect(refused.err).toMatch(/\nWH2031 The pool "big" cannot be made[\s\S]*\n {2}expected/);
    expect(refused.err.match(/WH2031/g)?.length).toBeLessThanOrEqual(3);
    mkdirSync(join(own.folder, "empty"), { recursive: true });
    own.end();
  });
});
