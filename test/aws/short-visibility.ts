/**
 * A process that was killed is noticed when the visibility of its messages ends. On AWS that is the function's timeout at most, and a minute once a handler holds them: a test that
 * kills dozens of processes says, in the template that it deploys, that both are a few seconds. Lambda itself would refuse a queue whose visibility is shorter than its function's
 * timeout; MiniStack does not look.
 */
import type { Stack } from "aws-cdk-lib";
import { CfnFunction } from "aws-cdk-lib/aws-lambda";
import { CfnQueue } from "aws-cdk-lib/aws-sqs";
import { STACK_VARIABLE } from "../../adapters/aws/stack.ts";

/** Give it to `deploy` as what a user's app would add. */
export function noticeDeathsWithin(seconds: number): (stack: Stack) => void {
  return (stack) => {
    for (const construct of stack.node.findAll()) {
      if (construct instanceof CfnQueue) construct.visibilityTimeout = seconds;
      if (!(construct instanceof CfnFunction)) continue;
      const environment = stack.resolve(construct.environment) as { readonly variables?: Readonly<Record<string, unknown>> } | undefined;
      const description = environment?.variables?.[STACK_VARIABLE];
      if (description !== undefined) construct.addPropertyOverride(`Environment.Variables.${STACK_VARIABLE}`, withSeconds(description, seconds));
    }
  };
}

/** The description is JSON, in pieces where it names what CloudFormation will make. */
function withSeconds(description: unknown, seconds: number): unknown {
  const text = JSON.stringify(description);
  const changed = text.replace('{\\"format\\":1', `{\\"heldSeconds\\":${seconds},\\"format\\":1`);
  if (changed === text) throw new Error(`The stack's description begins otherwise: ${text.slice(0, 200)}`);
  return JSON.parse(changed);
}
