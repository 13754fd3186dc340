/**
 * Pools that are containers: a Fargate task each, started when there is work and ended when there is none. The network they need exists only with them: public subnets and no NAT
 * gateway, which would cost money day and night; nothing can reach a container from outside.
 */
import { RemovalPolicy, Stack } from "aws-cdk-lib";
import { GatewayVpcEndpointAwsService, SecurityGroup, SubnetType, Vpc } from "aws-cdk-lib/aws-ec2";
import { Cluster, ContainerImage, ContainerInsights, CpuArchitecture, FargateTaskDefinition, LogDrivers, OperatingSystemFamily } from "aws-cdk-lib/aws-ecs";
import type { Role } from "aws-cdk-lib/aws-iam";
import { Asset } from "aws-cdk-lib/aws-s3-assets";
import type { Construct } from "constructs";
import { BUILD_VARIABLE, type ContainerResource } from "../adapters/aws/stack.ts";
import { type Access, allow } from "./access.ts";
import { type Bundle, NODE } from "./bundle.ts";
import type { FunctionParts } from "./functions.ts";
import type { Network } from "./network.ts";
import type { ContainerPool } from "./pools.ts";

export interface Containers {
  readonly cluster: Cluster;
  readonly network: Network;
  /** It is reached by an address of its own: the network is ours, and has no NAT gateway. */
  readonly ours: boolean;
  readonly code: Asset;
}
export interface ContainerTask {
  readonly definition: FargateTaskDefinition;
  readonly role: Role;
}

/** Ours when the user brings no image: a Node for arm64 that has the AWS SDK in it. */
const IMAGE = `public.ecr.aws/lambda/nodejs:${NODE}-arm64`;

export function makeContainers(scope: Construct, code: Bundle, given?: Network): Containers {
  const network = given ?? makeNetwork(scope);
  const cluster = new Cluster(scope, "Containers", { vpc: network.vpc, containerInsightsV2: ContainerInsights.DISABLED });
  return { cluster, network, ours: given === undefined, code: new Asset(scope, "ContainerCode", { path: code.file }) };
}

function makeNetwork(scope: Construct): Network {
  const vpc = new Vpc(scope, "Network", {
    natGateways: 0,
    maxAzs: 2,
    subnetConfiguration: [{ name: "Public", subnetType: SubnetType.PUBLIC }],
    restrictDefaultSecurityGroup: false,
    gatewayEndpoints: { S3: { service: GatewayVpcEndpointAwsService.S3 }, DynamoDB: { service: GatewayVpcEndpointAwsService.DYNAMODB } },
  });
  const securityGroup = new SecurityGroup(scope, "ContainerNetwork", { vpc, description: "Nothing in, anything out" });
  return { vpc, subnets: vpc.publicSubnets, securityGroups: [securityGroup] };
}

/** A family's name is known before the definition is, whose environment describes the whole stack. */
export const familyOf = (stack: string, pool: string): string => `${stack}-${pool}`;

export function describeContainer({ cluster, network, ours }: Containers, family: string, { concurrency }: ContainerPool): ContainerResource {
  return {
    cluster: cluster.clusterName,
    taskDefinition: family,
    subnets: network.subnets.map(({ subnetId }) => subnetId),
    securityGroups: network.securityGroups.map(({ securityGroupId }) => securityGroupId),
    concurrency,
    ...(!ours && { publicAddress: false }),
  };
}

export function makeTask(scope: Construct, parts: FunctionParts, { code }: Containers, family: string, pool: ContainerPool): ContainerTask {
  const definition = new FargateTaskDefinition(scope, `${pool.name}Task`, {
    family,
    cpu: pool.cpuUnits,
    memoryLimitMiB: pool.memoryMb,
    runtimePlatform: { cpuArchitecture: CpuArchitecture.ARM64, operatingSystemFamily: OperatingSystemFamily.LINUX },
  });
  definition.addContainer("tasks", {
    image: ContainerImage.fromRegistry(pool.image ?? IMAGE),
    environment: {
      ...parts.environment,
      [BUILD_VARIABLE]: parts.build,
      WINDHOVER_POOL: pool.name,
      WINDHOVER_CODE: placeOf(code),
      AWS_REGION: Stack.of(scope).region,
    },
    entryPoint: ["node", "-e", BOOTSTRAP],
    command: [],
    logging: LogDrivers.awsLogs({ logGroup: parts.logGroup, streamPrefix: `container/${pool.name}` }),
  });
  definition.applyRemovalPolicy(RemovalPolicy.DESTROY);
  allow(definition.obtainExecutionRole(), ...pullImage(scope, pool.image ?? IMAGE));
  const role = definition.taskRole as Role;
  allow(role, readCode(code));
  return { definition, role };
}

