import { RemovalPolicy } from "aws-cdk-lib";
import { Match } from "aws-cdk-lib/assertions";
import { Key } from "aws-cdk-lib/aws-kms";
import { Bucket } from "aws-cdk-lib/aws-s3";
import { describe, expect, test } from "vitest";
import { STACK_OUTPUT, STACK_VARIABLE } from "../../adapters/aws/stack.ts";
import { construct, POOLS, SMALL, stackOf, templateOf } from "./synth.ts";

interface Resource {
  readonly Type: string;
  readonly DeletionPolicy?: string;
  readonly DependsOn?: readonly string[];
  readonly Properties: Readonly<Record<string, unknown>>;
}

interface Target {
  readonly SqsParameters: object;
  readonly InputTransformer: { readonly InputTemplate: string };
}

const full = templateOf(construct());
const resources = Object.values(full.toJSON().Resources as Record<string, Resource>);
const ofType = (type: string): readonly Resource[] => resources.filter(({ Type }) => Type === type);

describe("what is kept", () => {
  test("tables have keys, indexes and a time to live, and are billed by the request", () => {
    for (const { Properties } of ofType("AWS::DynamoDB::Table"))
      expect(Properties).toMatchObject({
        BillingMode: "PAY_PER_REQUEST",
        KeySchema: [
          { AttributeName: "pk", KeyType: "HASH" },
          { AttributeName: "sk", KeyType: "RANGE" },
        ],
        TimeToLiveSpecification: { AttributeName: "ttl", Enabled: true },
        PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
      });
    full.hasResourceProperties("AWS::DynamoDB::Table", {
      GlobalSecondaryIndexes: ["byFlow", "byState", "byParent"].map((IndexName) => Match.objectLike({ IndexName, Projection: { ProjectionType: "ALL" } })),
    });
  });

  test("the bucket is closed, encrypted, wants TLS, and forgets results after their logs", () => {
    full.hasResourceProperties("AWS::S3::Bucket", {
      BucketEncryption: Match.objectLike({ ServerSideEncryptionConfiguration: [{ ServerSideEncryptionByDefault: { SSEAlgorithm: "AES256" } }] }),
      PublicAccessBlockConfiguration: { BlockPublicAcls: true, BlockPublicPolicy: true, IgnorePublicAcls: true, RestrictPublicBuckets: true },
      LifecycleConfiguration: { Rules: Match.arrayWith([Match.objectLike({ Prefix: "results/", ExpirationInDays: 430, Status: "Enabled" })]) },
    });
  });

  test("tables, bucket and logs outlive the stack, unless told otherwise", () => {
    const kept = ["AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::Logs::LogGroup"];
    for (const type of kept) for (const { DeletionPolicy } of ofType(type)) expect(DeletionPolicy).toBe("Retain");
  });

  test("log lines are kept as long as the rows of failed runs", () =>
    full.hasResourceProperties("AWS::Logs::LogGroup", {
      LogGroupName: { "Fn::Join": ["", ["/windhover/Shop/", Match.anyValue()]] },
      RetentionInDays: 180,
    }));
});

