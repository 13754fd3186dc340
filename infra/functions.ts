/** The Lambda functions: one archive with one file each, on the newest Node that Lambda has, and versions that stay for the runs that began on them. */
import { AssetHashType, Duration, RemovalPolicy } from "aws-cdk-lib";
import { PolicyStatement, Role, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import type { IKey } from "aws-cdk-lib/aws-kms";
import {
  ApplicationLogLevel,
  Architecture,
  Code,
  EventSourceMapping,
  type ILayerVersion,
  Function as LambdaFunction,
  LoggingFormat,
  RecursiveLoop,
  Runtime,
  SystemLogLevel,
  Tracing,
} from "aws-cdk-lib/aws-lambda";
import type { ILogGroup } from "aws-cdk-lib/aws-logs";
import type { IQueue } from "aws-cdk-lib/aws-sqs";
import type { Construct } from "constructs";
import { BUILD_VARIABLE } from "../adapters/aws/stack.ts";
import { type Access, allow } from "./access.ts";
import type { Bundle } from "./bundle.ts";
import { attach, type Network } from "./network.ts";

/** What all functions of a stack have in common. */
export interface FunctionParts {
  /** The build: a hash of the code of all functions. */
  readonly build: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly logGroup: ILogGroup;
  readonly layers: readonly ILayerVersion[];
  readonly encryptionKey?: IKey;
  readonly network?: Network | undefined;
  readonly tracing?: boolean | undefined;
}

export interface FunctionOptions {
  /** Its name in the account and region: other functions know it by that, and are known by it. */
  readonly name: string;
  readonly description: string;
  readonly bundle: Bundle;
  readonly memoryMb: number;
  readonly timeoutSeconds: number;
}

export const RUNTIME = Runtime.NODEJS_24_X;

export function makeFunction(scope: Construct, id: string, parts: FunctionParts, options: FunctionOptions): LambdaFunction {
  const { build, environment, logGroup, layers, encryptionKey, network, tracing } = parts;
  const { name, description, bundle, memoryMb, timeoutSeconds } = options;
  const role = new Role(scope, `${id}Role`, { assumedBy: new ServicePrincipal("lambda.amazonaws.com"), description: `${name}: ${description}` });
  allow(role, { actions: ["logs:CreateLogStream", "logs:PutLogEvents"], on: [`${logGroup.logGroupArn}`] });
  const made = new LambdaFunction(scope, id, {
    functionName: name,
    description,
    runtime: RUNTIME,
    architecture: Architecture.ARM_64,
    handler: "index.handler",
    code: Code.fromAsset(bundle.folder, { assetHash: bundle.hash, assetHashType: AssetHashType.CUSTOM }),
    memorySize: memoryMb,
    timeout: Duration.seconds(timeoutSeconds),
    environment: { ...environment, [BUILD_VARIABLE]: build },
    role,
    layers: [...layers],
    logGroup,
    loggingFormat: LoggingFormat.JSON,
    // Its lines are the users' own: none is dropped. The platform's START and REPORT of each invocation would cost more than they tell.
    applicationLogLevelV2: ApplicationLogLevel.DEBUG,
    systemLogLevelV2: SystemLogLevel.WARN,
    // Lambda's guard takes a flow's steps, which are messages to ourselves, for a loop, and ends them after about sixteen.
    recursiveLoop: RecursiveLoop.ALLOW,
    // Kept, unless the deploy that published it is rolled back: Lambda publishes no second version of the same code in a row, so the next try could never succeed.
    currentVersionOptions: { description: build, removalPolicy: RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE },
    ...(encryptionKey && { environmentEncryption: encryptionKey }),
    ...(network && { vpc: network.vpc, vpcSubnets: { subnets: [...network.subnets] }, securityGroups: [...network.securityGroups] }),
    ...(tracing && { tracing: Tracing.ACTIVE }),
  });
  if (network) attach(role, name);
  // The policy is there before the function, whose first invocation may follow at once.
  made.node.addDependency(role);
  return made;
}

/** Messages of the queue go to the newest published version: a batch of ten, failures one by one, and as many at once as there is work for. */
export function feed(scope: Construct, id: string, fn: LambdaFunction, queue: IQueue, concurrency?: number): EventSourceMapping {
  const mapping = new EventSourceMapping(scope, id, {
    target: fn.currentVersion,
    eventSourceArn: queue.queueArn,
    batchSize: 10,
    reportBatchItemFailures: true,
    ...(concurrency !== undefined && { maxConcurrency: concurrency }),
  });
  if (fn.role) mapping.node.addDependency(fn.role);
  return mapping;
}

/** Older versions of a function take what belongs to runs that began on them. */
export function handOn(fn: LambdaFunction, arn: string): void {
  const access: Access[] = [
    { actions: ["lambda:ListVersionsByFunction"], on: [arn] },
    { actions: ["lambda:InvokeFunction"], on: [`${arn}:*`] },
  ];
  for (const { actions, on } of access) fn.addToRolePolicy(new PolicyStatement({ actions: [...actions], resources: [...on] }));
}
