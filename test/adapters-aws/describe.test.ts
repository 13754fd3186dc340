/** What looking for a stack asks of CloudFormation, and what its answers mean. That a real one is found is tested with the commands. */
import { CloudFormationClient, DescribeStacksCommand, type Stack } from "@aws-sdk/client-cloudformation";
import { mockClient } from "aws-sdk-client-mock";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { describeStack } from "../../adapters/aws/describe.ts";
import { STACK_OUTPUT } from "../../adapters/aws/stack.ts";

const cloudFormation = mockClient(CloudFormationClient);
const named = (error: string, message = "no"): Error => Object.assign(new Error(message), { name: error });
const stack = (StackName: string, outputs: Readonly<Record<string, string>> = {}, StackStatus: Stack["StackStatus"] = "UPDATE_COMPLETE"): Stack => ({
  StackName,
  StackStatus,
  CreationTime: new Date(0),
  Outputs: Object.entries(outputs).map(([OutputKey, OutputValue]) => ({ OutputKey, OutputValue })),
});
const OURS = { [STACK_OUTPUT]: JSON.stringify({ format: 1, stack: "Flows" }) };
const look = (name: string) => describeStack({ stack: name, region: "eu-west-1" });

beforeEach(() => void cloudFormation.reset());
afterEach(() => void cloudFormation.reset());

describe("a stack by its name", () => {
  test("is described by its output", async () => {
    cloudFormation.on(DescribeStacksCommand, { StackName: "Flows" }).resolves({ Stacks: [stack("Flows", OURS)] });
    expect(await look("Flows")).toEqual({ format: 1, stack: "Flows" });
  });

  test("that is not there is told with the region and with those that are", async () => {
    cloudFormation.on(DescribeStacksCommand, { StackName: "Flow" }).rejects(named("ValidationError", "Stack with id Flow does not exist"));
    cloudFormation.on(DescribeStacksCommand, {}).resolves({ Stacks: [stack("Other"), stack("Flows", OURS)] });
    cloudFormation.on(DescribeStacksCommand, { StackName: "Flow" }).rejects(named("ValidationError", "Stack with id Flow does not exist"));
    await expect(look("Flow")).rejects.toMatchObject({
      code: "WH2053",
      message: expect.stringContaining('"Flow" in eu-west-1'),
      expected: expect.stringContaining("Windhover's are Flows"),
    });
  });

  test("is told without a list where one may not look at all", async () => {
    cloudFormation.on(DescribeStacksCommand).rejects(named("AccessDenied"));
    cloudFormation.on(DescribeStacksCommand, { StackName: "Flow" }).rejects(named("ValidationError", "Stack with id Flow does not exist"));
    await expect(look("Flow")).rejects.toMatchObject({ code: "WH2053", expected: "a stack of this account and region" });
  });

  test("that is none of ours is told with what it has, and how it stands", async () => {
    cloudFormation.on(DescribeStacksCommand).resolves({ Stacks: [stack("Half", { Url: "x" }, "ROLLBACK_COMPLETE")] });
    await expect(look("Half")).rejects.toMatchObject({ code: "WH2054", message: expect.stringContaining("ROLLBACK_COMPLETE"), got: "the outputs Url" });
  });

  test("that a newer version has deployed is refused", async () => {
    cloudFormation.on(DescribeStacksCommand).resolves({ Stacks: [stack("Flows", { [STACK_OUTPUT]: '{"format":2}' })] });
    await expect(look("Flows")).rejects.toMatchObject({ code: "WH3101" });
  });

  test.each([
    ["WH3103", named("AccessDenied", "User is not authorized to perform: cloudformation:DescribeStacks")],
    ["WH3102", named("ExpiredToken", "The security token included in the request is expired")],
    ["WH3106", named("ENOTFOUND", "getaddrinfo ENOTFOUND cloudformation.eu-wset-1.amazonaws.com")],
    ["WH2059", new Error("Region is missing")],
  ])("%s when AWS says so", async (code, error) => {
    cloudFormation.on(DescribeStacksCommand).rejects(error);
    await expect(look("Flows")).rejects.toMatchObject({ code });
  });
});
