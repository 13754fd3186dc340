/** What `new Windhover(…)` is told, checked. */
import { RemovalPolicy, Stack } from "aws-cdk-lib";
import type { ISecurityGroup, IVpc, SubnetSelection } from "aws-cdk-lib/aws-ec2";
import type { IKey } from "aws-cdk-lib/aws-kms";
import type { ILayerVersion } from "aws-cdk-lib/aws-lambda";
import type { Construct } from "constructs";
import { durationMs, WindhoverError } from "../engine/errors.ts";
import type { PoolOptions } from "../sdk/config.ts";
import type { Duration } from "../sdk/duration.ts";
import type { ApiOptions } from "./api.ts";
import type { NetworkOptions } from "./network.ts";
import type { NotificationOptions } from "./notifications.ts";

export interface WindhoverProps extends NetworkOptions {
  /** Files, or folders with an `index.ts`, that export flows and deployments. Relative paths count from where the CDK runs. */
  readonly entry: string | readonly string[];
  /** Where tasks run that name a pool. `default` says how large the functions are that run everything else: 1024 MB and 900 seconds, unless it says otherwise. */
  readonly pools?: Readonly<Record<string, PoolOptions>>;
  /** How long the rows of ended runs are kept. Default: 90 days for those that completed, 180 for those that failed. Log lines are kept as long as the longer of the two. */
  readonly retention?: { readonly completed?: Duration; readonly failed?: Duration };
  /** The HTTP API, behind IAM or a JWT. Default: none; the command line and `connect({ stack })` need none. Webhooks have their routes in any case. */
  readonly api?: ApiOptions;
  /** Default: false; a dashboard costs money. */
  readonly dashboard?: boolean;
  /** Default: false; each metric that an alarm looks at costs ten cents a month. They go to the topic of `notifications`. */
  readonly alarms?: boolean;
  /** Failed and crashed runs are told to a topic: one that is made, or one's own. Default: false. */
  readonly notifications?: NotificationOptions;
  /** Encrypts tables, bucket, queues, logs and environments. Default: AWS's own keys, which cost nothing. */
  readonly encryptionKey?: IKey;
  /** What becomes of tables, bucket and logs when the stack is deleted. Default: RETAIN. With DESTROY nothing stays, blocks included. */
  readonly removalPolicy?: RemovalPolicy;
  /** Variables for the flows' and tasks' environment, and `WINDHOVER_LOG`: `debug` has each invocation write a line of its own. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Packages that are left out of the bundle, such as those with native modules: a layer brings them. */
  readonly external?: readonly string[];
  readonly layers?: readonly ILayerVersion[];
  /** A network of one's own for all functions and containers, which has to let them reach AWS: by a NAT gateway or by endpoints. Default: none. */
  readonly vpc?: IVpc;
  /** Which of its subnets. Default: private ones with a way out, or, where there are none, isolated ones. */
  readonly vpcSubnets?: SubnetSelection;
  /** Default: one that lets nothing in and anything out. */
  readonly securityGroups?: readonly ISecurityGroup[];
  /** X-Ray traces of the functions. Default: false; a million traces that are recorded cost five dollars. */
  readonly tracing?: boolean;
  /** Stack traces with the files and lines of the sources. Default: false; functions then load without maps, ten to twenty milliseconds sooner. */
  readonly sourceMaps?: boolean;
  /** Counts, durations and late starts of runs by flow, in CloudWatch. Default: false; each metric of each flow costs thirty cents a month. */
  readonly metrics?: boolean;
}

const KNOWN: Readonly<Record<keyof WindhoverProps, true>> = {
  entry: true,
  pools: true,
  retention: true,
  api: true,
  dashboard: true,
  alarms: true,
  notifications: true,
  encryptionKey: true,
  removalPolicy: true,
  environment: true,
  external: true,
  layers: true,
  vpc: true,
  vpcSubnets: true,
  securityGroups: true,
  tracing: true,
  sourceMaps: true,
  metrics: true,
};

