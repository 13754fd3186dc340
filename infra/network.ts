/** A network of the user's own, for functions and containers that have to reach what is private in it. Nothing is made in it but a security group, and that only where none is given. */
import { ArnFormat, Stack } from "aws-cdk-lib";
import { type ISecurityGroup, type ISubnet, type IVpc, SecurityGroup, type SubnetSelection, SubnetType } from "aws-cdk-lib/aws-ec2";
import { Effect, PolicyStatement, type Role } from "aws-cdk-lib/aws-iam";
import type { Construct } from "constructs";
import { WindhoverError } from "../engine/errors.ts";

export interface NetworkOptions {
  readonly vpc?: IVpc;
  readonly vpcSubnets?: SubnetSelection;
  readonly securityGroups?: readonly ISecurityGroup[];
}

export interface Network {
  readonly vpc: IVpc;
  readonly subnets: readonly ISubnet[];
  readonly securityGroups: readonly ISecurityGroup[];
}

/** @throws WH2035 when subnets or security groups are given without a network, or subnets in which a function reaches nothing. */
export function networkOf(scope: Construct, { vpc, vpcSubnets, securityGroups }: NetworkOptions): Network | undefined {
  if (vpc === undefined) {
    const alone = vpcSubnets === undefined ? (securityGroups === undefined ? undefined : "securityGroups") : "vpcSubnets";
    if (alone !== undefined) throw refusal(`\`${alone}\` says nothing without \`vpc\``, `\`vpc\`, or no \`${alone}\``, alone);
    return undefined;
  }
  const kinds = [
    [vpc.privateSubnets, SubnetType.PRIVATE_WITH_EGRESS],
    [vpc.isolatedSubnets, SubnetType.PRIVATE_ISOLATED],
  ] as const;
  const subnetType = kinds.find(([subnets]) => subnets.length > 0)?.[1];
  if (vpcSubnets === undefined && subnetType === undefined)
    throw refusal("`vpc` has no private subnet, and a function in a public one reaches neither AWS nor the internet", "a private subnet", "public ones only");
  const { subnets, hasPublic } = vpc.selectSubnets(vpcSubnets ?? { subnetType });
  if (hasPublic) throw refusal("`vpcSubnets` are public, and a function in one reaches neither AWS nor the internet", "private subnets", "public ones");
  return {
    vpc,
    subnets,
    securityGroups: securityGroups ?? [new SecurityGroup(scope, "Network", { vpc, description: "Flows and tasks: nothing in, anything out" })],
  };
}

const INTERFACES = [
  "ec2:CreateNetworkInterface",
  "ec2:DescribeNetworkInterfaces",
  "ec2:DescribeSubnets",
  "ec2:DeleteNetworkInterface",
  "ec2:AssignPrivateIpAddresses",
  "ec2:UnassignPrivateIpAddresses",
];

/**
 * Lambda makes the network interfaces with the function's own role. The function's code has no business with them.
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-best-practice
 */
export function attach(role: Role, functionName: string): void {
  const fn = Stack.of(role).formatArn({ service: "lambda", resource: "function", resourceName: functionName, arnFormat: ArnFormat.COLON_RESOURCE_NAME });
  role.addToPolicy(new PolicyStatement({ actions: INTERFACES, resources: ["*"] }));
  role.addToPolicy(
    new PolicyStatement({ effect: Effect.DENY, actions: INTERFACES, resources: ["*"], conditions: { ArnEquals: { "lambda:SourceFunctionArn": fn } } }),
  );
}

function refusal(why: string, expected: string, got: string): WindhoverError {
  return new WindhoverError("WH2035", { message: `The construct cannot be made: ${why}.`, expected, got });
}