describe("queues", () => {
  test("the mailbox is FIFO, with the throughput of each group, and deduplicates by content", () =>
    full.hasResourceProperties("AWS::SQS::Queue", {
      FifoQueue: true,
      ContentBasedDeduplication: true,
      DeduplicationScope: "messageGroup",
      FifoThroughputLimit: "perMessageGroupId",
      VisibilityTimeout: 900,
      RedrivePolicy: Match.objectLike({ maxReceiveCount: 15 }),
    }));

  test("each has dead letters, encryption, and a policy that demands TLS", () => {
    const queues = ofType("AWS::SQS::Queue");
    expect(queues.filter(({ Properties }) => Properties["RedrivePolicy"])).toHaveLength(queues.length / 2);
    for (const { Properties } of queues) expect(Properties).toMatchObject({ SqsManagedSseEnabled: true, MessageRetentionPeriod: 14 * 86_400 });
    const policies = ofType("AWS::SQS::QueuePolicy");
    expect(policies).toHaveLength(queues.length);
    for (const policy of policies) expect(JSON.stringify(policy)).toContain('"Bool":{"aws:SecureTransport":"false"}');
  });

  test("a queue hides a message as long as any function may run; where nobody renews that, for six times as long as its own", () => {
    const pools = { ten: { timeoutSeconds: 10 }, minute: { timeoutSeconds: 60 }, longer: { timeoutSeconds: 61 }, fargate: POOLS.fargate };
    const template = templateOf(construct({ entry: SMALL, pools }));
    template.hasResourceProperties("AWS::Lambda::Function", { FunctionName: "Shop-pool-minute", Timeout: 60 });
    const queues = Object.entries(template.findResources("AWS::SQS::Queue", { Properties: { RedrivePolicy: Match.anyValue() } }));
    const hidden = Object.fromEntries(queues.map(([id, { Properties }]) => [id.slice("Flows".length, -8), Properties.VisibilityTimeout]));
    expect(hidden).toEqual({ Mailbox: 900, Pooldefault: 900, Poolfargate: 900, Poollonger: 900, Poolten: 180, Poolminute: 360 });
  });
});

describe("functions", () => {
  const functions = ofType("AWS::Lambda::Function");

  test("all run on the newest Node for arm64, may call themselves, and log JSON without the platform's lines", () => {
    expect(functions.map(({ Properties }) => Properties["FunctionName"]).sort()).toEqual(
      ["api", "dead-letters", "deployed", "executor", "intake", "orchestrator", "pool-large"].map((part) => `Shop-${part}`),
    );
    for (const { Properties } of functions)
      expect(Properties).toMatchObject({
        Runtime: "nodejs24.x",
        Architectures: ["arm64"],
        RecursiveLoop: "Allow",
        LoggingConfig: { LogFormat: "JSON", SystemLogLevel: "WARN", ApplicationLogLevel: "DEBUG" },
      });
  });

  test("each knows the stack and its build, and they know the same", () => {
    const variables = functions.map(({ Properties }) => (Properties["Environment"] as { readonly Variables: Readonly<Record<string, unknown>> }).Variables);
    const described = new Set(variables.map((each) => JSON.stringify(each[STACK_VARIABLE])));
    expect(described.size).toBe(1);
    expect([...described]).toEqual([JSON.stringify((full.toJSON().Outputs as Record<string, { readonly Value: unknown }>)[STACK_OUTPUT]?.Value)]);
    expect(new Set(variables.map((each) => each["WINDHOVER_BUILD"])).size).toBe(1);
  });

  test("what is fed by a queue is a published version that stays, called after its build", () => {
    const versions = ofType("AWS::Lambda::Version");
    expect(versions).toHaveLength(4);
    for (const { DeletionPolicy, Properties } of versions) {
      // Except where the deploy that made it is taken back.
      expect(DeletionPolicy).toBe("RetainExceptOnCreate");
      expect(Properties["Description"]).toMatch(/^[0-9a-f]{16}$/);
    }
    for (const { Properties } of ofType("AWS::Lambda::EventSourceMapping"))
      expect(Properties).toMatchObject({
        BatchSize: 10,
        FunctionResponseTypes: ["ReportBatchItemFailures"],
        FunctionName: { "Fn::Join": ["", [expect.anything(), ":", { "Fn::GetAtt": [expect.stringContaining("CurrentVersion"), "Version"] }]] },
      });
  });

  test("only a pool that asks for it has a bound", () => {
    const bounds = ofType("AWS::Lambda::EventSourceMapping").map(({ Properties }) => Properties["ScalingConfig"]);
    expect(bounds.filter((bound) => bound !== undefined)).toEqual([{ MaximumConcurrency: 5 }]);
    // A bound of the function's own would have SQS count receives of messages that no code has seen.
    for (const { Properties } of ofType("AWS::Lambda::Function")) expect(Properties["ReservedConcurrentExecutions"]).toBeUndefined();
  });

  test("messages flow only while the stack's deployment stands: nothing is written into what is being emptied", () => {
    const [id] = Object.entries(full.toJSON().Resources as Record<string, Resource>).find(([, { Type }]) => Type === "Custom::Windhover") ?? [];
    for (const { DependsOn } of ofType("AWS::Lambda::EventSourceMapping")) expect(DependsOn).toContain(id);
  });

  test("messages flow only when every function has its version: an older executor was given a task of a build that it could not find", () => {
    const all = full.toJSON().Resources as Record<string, Resource>;
    const [deployment] = ofType("Custom::Windhover");
    const versions = Object.keys(all).filter((id) => all[id]?.Type === "AWS::Lambda::Version" && !id.startsWith("FlowsIntake"));
    expect(versions).toHaveLength(3);
    expect(deployment?.DependsOn).toEqual(expect.arrayContaining(versions));
  });
});

