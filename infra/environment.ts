/** Whether the functions' variables fit: Lambda says so in the middle of a deploy. */
import { CfnResource, Stack } from "aws-cdk-lib";
import type { Construct } from "constructs";
import { BUILD_VARIABLE } from "../adapters/aws/stack.ts";
import { WindhoverError } from "../engine/errors.ts";

/**
 * What Lambda takes for all variables of a function: it measures them as one JSON object, in which each quote of the stack's description is escaped.
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
 */
const MOST_BYTES = 4096;
/** Of a build: a hash. */
const BUILD = "0123456789abcdef";

/** What CloudFormation makes of a resource's name: the stack's, the resource's, and chance. Unit: characters. */
const CHANCE = 14;
/** Beyond its name. Unit: characters. */
const QUEUE = { name: 80, fifo: 5, url: 54, arn: 40 };
const ROLE_ARN = 100;
/** Anything else that only CloudFormation knows, at most: tables, a bucket, what the user refers to. */
const OTHER = 90;
/** A piece of something: of the stack's id, in the name of its log group. */
const PIECE = 36;

/** @throws WH2035 when the description of the stack and the user's variables do not fit into a function's environment. */
export function checkEnvironment(scope: Construct, environment: Readonly<Record<string, string>>): void {
  const stack = Stack.of(scope);
  const resources = new Map(
    stack.node.findAll().flatMap((each) => (CfnResource.isCfnResource(each) ? [[stack.resolve(each.logicalId) as string, each.cfnResourceType] as const] : [])),
  );
  const filled = (value: unknown): string => {
    if (typeof value === "string") return value;
    const { "Fn::Join": join, "Fn::GetAtt": attribute, "Fn::Select": piece, Ref } = value as Intrinsic;
    if (join) return join[1].map(filled).join(join[0]);
    const id = Ref ?? attribute?.[0] ?? "";
    const name = `${stack.stackName}-${id}`.length + CHANCE;
    return "x".repeat(piece ? PIECE : resources.has(id) ? lengthOf(resources.get(id), name, attribute !== undefined) : OTHER);
  };
  const variables = { ...environment, [BUILD_VARIABLE]: BUILD };
  const bytes = Buffer.byteLength(JSON.stringify(Object.fromEntries(Object.entries(variables).map(([name, value]) => [name, filled(stack.resolve(value))]))));
  if (bytes <= MOST_BYTES) return;
  throw new WindhoverError("WH2035", {
    message: "The construct cannot be made: the functions' environment has no room for it.",
    expected: `fewer pools, of some 450 bytes each, or fewer and shorter variables: ${MOST_BYTES} bytes in all`,
    got: `about ${bytes} bytes`,
  });
}

interface Intrinsic {
  readonly Ref?: string;
  readonly "Fn::GetAtt"?: readonly string[];
  readonly "Fn::Select"?: unknown;
  readonly "Fn::Join"?: readonly [string, readonly unknown[]];
}

function lengthOf(type: string | undefined, name: number, attribute: boolean): number {
  if (type === "AWS::SQS::Queue") return Math.min(QUEUE.name, name + QUEUE.fifo) + (attribute ? QUEUE.arn : QUEUE.url);
  return type === "AWS::IAM::Role" ? ROLE_ARN : Math.min(OTHER, name);
}
