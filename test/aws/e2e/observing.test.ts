/** What a deployed stack tells of itself where that is asked for: lines of the sources in errors, and metrics of runs in the log. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { FilterLogEventsCommand } from "@aws-sdk/client-cloudwatch-logs";
import { GetFunctionConfigurationCommand } from "@aws-sdk/client-lambda";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createClients } from "../../../adapters/aws/clients.ts";
import { type OpenedStack, openResources } from "../../../adapters/aws/open.ts";
import { environmentOf, ministack, SERVERS } from "../ministack.ts";
import { missingPython } from "../python.ts";
import { PATIENCE } from "./world.ts";

const NAME = "Observed";
const missing = missingPython();
let stack: OpenedStack;
const clients = createClients();

const SOURCE = `import { flow, task } from "windhover";
interface Order {
  readonly id: number;
}

const check = task({ name: "check" }, async ({ id }: Order) => {
  if (id > 1) throw new Error("unknown order");
  return id;
});
export const ordering = flow({ name: "ordering" }, async () => (await check({ id: 1 })) + (await check({ id: 2 })));
export const counting = flow({ name: "counting" }, async () => check({ id: 0 }));
`;

beforeAll(async () => {
  if (missing !== undefined) return;
  const server = await ministack({ auth: true });
  Object.assign(process.env, environmentOf(server));
  const { deploy } = await import("../cdk.ts");
  const folder = join(SERVERS, "observed", "flows");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "..", "package.json"), '{"type":"module"}');
  writeFileSync(join(folder, "index.ts"), SOURCE);
  const { resources } = await deploy(server, NAME, { entry: join(folder, "index.ts"), tracing: true, sourceMaps: true, metrics: true });
  stack = openResources(resources, createClients());
}, 300_000);
afterAll(async () => {
  clients.close();
  await stack?.close();
});

test("an error has the file and line of the source that threw it", async () => {
  const { id } = await stack.client.run("ordering", {});
  const error = await stack.client
    .get(id)
    .result()
    .then(String, (failure: Error) => failure);
  expect((error as Error).stack).toMatch(/unknown order\n.*\/flows\/index\.ts:7:\d+/);
});

test("runs are counted and timed in lines that CloudWatch takes for metrics", async () => {
  await (await stack.client.run("counting", {})).result();
  const told = async (): Promise<readonly string[]> => {
    const { events = [] } = await clients.logs.send(
      new FilterLogEventsCommand({ logGroupName: stack.resources.logGroup, filterPattern: '"CloudWatchMetrics"' }),
    );
    const lines = events.map(
      ({ message = "" }) =>
        JSON.parse(message.trim()) as {
          readonly Flow: string;
          readonly _aws: { readonly CloudWatchMetrics: readonly [{ readonly Metrics: readonly { readonly Name: string }[] }] };
        },
    );
    return lines.flatMap(({ Flow, _aws }) => _aws.CloudWatchMetrics[0].Metrics.map(({ Name }) => `${Flow} ${Name}`)).sort();
  };
  await expect
    .poll(told, PATIENCE)
    .toEqual(["counting RunDuration", "counting RunsCompleted", "counting RunsStarted", "ordering RunDuration", "ordering RunsFailed", "ordering RunsStarted"]);
});

test("invocations are traced", async () => {
  const { TracingConfig } = await clients.lambda.send(new GetFunctionConfigurationCommand({ FunctionName: stack.resources.functions.orchestrator }));
  expect(TracingConfig).toEqual({ Mode: "Active" });
});