/**
 * An image in a repository of ECR is pulled in the name of the task's execution role; one that lies in another account has to be opened to it there as well. Images elsewhere are public.
 * Source: https://docs.aws.amazon.com/AmazonECR/latest/userguide/ECR_on_ECS.html
 */
function pullImage(scope: Construct, image: string): Access[] {
  const [, account, region, repository] = PRIVATE_IMAGE.exec(image) ?? [];
  if (repository === undefined) return [];
  return [
    // It knows no narrower resource.
    { actions: ["ecr:GetAuthorizationToken"], on: ["*"] },
    {
      actions: ["ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer", "ecr:BatchGetImage"],
      on: [`arn:${Stack.of(scope).partition}:ecr:${region}:${account}:repository/${repository}`],
    },
  ];
}
/** `123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/image:tag`, or `…@sha256:…`. */
const PRIVATE_IMAGE = /^(\d{12})\.dkr\.ecr(?:-fips)?\.([\w-]+)\.amazonaws\.com(?:\.cn)?\/([^:@]+)/;

/** `<bucket>/<key>` */
export const placeOf = ({ s3BucketName, s3ObjectKey }: Asset): string => `${s3BucketName}/${s3ObjectKey}`;
export const readCode = ({ bucket, s3ObjectKey }: Asset): Access => ({ actions: ["s3:GetObject"], on: [bucket.arnForObjects(s3ObjectKey)] });

/** Fetches the code and becomes it. The image need not know Windhover, only have Node and the AWS SDK's S3 client, as Lambda's own images do. */
const BOOTSTRAP = [
  'const { createRequire } = require("node:module");',
  'const from = ["/var/runtime/", process.cwd() + "/"].map((folder) => createRequire(folder));',
  'const sdk = from.map((need) => { try { return need("@aws-sdk/client-s3"); } catch {} }).find(Boolean);',
  'if (!sdk) { console.error("This image has no @aws-sdk/client-s3: install it, or leave `image` out."); process.exit(1); }',
  "const [Bucket, ...key] = process.env.WINDHOVER_CODE.split('/');",
  "new sdk.S3Client().send(new sdk.GetObjectCommand({ Bucket, Key: key.join('/') }))",
  ".then(async ({ Body }) => { const file = '/tmp/windhover.mjs'; require('node:fs').writeFileSync(file, await Body.transformToByteArray()); await import(file); })",
  ".catch((error) => { console.error(error); process.exit(1); });",
].join("\n");

/** At the stack's end nobody is left: a cluster in which one runs cannot be deleted. */
export function stopContainers(scope: Construct, { cluster }: Containers): Access[] {
  const when = { ArnEquals: { "ecs:cluster": cluster.clusterArn } };
  const { partition, region, account } = Stack.of(scope);
  return [
    { actions: ["ecs:ListTasks"], on: ["*"], when },
    { actions: ["ecs:DescribeTasks", "ecs:StopTask"], on: [`arn:${partition}:ecs:${region}:${account}:task/${cluster.clusterName}/*`], when },
  ];
}

/** Who enqueues starts somebody. A definition of any revision of the family, in this cluster only. */
export function startContainers(scope: Construct, { cluster }: Containers, tasks: readonly ContainerTask[]): Access[] {
  const when = { ArnEquals: { "ecs:cluster": cluster.clusterArn } };
  const { partition, region, account } = Stack.of(scope);
  const family = ({ definition }: ContainerTask): string => `arn:${partition}:ecs:${region}:${account}:task-definition/${definition.family}:*`;
  return [
    { actions: ["ecs:RunTask"], on: tasks.map(family), when },
    { actions: ["ecs:ListTasks"], on: ["*"], when },
    {
      actions: ["iam:PassRole"],
      on: tasks.flatMap(({ definition }) => [definition.taskRole.roleArn, definition.obtainExecutionRole().roleArn]),
      when: { StringEquals: { "iam:PassedToService": "ecs-tasks.amazonaws.com" } },
    },
  ];
}
