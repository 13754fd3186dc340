/** A deployed stack on MiniStack, without the CDK: its resources made by the SDK, its description as the output of a CloudFormation stack, and a worker of this process in place of its functions. */
import { randomUUID } from "node:crypto";
import { CloudFormationClient, CreateStackCommand, waitUntilStackCreateComplete } from "@aws-sdk/client-cloudformation";
import { type AwsBackend, openAws } from "../../adapters/aws/backend.ts";
import { createClients } from "../../adapters/aws/clients.ts";
import { noteFlows } from "../../adapters/aws/known-flows.ts";
import { STACK_OUTPUT, type StackResources } from "../../adapters/aws/stack.ts";
import { createRuntime } from "../../adapters/process/runtime.ts";
import type { Code } from "../../engine/definition.ts";
import { environmentOf, type MiniStack, ministack, REGION } from "../aws/ministack.ts";
import { createLogGroup, createScheduleGroup, createStackOfQueues } from "../aws/queues.ts";
import { createBucket, createTables } from "../aws/resources.ts";

export interface StackWorld {
  readonly server: MiniStack;
  /** What a command needs to talk to it. */
  readonly env: Readonly<Record<string, string>>;
  readonly resources: StackResources;
  readonly backend: AwsBackend;
  close(): Promise<void>;
}

/** How often the queues are looked at. Unit: milliseconds. */
const LOOK_MS = 50;
const PREFIX = "AWS_";

/** `code`: what the stack runs; none: nothing is taken. */
export async function stackWorld(code?: Code): Promise<StackWorld> {
  const server = await ministack();
  const env = environmentOf(server);
  // The clients of this process find the emulator as a command does.
  for (const [name, value] of Object.entries(env)) if (name.startsWith(PREFIX)) process.env[name] = value;
  const name = `cli-${randomUUID().slice(0, 8)}`;
  const clients = createClients({ region: REGION });
  const resources = await createStackOfQueues(clients, name);
  await Promise.all([
    createScheduleGroup(clients, resources),
    createLogGroup(clients, resources),
    createBucket(clients, resources),
    createTables(clients, resources),
  ]);
  await createStack(name, { [STACK_OUTPUT]: JSON.stringify(resources) });
  const backend = openAws({ stack: resources, role: "client", clients });
  const look = { wait: () => new Promise<void>((resolve) => void setTimeout(resolve, LOOK_MS).unref()) };
  const runtime = code && createRuntime({ ports: backend.ports, signals: { mail: look, tasks: look } }, { code });
  runtime?.worker.start();
  if (code) await noteFlows({ stack: resources, clients }, code.flows.keys());
  return {
    server,
    env,
    resources,
    backend,
    async close() {
      await runtime?.worker.stop();
      backend.close();
      clients.close();
    },
  };
}

/** A stack of one queue that nobody uses, with these outputs. */
export async function createStack(name: string, outputs: Readonly<Record<string, string>>): Promise<void> {
  const client = new CloudFormationClient({ region: REGION });
  const template = {
    Resources: { Nothing: { Type: "AWS::SQS::Queue", Properties: { QueueName: `${name}-nothing` } } },
    Outputs: Object.fromEntries(Object.entries(outputs).map(([key, Value]) => [key, { Value }])),
  };
  await client.send(new CreateStackCommand({ StackName: name, TemplateBody: JSON.stringify(template) }));
  await waitUntilStackCreateComplete({ client, maxWaitTime: 60, minDelay: 0.1, maxDelay: 1 }, { StackName: name });
  client.destroy();
}
