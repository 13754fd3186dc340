/**
 * What MiniStack does otherwise than AWS, and what tests do about it, in the template that they deploy there. Nothing in the product knows of this file, and the template that users
 * deploy is checked as it is in `test/infra`.
 */
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DeleteBucketPolicyCommand } from "@aws-sdk/client-s3";
import { createClients } from "../../adapters/aws/clients.ts";
import { ACCOUNT, type MiniStack, REGION } from "./ministack.ts";

/** The bootstrap bucket demands TLS, and MiniStack speaks plain HTTP on loopback. */
export async function afterBootstrap({ endpoint }: MiniStack): Promise<void> {
  const clients = createClients({ endpoint, region: REGION });
  await clients.s3.send(new DeleteBucketPolicyCommand({ Bucket: `cdk-hnb659fds-assets-${ACCOUNT}-${REGION}` }));
  clients.close();
}

interface Statement {
  readonly Effect: "Allow" | "Deny";
  readonly Action: string | readonly string[];
  readonly Resource: unknown;
  readonly Condition?: unknown;
}
interface Resource {
  readonly Type: string;
  readonly Properties: { PolicyDocument?: { readonly Version: string; Statement: readonly Statement[] } };
  readonly [key: string]: unknown;
}
interface Template {
  readonly Resources: Record<string, Resource>;
}

/** Changes the template that was synthesized: each of these is one of the differences. */
export function mendTemplate(outdir: string, name: string): void {
  const file = join(outdir, `${name}.template.json`);
  const template = JSON.parse(readFileSync(file, "utf8")) as Template;
  for (const { Properties } of Object.values(template.Resources)) {
    const document = Properties?.PolicyDocument;
    if (document) document.Statement = document.Statement.filter((statement) => !demandsTls(statement)).map(withItsNames);
  }
  withoutEmptyPolicies(template);
  moreMappings(template);
  writeFileSync(file, JSON.stringify(template));
}

/** Queues and buckets demand TLS too. */
const demandsTls = ({ Effect, Condition }: Statement): boolean => Effect === "Deny" && JSON.stringify(Condition ?? {}).includes("aws:SecureTransport");

function withoutEmptyPolicies({ Resources }: Template): void {
  for (const [id, { Type, Properties }] of Object.entries(Resources))
    if (/^AWS::(SQS::Queue|S3::Bucket|SNS::Topic)Policy$/.test(Type) && Properties.PolicyDocument?.Statement.length === 0) delete Resources[id];
}

/** With `AUTH` it asks for an action of the batch's own, where AWS asks for that of one message. */
const BATCHES: Readonly<Record<string, string>> = {
  "sqs:SendMessage": "sqs:SendMessageBatch",
  "sqs:DeleteMessage": "sqs:DeleteMessageBatch",
  "sqs:ChangeMessageVisibility": "sqs:ChangeMessageVisibilityBatch",
};

function withItsNames(statement: Statement): Statement {
  const actions = [statement.Action].flat();
  const Action = actions.flatMap((action) => (BATCHES[action] === undefined ? [action] : [action, BATCHES[action]]));
  // Whatever group a schedule is in, its ARN says `default`.
  const schedules = actions.some((action) => action.startsWith("scheduler:"));
  // Who invokes a version is asked for the function itself.
  const versions = actions.includes("lambda:InvokeFunction") ? [JSON.parse(JSON.stringify(statement.Resource).replaceAll(':*"', '"')) as unknown].flat() : [];
  const more = [...(schedules ? ["arn:aws:scheduler:*:*:schedule/default/timer-*"] : []), ...versions];
  const Resource = more.length > 0 ? [statement.Resource, ...more].flat() : statement.Resource;
  // It does not know the key `ecs:cluster`, so that nothing ever fulfils the condition.
  const { Condition, ...rest } = statement;
  return { ...rest, Action, Resource, ...(Condition !== undefined && !JSON.stringify(Condition).includes("ecs:cluster") && { Condition }) };
}

/** It has one batch of a FIFO queue in flight, where Lambda takes as many as there are message groups: further mappings of the same queue stand for that. */
const MAPPINGS = 4;

/** An update leaves a mapping at the version that it was made for: for each version there is another mapping. */
function moreMappings({ Resources }: Template): void {
  for (const [id, mapping] of Object.entries(Resources)) {
    if (mapping.Type !== "AWS::Lambda::EventSourceMapping") continue;
    delete Resources[id];
    const version = createHash("sha256").update(JSON.stringify(mapping.Properties)).digest("hex").slice(0, 8);
    for (let i = 1; i <= (id.includes("FeedMailbox") ? MAPPINGS : 1); i++) Resources[`${id}${version}${i}`] = structuredClone(mapping);
  }
}