const DAY_MS = 864e5;
const RETENTION_MS = { completed: 90 * DAY_MS, failed: 180 * DAY_MS };
/** What Lambda and ECS take for a name. Unit: characters. */
const LONGEST_NAME = 64;

const LOG_VARIABLE = "WINDHOVER_LOG";
/** What Lambda takes for a variable's name. */
const VARIABLE = /^[A-Za-z]\w+$/;

/** @throws WH2035 for a property that is not known or cannot be used here. */
export function checkProps(scope: Construct, props: WindhoverProps, isAnother: (construct: unknown) => boolean): void {
  const unknown = Object.keys(props).find((name) => !Object.hasOwn(KNOWN, name));
  if (unknown !== undefined) throw refusal(`it has no property "${unknown}"`, Object.keys(KNOWN).join(", "), unknown);
  const { environment = {}, removalPolicy = RemovalPolicy.RETAIN } = props;
  const reserved = Object.keys(environment).find((name) => /^(WINDHOVER|AWS|LAMBDA)_/.test(name) && name !== LOG_VARIABLE);
  const unfit = Object.keys(environment).find((name) => !VARIABLE.test(name));
  if (unfit !== undefined)
    throw refusal(`no function can have the variable "${unfit}"`, "a letter, and then letters, digits and underscores, two or more in all", unfit);
  if (reserved !== undefined) throw refusal(`the variable ${reserved} is not free`, "a name that begins with none of WINDHOVER_, AWS_, LAMBDA_", reserved);
  if (![RemovalPolicy.RETAIN, RemovalPolicy.DESTROY].includes(removalPolicy))
    throw refusal("`removalPolicy` is RETAIN or DESTROY", "RemovalPolicy.RETAIN or RemovalPolicy.DESTROY", removalPolicy);
  const { node } = Stack.of(scope);
  if (node.findAll().some((other) => other !== scope && isAnother(other)))
    throw refusal("the stack has one already: functions and queues are known by the stack's name", "one in a stack", "two");
}

/** The user's variables, and what the properties make of them. */
export function environmentOf({ environment = {}, sourceMaps = false }: WindhoverProps): Readonly<Record<string, string>> {
  if (!sourceMaps) return environment;
  const { NODE_OPTIONS } = environment;
  return { ...environment, NODE_OPTIONS: NODE_OPTIONS === undefined ? MAPPED : `${NODE_OPTIONS} ${MAPPED}` };
}
const MAPPED = "--enable-source-maps";

/** Unit: milliseconds. @throws WH2035 for what is no duration. */
export function retentionOf({ completed, failed }: NonNullable<WindhoverProps["retention"]> = {}): { readonly completedMs: number; readonly failedMs: number } {
  return { completedMs: milliseconds("completed", completed) ?? RETENTION_MS.completed, failedMs: milliseconds("failed", failed) ?? RETENTION_MS.failed };
}

function milliseconds(name: string, duration: Duration | undefined): number | undefined {
  try {
    return duration === undefined ? undefined : durationMs(duration);
  } catch (cause) {
    throw new WindhoverError("WH2035", {
      message: `The construct cannot be made: \`retention.${name}\` is no duration.`,
      expected: 'such as "90 days"',
      got: String(duration),
      cause,
    });
  }
}

/** A name that other functions know: it has to be known before the resource is. @throws WH2035 when it is too long. */
export function nameOf(scope: Construct, part: string): string {
  const name = `${Stack.of(scope).stackName}-${part}`;
  if (name.length <= LONGEST_NAME) return name;
  throw refusal("the stack's name is too long", `a name of at most ${LONGEST_NAME - part.length - 1} characters`, name);
}

function refusal(why: string, expected: string, got: string): WindhoverError {
  return new WindhoverError("WH2035", { message: `The construct cannot be made: ${why}.`, expected, got });
}
