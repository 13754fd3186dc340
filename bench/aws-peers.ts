/**
 * The same shapes as a Step Functions state machine with a Lambda function for its task, and as a durable function: deployed into the same stack, on the same emulator. The SDK of
 * durable functions is no dependency of ours: it is installed under `node_modules/.cache` for this bench alone, and where that fails, the peer is left out.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { InvokeCommand, type LambdaClient } from "@aws-sdk/client-lambda";
import { Duration, type Stack } from "aws-cdk-lib";
import { Role, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import { Code, Function as LambdaFunction, Runtime } from "aws-cdk-lib/aws-lambda";
import { CfnStateMachine } from "aws-cdk-lib/aws-stepfunctions";
import { build } from "esbuild";

const SDK = "@aws/durable-execution-sdk-js";
const VERSION = "2.4.0";
const FOLDER = resolve("node_modules", ".cache", "windhover-bench", "peers");

/** An invocation that prints nothing is answered late by the emulator: all that are compared print a line. */
const STEP = `export const handler = async ({ value }) => { console.log("step"); return { value: value + 1 }; };`;
const DURABLE = `
import { withDurableExecution } from "${SDK}";
export const handler = withDurableExecution(async ({ n, fanOut }, context) => {
  console.log("durable");
  if (fanOut) return (await context.map("items", Array.from({ length: n }, (_, i) => i), (child, i) => child.step("step", async () => i + 1))).getResults().length;
  let value = 0;
  while (value < n) value = await context.step("step", async () => value + 1);
  return value;
});
`;

/** A folder with the durable function's code, or why there is none. */
export async function durableCode(): Promise<string | Error> {
  if (!existsSync(join(FOLDER, "node_modules", SDK))) {
    mkdirSync(FOLDER, { recursive: true });
    writeFileSync(join(FOLDER, "package.json"), JSON.stringify({ private: true }));
    const { status, stderr } = spawnSync("npm", ["install", "--no-save", "--no-audit", "--no-fund", `${SDK}@${VERSION}`], { cwd: FOLDER, encoding: "utf8" });
    if (status !== 0) return new Error(`${SDK} cannot be installed: ${stderr.trim().split("\n").at(-1)}`);
  }
  const outfile = join(FOLDER, "durable", "index.mjs");
  const stdin = { contents: DURABLE, resolveDir: FOLDER };
  const banner = { js: 'import { createRequire as __require } from "node:module";const require = __require(import.meta.url);' };
  await build({ stdin, bundle: true, minify: true, platform: "node", format: "esm", mainFields: ["module", "main"], outfile, banner, logLevel: "error" });
  return join(FOLDER, "durable");
}

const nameOf = (stack: string, part: string): string => `${stack}-peer-${part}`;

export function addPeers(stack: Stack, durable: string | Error): void {
  const folder = join(FOLDER, "step");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "index.mjs"), STEP);
  const common = { runtime: Runtime.NODEJS_24_X, handler: "index.handler", memorySize: 1024, timeout: Duration.minutes(15) };
  const step = new LambdaFunction(stack, "PeerStep", { ...common, code: Code.fromAsset(folder) });
  const role = new Role(stack, "PeerRole", { assumedBy: new ServicePrincipal("states.amazonaws.com") });
  step.grantInvoke(role);
  const task = { Type: "Task", Resource: step.functionArn };
  const chain = Object.fromEntries(Array.from({ length: CHAIN }, (_, i) => [`s${i}`, { ...task, ...(i < CHAIN - 1 ? { Next: `s${i + 1}` } : { End: true }) }]));
  const iterator = { StartAt: "step", States: { step: { ...task, End: true } } };
  const machines = {
    chain: { StartAt: "s0", States: chain },
    "fan-out": { StartAt: "map", States: { map: { Type: "Map", ItemsPath: "$.items", ItemProcessor: iterator, End: true } } },
  };
  for (const [part, definition] of Object.entries(machines))
    new CfnStateMachine(stack, `Peer-${part}`, {
      stateMachineName: nameOf(stack.stackName, part),
      roleArn: role.roleArn,
      definitionString: stack.toJsonString(definition),
    });
  if (durable instanceof Error) return;
  new LambdaFunction(stack, "PeerDurable", { ...common, functionName: nameOf(stack.stackName, "durable"), code: Code.fromAsset(durable) });
}
/** Tasks of the state machine that is a chain. */
export const CHAIN = 100;

/** The emulator wants a setting of its own for durable functions, which no SDK sends. */
export async function makeDurable(endpoint: string, { region }: Place, stack: string): Promise<void> {
  const DurableConfig = { Enabled: true, ExecutionTimeout: 3600, RetentionPeriodInDays: 1 };
  const headers = { "content-type": "application/json", authorization: signature(region, "lambda") };
  const url = `${endpoint}/2015-03-31/functions/${nameOf(stack, "durable")}/configuration`;
  const answer = await fetch(url, { method: "PUT", headers, body: JSON.stringify({ DurableConfig }) });
  if (!answer.ok) throw new Error(await answer.text());
}

export interface Place {
  readonly account: string;
  readonly region: string;
}
/** The emulator does not look at it. */
const signature = (region: string, service: string): string =>
  `AWS4-HMAC-SHA256 Credential=test/20260101/${region}/${service}/aws4_request, SignedHeaders=host, Signature=none`;

/** Until the whole execution has ended. */
export async function runDurable(lambda: LambdaClient, stack: string, input: object): Promise<void> {
  const { Payload, FunctionError } = await lambda.send(new InvokeCommand({ FunctionName: nameOf(stack, "durable"), Payload: JSON.stringify(input) }));
  const answer = JSON.parse(Buffer.from(Payload ?? []).toString() || "{}") as { readonly Status?: string };
  if (FunctionError !== undefined || answer.Status !== "SUCCEEDED") throw new Error(`a durable execution ended with ${JSON.stringify(answer).slice(0, 500)}`);
}

/** Until it has ended, looked at every few milliseconds. */
export async function runStateMachine(endpoint: string, place: Place, name: string, input: object): Promise<void> {
  const ask = async (operation: string, body: object): Promise<Readonly<Record<string, string>>> => {
    const answer = await fetch(endpoint, {
      method: "POST",
      headers: {
        "content-type": "application/x-amz-json-1.0",
        "x-amz-target": `AWSStepFunctions.${operation}`,
        authorization: signature(place.region, "states"),
      },
      body: JSON.stringify(body),
    });
    if (!answer.ok) throw new Error(`${operation}: ${await answer.text()}`);
    return (await answer.json()) as Readonly<Record<string, string>>;
  };
  const stateMachineArn = `arn:aws:states:${place.region}:${place.account}:stateMachine:${name}`;
  const { executionArn } = await ask("StartExecution", { stateMachineArn, input: JSON.stringify(input) });
  for (;;) {
    const { status, cause } = await ask("DescribeExecution", { executionArn });
    if (status === "SUCCEEDED") return;
    if (status !== "RUNNING") throw new Error(`a state machine ended with ${status}: ${cause}`);
    await new Promise((done) => setTimeout(done, 10));
  }
}
export const machineName = nameOf;
