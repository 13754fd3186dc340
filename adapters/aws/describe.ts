/** Finds a deployed stack by its name: CloudFormation has its description, as the output that the construct wrote. */
import { CloudFormationClient, DescribeStacksCommand, paginateDescribeStacks, type Stack } from "@aws-sdk/client-cloudformation";
import { WindhoverError } from "../../engine/errors.ts";
import { failure } from "./failure.ts";
import { parseStack, STACK_OUTPUT, type StackResources } from "./stack.ts";

export interface StackTarget {
  /** The CloudFormation stack's name. */
  readonly stack: string;
  /** Default: that of the environment or the profile. */
  readonly region?: string | undefined;
  /** A profile of the user's AWS configuration. */
  readonly profile?: string | undefined;
}

/**
 * @throws WH2053 when the region has no such stack · WH2054 when it is none of ours · WH2059 without a region · WH3101 when a newer version has deployed it ·
 * WH3102 without credentials, WH3103 when AWS denies it, WH3106 when it cannot be reached
 * @example const resources = await describeStack({ stack: "Flows", region: "eu-west-1" });
 */
export async function describeStack({ stack, region, profile }: StackTarget): Promise<StackResources> {
  const client = new CloudFormationClient({ ...(region !== undefined && { region }), ...(profile !== undefined && { profile }) });
  try {
    const found = await find(client, stack);
    const output = outputOf(found);
    if (output !== undefined) return parseStack(output, `The output ${STACK_OUTPUT} of the stack "${stack}"`);
    throw new WindhoverError("WH2054", {
      message: `The stack "${stack}" in ${await regionOf(client)} is not one of Windhover's${found.StackStatus ? ` (its status is ${found.StackStatus})` : ""}.`,
      expected: `a stack with the output ${STACK_OUTPUT}${await others(client)}`,
      got: `the outputs ${found.Outputs?.map(({ OutputKey }) => OutputKey).join(", ") || "none"}`,
    });
  } finally {
    client.destroy();
  }
}

async function find(client: CloudFormationClient, stack: string): Promise<Stack> {
  try {
    const { Stacks = [] } = await client.send(new DescribeStacksCommand({ StackName: stack }));
    const [found] = Stacks;
    if (found) return found;
  } catch (error) {
    const { message = "" } = error as Error;
    if (/region is missing|region=""/i.test(message))
      throw new WindhoverError("WH2059", {
        message: `Nothing says in which region the stack "${stack}" lies.`,
        expected: "--region, AWS_REGION, or a profile with a region",
      });
    if (!/does not exist/i.test(message)) throw failure(error, `looking for the stack "${stack}"`);
  }
  throw new WindhoverError("WH2053", {
    message: `There is no stack "${stack}" in ${await regionOf(client)}.`,
    expected: `a stack of this account and region${await others(client)}`,
    got: stack,
  });
}

const outputOf = ({ Outputs = [] }: Stack): string | undefined => Outputs.find(({ OutputKey }) => OutputKey === STACK_OUTPUT)?.OutputValue;
const regionOf = async (client: CloudFormationClient): Promise<string> => client.config.region();

/** More than that are not looked through for a hint. */
const LOOKED_THROUGH = 500;

/** Which stacks could have been meant, as far as one may look. */
async function others(client: CloudFormationClient): Promise<string> {
  const names: string[] = [];
  let seen = 0;
  try {
    for await (const { Stacks = [] } of paginateDescribeStacks({ client }, {})) {
      for (const one of Stacks) if (outputOf(one) !== undefined && one.StackName !== undefined) names.push(one.StackName);
      seen += Stacks.length;
      if (seen >= LOOKED_THROUGH) break;
    }
  } catch {
    // Who may look at one stack need not be allowed to look at all.
    return "";
  }
  return names.length > 0 ? `: Windhover's are ${names.sort().join(", ")}` : "; Windhover has none there";
}
