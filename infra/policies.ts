/** Roles of people, as policies to attach: who looks, who starts and stops runs, who also changes settings. They are what the command line and `connect({ stack })` need. */
import { Stack } from "aws-cdk-lib";
import { ManagedPolicy, PolicyStatement } from "aws-cdk-lib/aws-iam";
import type { Construct } from "constructs";
import type { Access } from "./access.ts";

export interface Policies {
  /** Lists runs, reads their logs and results. */
  readonly viewer: ManagedPolicy;
  /** Also starts, cancels, pauses and retries runs, and answers those that wait. */
  readonly operator: ManagedPolicy;
  /** Also sets limits, variables and blocks. */
  readonly admin: ManagedPolicy;
}
export type PolicyName = keyof Policies;

const DESCRIPTIONS: Readonly<Record<PolicyName, string>> = {
  viewer: "looks at runs",
  operator: "starts and stops runs",
  admin: "starts and stops runs, and changes settings",
};

export function makePolicies(scope: Construct, accesses: Readonly<Record<PolicyName, readonly Access[]>>): Policies {
  const { partition, region, account, stackName } = Stack.of(scope);
  // The stack's description is where every client begins. It asks by name, and knows no id: CloudFormation then asks for any stack of that name.
  const describe: Access = { actions: ["cloudformation:DescribeStacks"], on: [`arn:${partition}:cloudformation:${region}:${account}:stack/${stackName}/*`] };
  const make = (name: PolicyName): ManagedPolicy =>
    new ManagedPolicy(scope, `${name[0]?.toUpperCase()}${name.slice(1)}`, {
      description: `Windhover ${stackName}: ${DESCRIPTIONS[name]}`,
      statements: [describe, ...accesses[name]].map(
        ({ actions, on, when }) => new PolicyStatement({ actions: [...actions], resources: [...on], ...(when && { conditions: { ...when } }) }),
      ),
    });
  return { viewer: make("viewer"), operator: make("operator"), admin: make("admin") };
}