test("deployments were not told again when another environment gave them other settings", () => {
  const says = (environment: Readonly<Record<string, string>>): unknown => {
    const { Resources } = templateOf(construct({ environment })).toJSON() as { readonly Resources: Readonly<Record<string, Resource>> };
    return Object.values(Resources).find(({ Type }) => Type === "Custom::Windhover")?.Properties["Says"];
  };
  const [one, again, other] = [says({ REGION: "north" }), says({ REGION: "north" }), says({ REGION: "south" })];
  expect(one).toMatch(/^[0-9a-f]{16}$/);
  expect(again).toBe(one);
  expect(other).not.toBe(one);
});

describe("schedules", () => {
  test("keep their time zone, and tick in the deployment's message group", () =>
    full.hasResourceProperties("AWS::Scheduler::Schedule", {
      ScheduleExpression: "cron(0 2 ? * MON-FRI *)",
      ScheduleExpressionTimezone: "America/Sao_Paulo",
      State: "ENABLED",
      FlexibleTimeWindow: { Mode: "OFF" },
      Target: Match.objectLike({
        Input: '{"to":"deployment:nightly","tick":{"schedule":0,"nominal":"<aws.scheduler.scheduled-time>"}}',
        SqsParameters: { MessageGroupId: "deployment:nightly" },
      }),
    }));

  test("one that is not active is disabled, one that is over is left out", () => {
    const states = ofType("AWS::Scheduler::Schedule").map(({ Properties }) => [Properties["ScheduleExpression"], Properties["State"]]);
    expect(states).toEqual([
      ["cron(0 2 ? * MON-FRI *)", "ENABLED"],
      ["cron(30 3/6 * * ? *)", "DISABLED"],
      ["at(2100-01-01T00:00:00)", "ENABLED"],
    ]);
  });
});

describe("triggers", () => {
  const pattern = (EventPattern: unknown) => full.hasResourceProperties("AWS::Events::Rule", { EventPattern });

  test("objects of a bucket, by prefix and suffix", () =>
    pattern({
      source: ["aws.s3"],
      "detail-type": ["Object Created"],
      detail: { bucket: { name: ["incoming"] }, object: { key: [{ wildcard: "urls/*.txt" }] } },
    }));
  test("events that flows emit, whose detail is looked at later", () => pattern({ source: ["windhover.Shop"], "detail-type": ["paid"] }));
  test("any event", () => pattern({ source: ["com.example.shop"] }));

  test("an event goes to its deployment's mailbox, as it is", () => {
    const [rule] = ofType("AWS::Events::Rule").filter(({ Properties }) => JSON.stringify(Properties).includes("com.example.shop"));
    const [target] = (rule?.Properties["Targets"] ?? []) as readonly Target[];
    // A deployment's name with a space in it is no message group: its hash is.
    expect(target?.SqsParameters).toEqual({ MessageGroupId: expect.stringMatching(/^hash:\w+$/) });
    const filled = (target?.InputTransformer.InputTemplate ?? "").replace(/<(\w+)>/g, (_, name) => JSON.stringify(name));
    expect(JSON.parse(filled)).toMatchObject({ to: "deployment:new arrivals", event: { trigger: 2, event: { id: "id", detail: "detail" } } });
  });

  test("messages of a queue come through a function that is no longer than they are hidden", () =>
    full.hasResourceProperties("AWS::Lambda::EventSourceMapping", { EventSourceArn: "arn:aws:sqs:us-east-1:000000000000:orders" }));

  test("webhooks have routes of their own, and nothing else is open", () => {
    const routes = ofType("AWS::ApiGatewayV2::Route").map(({ Properties }) => [Properties["RouteKey"], Properties["AuthorizationType"]]);
    expect(routes).toEqual([["ANY /hooks/digest/now", "NONE"]]);
  });
});

