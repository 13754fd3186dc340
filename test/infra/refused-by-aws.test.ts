/** What AWS refuses, or does otherwise than an emulator: held on the template that is deployed. */
import { fileURLToPath } from "node:url";
import type { Template } from "aws-cdk-lib/assertions";
import { Key } from "aws-cdk-lib/aws-kms";
import { Topic } from "aws-cdk-lib/aws-sns";
import { describe, expect, test } from "vitest";
import { Roles } from "./roles.ts";
import { construct, POOLS, SMALL, stackOf, templateOf } from "./synth.ts";

const MANY = fileURLToPath(new URL("./fixtures/many.ts", import.meta.url));
const many = templateOf(construct({ entry: MANY, pools: {}, notifications: true }));

/** What a policy comes to in an account, where a name of ours is longer than its reference: 120 characters for what only CloudFormation knows. */
const lengthOf = (value: unknown): number => {
  if (typeof value === "string") return value.length + 3;
  if (Array.isArray(value)) return value.reduce<number>((sum, each) => sum + lengthOf(each), 2);
  if (typeof value !== "object" || value === null) return 5;
  if ("Ref" in value || "Fn::GetAtt" in value || "Fn::Join" in value) return 120;
  return Object.entries(value).reduce((sum, [key, each]) => sum + key.length + 3 + lengthOf(each), 2);
};
const propertiesOf = (template: Template, type: string): readonly Record<string, unknown>[] =>
  Object.values(template.findResources(type)).map(({ Properties }) => Properties as Record<string, unknown>);

describe("a hundred webhooks and events", () => {
  test("are all there", () => {
    expect(propertiesOf(many, "AWS::ApiGatewayV2::Route")).toHaveLength(100);
    // And the one that drains dead letters.
    expect(propertiesOf(many, "AWS::Events::Rule")).toHaveLength(101);
  });
  test("a queue's policy was longer than the 8 KB that SQS takes", () => {
    for (const { PolicyDocument } of propertiesOf(many, "AWS::SQS::QueuePolicy")) expect(lengthOf(PolicyDocument)).toBeLessThan(8192);
    const open = propertiesOf(many, "AWS::SQS::QueuePolicy")
      .map((policy) => JSON.stringify(policy))
      .filter((policy) => policy.includes('"Allow"'));
    expect(open).toHaveLength(1);
    expect(open[0]).toContain(":events:us-east-1:000000000000:rule/*");
  });
  test("a function's policy was longer than the 20 KB that Lambda takes", () => {
    const permissions = propertiesOf(many, "AWS::Lambda::Permission").filter(({ Principal }) => Principal === "apigateway.amazonaws.com");
    expect(permissions).toHaveLength(1);
    expect(JSON.stringify(permissions[0]?.["SourceArn"])).toContain("/*/*");
  });
});

test("a deploy that was rolled back could not be repeated: Lambda had a version of its code already", () => {
  for (const version of Object.values(many.findResources("AWS::Lambda::Version")))
    expect(version).toMatchObject({ DeletionPolicy: "RetainExceptOnCreate", UpdateReplacePolicy: "Retain" });
});

test("a queue's default may be a quarter of the 1 MiB that messages are packed up to", () => {
  for (const queue of propertiesOf(many, "AWS::SQS::Queue")) expect(queue).toMatchObject({ MaximumMessageSize: 1_048_576 });
});

test("a pipe puts text where its path stands: the quotes are the template's", () => {
  const [pipe] = propertiesOf(many, "AWS::Pipes::Pipe");
  const parameters = pipe?.["TargetParameters"] as { readonly InputTemplate: string } | undefined;
  const filled = (parameters?.InputTemplate ?? "").replace(/<\$\.([\w.]+)>/g, (_, path: string) => path.split(".").at(-2) as string);
  expect(JSON.parse(filled)).toEqual({ stack: "Shop", run: "pk", flow: "flow", state: "state" });
});

describe("alarms", () => {
  const publishing = (template: Template) =>
    propertiesOf(template, "AWS::SNS::TopicPolicy").flatMap(({ PolicyDocument }) =>
      (PolicyDocument as { readonly Statement: readonly { readonly Effect: string }[] }).Statement.filter(({ Effect }) => Effect === "Allow"),
    );
  test("did not reach a topic whose policy only demanded TLS", () => {
    const template = templateOf(construct({ entry: SMALL, pools: {}, alarms: true, notifications: true }));
    expect(publishing(template)).toMatchObject([
      {
        Action: "sns:Publish",
        Condition: { StringEquals: { "aws:SourceAccount": "000000000000" } },
        Effect: "Allow",
        Principal: { Service: "cloudwatch.amazonaws.com" },
        Resource: { Ref: expect.stringMatching(/^FlowsNotifications/) },
      },
    ]);
    expect(publishing(many)).toEqual([]);
  });
  test("go to a topic of the user's own, whose policy is theirs", () => {
    const stack = stackOf();
    const topic = new Topic(stack, "Own");
    const template = templateOf(construct({ entry: SMALL, pools: {}, alarms: true, notifications: topic }, stack));
    template.resourceCountIs("AWS::SNS::TopicPolicy", 0);
    for (const { AlarmActions } of propertiesOf(template, "AWS::CloudWatch::Alarm")) expect(AlarmActions).toEqual([{ Ref: expect.stringMatching(/^Own/) }]);
  });
});

