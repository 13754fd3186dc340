#!/usr/bin/env node
/**
 * The app that the CDK runs: one stack with one `Windhover`. In this repository it deploys the examples; `WINDHOVER_DEPLOY` names another entry, as JSON, for those who have no app
 * of their own: `{ "stack": "Flows", "entry": "./flows/index.ts", "pools": { … } }`.
 */
import { App, RemovalPolicy, Stack } from "aws-cdk-lib";
import { WindhoverError } from "../engine/errors.ts";
import { Windhover, type WindhoverProps } from "./windhover.ts";

interface Deployment extends Omit<WindhoverProps, "removalPolicy" | "encryptionKey" | "layers"> {
  /** The CloudFormation stack's name. */
  readonly stack: string;
  /** Nothing stays when the stack is deleted. */
  readonly destroy?: boolean;
}

const EXAMPLES: Deployment = { stack: "WindhoverExamples", entry: "examples/index.ts", destroy: true };

function deployment(): Deployment {
  const text = process.env["WINDHOVER_DEPLOY"];
  return text === undefined ? EXAMPLES : (JSON.parse(text) as Deployment);
}

try {
  const { stack: name, destroy = false, ...props } = deployment();
  const account = process.env["CDK_DEFAULT_ACCOUNT"];
  const region = process.env["CDK_DEFAULT_REGION"];
  const app = new App();
  const stack = new Stack(app, name, { description: "Windhover: flows and what they need", env: { account, region } });
  new Windhover(stack, "Flows", { ...props, removalPolicy: destroy ? RemovalPolicy.DESTROY : RemovalPolicy.RETAIN });
  app.synth();
} catch (error) {
  if (!(error instanceof WindhoverError)) throw error;
  const { message, expected, got, action, docs } = error;
  const lines = [
    message,
    ...(expected === undefined ? [] : [`  expected: ${expected}`]),
    ...(got === undefined ? [] : [`  got:      ${got}`]),
    `  ${action}`,
    `  ${docs}`,
  ];
  console.error(lines.join("\n"));
  process.exitCode = 1;
}