describe("containers", () => {
  test("have a network without a NAT gateway, which nothing can reach", () => {
    full.resourceCountIs("AWS::EC2::NatGateway", 0);
    full.hasResourceProperties("AWS::EC2::SecurityGroup", { SecurityGroupIngress: Match.absent() });
  });
  test("are gone before their cluster is: nobody starts one after the stack's deployment has stopped them", () => {
    const all = full.toJSON().Resources as Readonly<Record<string, Resource>>;
    const [id, custom] = Object.entries(all).find(([, { Type }]) => Type === "Custom::Windhover") ?? [];
    const cluster = Object.keys(all).find((each) => all[each]?.Type === "AWS::ECS::Cluster");
    expect(custom?.Properties["Empty"]).toEqual(["containers"]);
    expect(custom?.DependsOn).toContain(cluster);
    const drain = ofType("AWS::Events::Rule").find(({ Properties }) => Properties["ScheduleExpression"] === "rate(5 minutes)");
    expect(drain?.DependsOn).toContain(id);
  });
  test("start on new code only when the deploy has kept it for the runs that will begin on it", () => {
    const { Resources } = full.toJSON() as { readonly Resources: Readonly<Record<string, Resource>> };
    const [id, custom] = Object.entries(Resources).find(([, { Type }]) => Type === "Custom::Windhover") ?? [];
    const [definition] = ofType("AWS::ECS::TaskDefinition");
    expect(definition?.DependsOn).toContain(id);
    const containers = definition?.Properties["ContainerDefinitions"] as readonly { readonly Environment: readonly { readonly Name: string }[] }[];
    const variable = (name: string): unknown => containers[0]?.Environment.find(({ Name }) => Name === name);
    expect(variable("WINDHOVER_CODE")).toMatchObject({ Value: custom?.Properties["Code"] });
    expect(variable("WINDHOVER_BUILD")).toMatchObject({ Value: custom?.Properties["Build"] });
  });
  test("run Node for arm64 and fetch the code", () =>
    full.hasResourceProperties("AWS::ECS::TaskDefinition", {
      Family: "Shop-fargate",
      Cpu: "1024",
      Memory: "2048",
      RuntimePlatform: { CpuArchitecture: "ARM64" },
      ContainerDefinitions: [
        Match.objectLike({
          Image: "public.ecr.aws/lambda/nodejs:24-arm64",
          Environment: Match.arrayWith([Match.objectLike({ Name: "WINDHOVER_POOL", Value: "fargate" })]),
        }),
      ],
    }));
});

test("an idle stack costs nothing by itself", () => {
  const costly = [/NatGateway/, /CloudWatch::(Alarm|Dashboard)/, /KMS::/, /ProvisionedPollerConfig/, /ProvisionedConcurrency/, /SecretsManager::Secret$/];
  for (const pattern of costly)
    expect(JSON.stringify(resources.map(({ Type, Properties }) => [Type, Properties]))).not.toMatch(new RegExp(`"[^"]*${pattern.source}`));
});