describe("a key of one's own", () => {
  const stack = stackOf();
  const template = templateOf(construct({ encryptionKey: new Key(stack, "Key"), api: true }, stack));
  const roles = new Roles(template);
  const using = ["kms:Encrypt", "kms:GenerateDataKey", "kms:GenerateDataKeyWithoutPlaintext", "kms:ReEncryptFrom"];
  const may = async (who: string, actions: readonly string[]) => Promise.all(actions.map((action) => roles.may(who, action, roles.arn("Key"))));
  test.each(["FlowsViewer", "FlowsOperator", "FlowsAdmin", "FlowsExecutorRole", "FlowsfargateTaskTaskRole"])(
    "%s could not read what it encrypts",
    async (who) => expect(await may(who, ["kms:Decrypt", "kms:DescribeKey"])).toEqual([true, true]),
  );
  test.each(["FlowsOperator", "FlowsAdmin", "FlowsExecutorRole", "FlowsfargateTaskTaskRole"])("%s writes with it", async (who) =>
    expect(await may(who, using)).toEqual(using.map(() => true)),
  );
  test("a policy of people's has no more than the 6,144 characters that IAM takes", () => {
    for (const { PolicyDocument } of propertiesOf(template, "AWS::IAM::ManagedPolicy")) expect(lengthOf(PolicyDocument)).toBeLessThan(6144);
  });
  test("whoever only looks does not write with it, and nobody changes it", async () => {
    expect(await may("FlowsViewer", using)).toEqual(using.map(() => false));
    expect(await may("FlowsAdmin", ["kms:PutKeyPolicy", "kms:ScheduleKeyDeletion"])).toEqual([false, false]);
  });
});

describe("an image", () => {
  const executionOf = (image?: string) => {
    const pools = { fargate: { ...POOLS.fargate, ...(image !== undefined && { image }) } };
    return new Roles(templateOf(construct({ entry: SMALL, pools })));
  };
  const layers = ["ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer", "ecr:BatchGetImage"];
  const pulls = (roles: Roles, repository: string, actions: readonly string[] = layers) =>
    Promise.all(actions.map((action) => roles.may("FlowsfargateTaskExecutionRole", action, `arn:aws:ecr:eu-west-1:111122223333:repository/${repository}`)));
  test.each(["111122223333.dkr.ecr.eu-west-1.amazonaws.com/team/flows:v1", "111122223333.dkr.ecr.eu-west-1.amazonaws.com/team/flows@sha256:0a1b"])(
    "%s could not be pulled",
    async (image) => {
      const roles = executionOf(image);
      expect(await pulls(roles, "team/flows")).toEqual([true, true, true]);
      expect(await pulls(roles, "team/other")).toEqual([false, false, false]);
      expect(await roles.may("FlowsfargateTaskExecutionRole", "ecr:GetAuthorizationToken", "*")).toBe(true);
    },
  );
  test.each([undefined, "example/111122223333.dkr.ecr:1"])("%s is public, and nothing is granted", async (image) => {
    const roles = executionOf(image);
    expect(await pulls(roles, "team/flows")).toEqual([false, false, false]);
    expect(await roles.may("FlowsfargateTaskExecutionRole", "ecr:GetAuthorizationToken", "*")).toBe(false);
  });
});

test("a dashboard's name was taken by a stack of the same name in another region", () => {
  templateOf(construct({ entry: SMALL, pools: {}, dashboard: true })).hasResourceProperties("AWS::CloudWatch::Dashboard", { DashboardName: "Shop-us-east-1" });
});

test("CloudFormation waited an hour for a function that could not begin", () => many.hasResourceProperties("Custom::Windhover", { ServiceTimeout: "960" }));

test("whoever asks for a stack by its name was held to an id that only CloudFormation knows", () => {
  const policies = propertiesOf(many, "AWS::IAM::ManagedPolicy").map((policy) => JSON.stringify(policy));
  expect(policies).toHaveLength(3);
  for (const policy of policies) expect(policy).toMatch(/"cloudformation:DescribeStacks","Effect":"Allow","Resource":\{[^}]*[^\]]*stack\/Shop\/\*/);
});
