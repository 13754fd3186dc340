/**
 * What starts deployments' runs besides schedules: rules of EventBridge send the events themselves to the deployment's mailbox, without a function in between; messages of a queue
 * go by way of a small function. Webhooks are routes: see `api.ts`. A run's state is told by the run itself.
 *
 * A bucket has to send its events to EventBridge, which its owner switches on (`eventBridgeEnabled: true` in the CDK): the bucket is not ours.
 */
import { Stack } from "aws-cdk-lib";
import { CfnRule } from "aws-cdk-lib/aws-events";
import { Effect, PolicyStatement, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import type { Construct } from "constructs";
import { eventSource } from "../adapters/aws/events.ts";
import { groupOf } from "../adapters/aws/letters.ts";
import { WindhoverError } from "../engine/errors.ts";
import { deploymentActor } from "../engine/messages.ts";
import type { DescribedDeployment, DescribedTrigger } from "./describe.ts";
import type { QueuePair } from "./queues.ts";
import { idOf } from "./schedules.ts";

/** The source of what flows emit, as authors write it; on the bus it has the stack's name. */
const EMITTED = "windhover";

/** The event's own form, built anew: a transformer that hands on the whole event has no name that every place knows. */
const PATHS = {
  id: "$.id",
  source: "$.source",
  type: "$.detail-type",
  time: "$.time",
  account: "$.account",
  region: "$.region",
  resources: "$.resources",
  detail: "$.detail",
};
const EVENT =
  '{"id":<id>,"source":<source>,"detail-type":<type>,"time":<time>,"account":<account>,"region":<region>,"resources":<resources>,"detail":<detail>}';

export function makeRules(scope: Construct, stackName: string, { queue }: QueuePair, deployments: readonly DescribedDeployment[]): void {
  const rules: CfnRule[] = [];
  for (const { name, triggers } of deployments)
    triggers.forEach((trigger, place) => {
      const eventPattern = patternOf(trigger, name, stackName);
      if (eventPattern === undefined) return;
      const actor = deploymentActor(name);
      const head = JSON.stringify({ to: actor, event: { trigger: place } }).slice(0, -2);
      rules.push(
        new CfnRule(scope, `${idOf(name)}Trigger${place}`, {
          description: `${name}: ${trigger.kind}`.slice(0, 512),
          eventPattern,
          state: "ENABLED",
          targets: [
            {
              id: "mailbox",
              arn: queue.queueArn,
              sqsParameters: { messageGroupId: groupOf(actor) },
              // A template's own angle brackets would be taken for variables.
              inputTransformer: { inputPathsMap: PATHS, inputTemplate: `${head.replaceAll("<", "\\u003c").replaceAll(">", "\\u003e")},"event":${EVENT}}}` },
            },
          ],
        }),
      );
    });
  if (rules.length === 0) return;
  const { partition, region, account } = Stack.of(scope);
  const sources = rules.length > NAMED_RULES ? [`arn:${partition}:events:${region}:${account}:rule/*`] : rules.map(({ attrArn }) => attrArn);
  queue.addToResourcePolicy(
    new PolicyStatement({
      effect: Effect.ALLOW,
      principals: [new ServicePrincipal("events.amazonaws.com")],
      actions: ["sqs:SendMessage"],
      resources: [queue.queueArn],
      conditions: { ArnLike: { "aws:SourceArn": sources } },
    }),
  );
}

/** A queue's policy has 8 KB, and a rule's ARN some hundred characters: beyond this many, all rules of the account may send. */
const NAMED_RULES = 40;

/** Undefined for a trigger that no rule serves. @throws WH2034 */
function patternOf(trigger: DescribedTrigger, deployment: string, stackName: string): object | undefined {
  if (trigger.kind === "s3") return objectPattern(trigger, deployment);
  if (trigger.kind !== "event") return undefined;
  const { source, detailType, detail } = trigger as DescribedTrigger & {
    readonly source: string;
    readonly detailType?: string;
    readonly detail?: Readonly<Record<string, unknown>>;
  };
  const type = detailType === undefined ? {} : { "detail-type": [detailType] };
  // What a flow emits is encoded, so that a rule cannot look into it: the deployment's turn does.
  if (source === EMITTED) return { source: [eventSource(stackName)], ...type };
  return { source: [source], ...type, ...(detail && { detail: listed(detail) }) };
}

function objectPattern(trigger: DescribedTrigger, deployment: string): object {
  const { bucket, prefix, suffix } = trigger as DescribedTrigger & { readonly bucket: string; readonly prefix?: string; readonly suffix?: string };
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(bucket))
    throw refusal(deployment, "no bucket has this name", "3 to 63 lower-case letters, digits, dots and hyphens", bucket);
  const key = prefix && suffix ? [{ wildcard: `${literally(prefix)}*${literally(suffix)}` }] : prefix ? [{ prefix }] : suffix ? [{ suffix }] : undefined;
  return { source: ["aws.s3"], "detail-type": ["Object Created"], detail: { bucket: { name: [bucket] }, ...(key && { object: { key } }) } };
}
const literally = (text: string): string => text.replace(/[\\*]/g, "\\$&");

/** In EventBridge's language each field has a list; ours takes a plain value for a list of one. */
function listed(pattern: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(pattern).map(([field, wanted]) => {
      if (Array.isArray(wanted)) return [field, wanted];
      return [field, typeof wanted === "object" && wanted !== null ? listed(wanted as Readonly<Record<string, unknown>>) : [wanted]];
    }),
  );
}

/** The queues that `onQueue` triggers name, each once. @throws WH2034 for what is no ARN of a queue. */
export function queuesOf(deployments: readonly DescribedDeployment[]): readonly string[] {
  const arns = deployments.flatMap(({ name, triggers }) =>
    triggers
      .filter(({ kind }) => kind === "queue")
      .map(({ queueArn }) => {
        if (/^arn:[\w-]+:sqs:[\w-]+:\d{12}:[\w-]{1,80}(\.fifo)?$/.test(String(queueArn))) return String(queueArn);
        throw refusal(name, "this is not the ARN of a queue", "such as arn:aws:sqs:eu-west-1:123456789012:orders", String(queueArn));
      }),
  );
  return [...new Set(arns)];
}

/** The paths that `onWebhook` triggers name, each once, without slashes at their ends. @throws WH2034 for one that no route has. */
export function webhooksOf(deployments: readonly DescribedDeployment[]): readonly string[] {
  const paths = deployments.flatMap(({ name, triggers }) =>
    triggers
      .filter(({ kind }) => kind === "webhook")
      .map((trigger) => {
        const path = String(trigger["path"]).replace(/^\/+|\/+$/g, "");
        // What API Gateway takes for a route. In a process of one's own a path may have more.
        if (/^[\w.-]+(\/[\w.-]+)*$/.test(path)) return path;
        throw refusal(name, "no route of API Gateway can have this path", "letters, digits, dots, hyphens and underscores between slashes", path);
      }),
  );
  return [...new Set(paths)];
}

function refusal(deployment: string, why: string, expected: string, got: string): WindhoverError {
  return new WindhoverError("WH2034", { message: `A trigger of the deployment "${deployment}" cannot be served: ${why}.`, expected, got });
}