describe("what is asked for", () => {
  test("an API behind IAM, alarms, a dashboard, failed runs to a topic; nothing stays", () => {
    const template = templateOf(
      construct({ entry: SMALL, pools: {}, api: true, alarms: true, dashboard: true, notifications: true, removalPolicy: RemovalPolicy.DESTROY }),
    );
    template.hasResourceProperties("AWS::ApiGatewayV2::Route", { RouteKey: "$default", AuthorizationType: "AWS_IAM" });
    template.resourceCountIs("AWS::CloudWatch::Alarm", 4);
    template.resourceCountIs("AWS::CloudWatch::Dashboard", 1);
    // A sum that has a value also while some of what it is of has none.
    const errors = template.findResources("AWS::CloudWatch::Alarm", { Properties: { Threshold: 5 } });
    expect(Object.values(errors).map(({ Properties }) => Properties.Metrics[0])).toEqual([expect.objectContaining({ Expression: "SUM(METRICS())" })]);
    for (const { Properties } of Object.values(errors))
      expect(Properties.Metrics.slice(1).every((metric: { ReturnData: boolean }) => metric.ReturnData === false)).toBe(true);
    template.hasResourceProperties("AWS::CloudWatch::Alarm", { AlarmActions: [{ Ref: Match.stringLikeRegexp("Notifications") }] });
    template.hasResourceProperties("AWS::Pipes::Pipe", { Target: { Ref: Match.stringLikeRegexp("Notifications") } });
    template.hasResourceProperties("AWS::DynamoDB::Table", { StreamSpecification: { StreamViewType: "NEW_IMAGE" } });
    template.hasResourceProperties("Custom::Windhover", { Empty: ["bucket", "secrets"] });
    template.hasResource("AWS::DynamoDB::Table", { DeletionPolicy: "Delete" });
  });

  test("a key of one's own encrypts everything at rest", () => {
    const stack = stackOf();
    const template = templateOf(construct({ entry: SMALL, pools: {}, encryptionKey: new Key(stack, "Key") }, stack));
    template.allResourcesProperties("AWS::DynamoDB::Table", { SSESpecification: Match.objectLike({ SSEType: "KMS" }) });
    template.allResourcesProperties("AWS::SQS::Queue", { KmsMasterKeyId: Match.anyValue() });
    template.allResourcesProperties("AWS::Lambda::Function", { KmsKeyArn: Match.anyValue() });
    template.hasResourceProperties("AWS::Logs::LogGroup", { KmsKeyId: Match.anyValue() });
    template.hasResourceProperties("AWS::S3::Bucket", {
      BucketEncryption: Match.objectLike({
        ServerSideEncryptionConfiguration: [Match.objectLike({ ServerSideEncryptionByDefault: Match.objectLike({ SSEAlgorithm: "aws:kms" }) })],
      }),
    });
  });

  test("a JWT authorizer", () => {
    const template = templateOf(construct({ entry: SMALL, pools: {}, api: { jwt: { issuer: "https://login.example.com", audience: ["flows"] } } }));
    template.hasResourceProperties("AWS::ApiGatewayV2::Authorizer", {
      AuthorizerType: "JWT",
      JwtConfiguration: { Audience: ["flows"], Issuer: "https://login.example.com" },
    });
    template.hasResourceProperties("AWS::ApiGatewayV2::Route", { RouteKey: "$default", AuthorizationType: "JWT" });
  });

  test("without pools, triggers and an API there are none of their parts", () => {
    const template = templateOf(construct({ entry: SMALL, pools: {} }));
    for (const type of ["AWS::EC2::VPC", "AWS::ECS::Cluster", "AWS::ApiGatewayV2::Api", "AWS::Scheduler::Schedule", "AWS::Pipes::Pipe"])
      template.resourceCountIs(type, 0);
    expect(Object.keys(template.toJSON().Resources)).toHaveLength(38);
  });

  test("a grant to the construct reaches all who run flows and tasks", () => {
    const made = construct({ entry: SMALL, pools: {} });
    new Bucket(made.stack, "Data").grantRead(made.windhover);
    const granted = Object.values(templateOf(made).findResources("AWS::IAM::Policy")).filter((policy) => JSON.stringify(policy).includes('"Data'));
    expect(granted).toHaveLength(2);
  });
});
