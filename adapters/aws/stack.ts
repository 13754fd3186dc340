/**
 * What a deployed stack consists of, by name: the construct writes it, as one output of the stack and as one variable of each function, and everything that runs against the
 * stack (functions, the command line, a client) reads it. Nothing in it is secret.
 */
import { WindhoverError } from "../../engine/errors.ts";

export interface StackResources {
  /** The version of this description. */
  readonly format: 1;
  /** The CloudFormation stack's name. */
  readonly stack: string;
  readonly region: string;
  readonly account: string;
  /** DynamoDB: logs, marks, settings, caches. Keys `pk` and `sk`, both strings; time to live `ttl`. */
  readonly stateTable: string;
  /** DynamoDB: a row a run, deployments, artifacts. Keys `pk` and `sk`, both strings; indexes `byFlow`, `byState`, `byParent`; time to live `ttl`. */
  readonly runsTable: string;
  /** S3: results, large messages, exported histories. */
  readonly bucket: string;
  /** SQS FIFO: one message group an actor. */
  readonly mailbox: QueueResource;
  /** By pool; `default` is always there. Standard queues. */
  readonly pools: Readonly<Record<string, PoolResource>>;
  /** EventBridge Scheduler: the group of the one-time schedules that long timers are, and the role that may send them to the default pool's queue. */
  readonly scheduleGroup: string;
  readonly scheduleRoleArn: string;
  /** CloudWatch Logs: one group for all functions. */
  readonly logGroup: string;
  /** EventBridge: where `emit` puts its events, with the source `windhover.<stack>`. */
  readonly eventBus: string;
  /** Secrets Manager: the beginning of every block's name, `/<stack>/blocks/`. */
  readonly secretsPrefix: string;
  /** Memory of the function that takes the turns. Unit: MB. */
  readonly orchestratorMemoryMb?: number;
  /** Their names. `api` only where something asks for it: the API or a webhook. */
  readonly functions: Readonly<Record<"orchestrator" | "executor" | "deadLetters", string>> & { readonly api?: string };
  /** The HTTP API's address, where there is one. */
  readonly apiUrl?: string;
  /** How long a message stays hidden after the process that held it died. Default: a minute. Unit: seconds. */
  readonly heldSeconds?: number;
  /** Runs are counted and timed in CloudWatch, by metrics in log lines. */
  readonly metrics?: boolean;
  readonly retention?: { readonly completedMs?: number; readonly failedMs?: number };
}

export interface QueueResource {
  readonly url: string;
  readonly arn: string;
  readonly deadLettersUrl: string;
  /** Unit: seconds. */
  readonly visibilitySeconds: number;
}

export interface PoolResource extends QueueResource {
  /** The longest that one task may take. Unit: seconds. */
  readonly timeoutSeconds: number;
  /** Of the functions, or containers, that run its tasks. Unit: MB. */
  readonly memoryMb?: number;
  /** Where its tasks run in Fargate instead of in the executor. */
  readonly container?: ContainerResource;
}

export interface ContainerResource {
  readonly cluster: string;
  readonly taskDefinition: string;
  readonly subnets: readonly string[];
  readonly securityGroups: readonly string[];
  /** Containers that run at once, at most. */
  readonly concurrency: number;
  /** False in a network of the user's own, which has other ways out. */
  readonly publicAddress?: boolean;
}

/** The variable of each function, and the key of the stack's output. */
export const STACK_VARIABLE = "WINDHOVER_STACK";
export const STACK_OUTPUT = "WindhoverStack";
/** A function's build: a hash of the code that was bundled. Runs stay on the build that they started with (rule 34). */
export const BUILD_VARIABLE = "WINDHOVER_BUILD";
/** Tags of the tables, which stay when the stack is deleted: whose they were, and the bucket that stayed with them. */
export const STACK_TAG = "windhover:stack";
export const BUCKET_TAG = "windhover:bucket";

/** @throws WH3101 when the text is not a description of a stack that this version can read. */
export function parseStack(text: string | undefined, where: string): StackResources {
  let value: unknown;
  try {
    value = JSON.parse(text ?? "");
  } catch {}
  if (typeof value === "object" && value !== null && (value as StackResources).format === 1) return value as StackResources;
  throw new WindhoverError("WH3101", {
    message: `${where} does not describe a Windhover stack.`,
    expected: "a description in format 1, as `cdk deploy` writes it",
    got: text === undefined || text === "" ? "nothing" : text.slice(0, 80),
  });
}
