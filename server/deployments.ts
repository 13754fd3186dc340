/** Deployments: when they run next, what starts them, and how to start, pause and resume them by hand. */
import * as z from "zod";
import { WindhoverError } from "../engine/errors.ts";
import type { DeploymentRow } from "../engine/events.ts";
import type { Run } from "../sdk/client-types.ts";
import type { DeploymentDefinition } from "../sdk/deployment.ts";
import type { RunOptions } from "../sdk/ports-client.ts";
import { given, iso } from "./json.ts";
import type { ServerOptions } from "./options.ts";
import type { Routes } from "./routes.ts";
import { RunRequest, Started, started } from "./run-view.ts";

const Time = z.iso.datetime();
export const DeploymentView = z.object({
  name: z.string(),
  flow: z.string(),
  paused: z.boolean(),
  served: z.boolean().describe("The code that is loaded here declares it"),
  schedules: z.array(z.object({ text: z.string(), timezone: z.string().optional(), active: z.boolean(), next: Time.optional() })),
  triggers: z.array(z.object({ kind: z.string(), source: z.string() })),
  tags: z.array(z.string()),
  description: z.string().optional(),
  version: z.string().optional(),
  lastRun: z.string().optional(),
  updatedAt: Time,
});
const Name = z.object({ name: z.string() });

export function addDeployments(routes: Routes, server: ServerOptions): void {
  const { client, deployments = () => [] } = server;
  const list = async (): Promise<z.input<typeof DeploymentView>[]> => {
    const served = new Map(deployments().map((deployment) => [deployment.name, deployment]));
    return (await client.deployments()).map((row) => deploymentView(row, served.get(row.name)));
  };
  const one = async (name: string): Promise<z.input<typeof DeploymentView>> => {
    const all = await list();
    const found = all.find((view) => view.name === name);
    if (!found)
      throw new WindhoverError("WH2003", {
        message: `No deployment is called "${name}".`,
        expected: all.length > 0 ? `one of ${all.map((view) => view.name).join(", ")}` : "a deployment that was run or served before",
        got: name,
      });
    return found;
  };

  routes.add({ method: "get", path: "/api/deployments", summary: "All deployments", answer: z.object({ deployments: z.array(DeploymentView) }) }, async () => ({
    deployments: await list(),
  }));
  routes.add({ method: "get", path: "/api/deployments/{name}", summary: "A deployment", params: Name, answer: DeploymentView, failures: [404] }, ({ params }) =>
    one(params.name),
  );
  routes.add(
    {
      method: "post",
      path: "/api/deployments/{name}/run",
      summary: "Start a run of it now, or later",
      params: Name,
      body: RunRequest,
      status: 201,
      answer: Started,
      failures: [404],
    },
    async ({ params, body, context }) => {
      await one(params.name);
      const { parameters, scheduledTime, ...options } = body;
      const run = await runDeployment(server, params.name, given(parameters, context), {
        ...options,
        ...(scheduledTime !== undefined && { scheduledTime: new Date(scheduledTime) }),
      });
      return started(run.id, await run.state());
    },
  );
  for (const action of ["pause", "resume"] as const)
    routes.add(
      {
        method: "post",
        path: `/api/deployments/{name}/${action}`,
        summary: action === "pause" ? "Let its schedules rest" : "Let its schedules go on",
        params: Name,
        status: 202,
        answer: z.object({ name: z.string(), paused: z.boolean() }),
        failures: [404],
      },
      async ({ params }) => {
        await client.setDeployment(params.name, action);
        return { name: params.name, paused: action === "pause" };
      },
    );
}

/** Where its code is loaded, the definition counts: it knows the key of its overlap limit. @throws WH2003 */
export async function runDeployment(
  { client, deployments = () => [] }: ServerOptions,
  name: string,
  parameters: object,
  options: RunOptions,
): Promise<Run<unknown>> {
  const served = deployments().find((deployment) => deployment.name === name);
  return served ? client.run(served, parameters, options) : client.runDeployment(name, parameters, options);
}

function deploymentView(row: DeploymentRow, served: DeploymentDefinition | undefined): z.input<typeof DeploymentView> {
  const { name, flow, paused, schedules, tags, description, version, lastRun, updatedAt } = row;
  return {
    name,
    flow,
    paused,
    served: served !== undefined,
    schedules: schedules.map(({ text, timezone, active, next }) => ({
      text,
      ...(timezone !== undefined && { timezone }),
      active,
      ...(next !== undefined && { next: iso(next) }),
    })),
    triggers: (served?.triggers ?? []).map((trigger) => ({ kind: trigger.kind, source: sourceOf(trigger as unknown as Readonly<Record<string, unknown>>) })),
    tags: [...tags],
    ...(description !== undefined && { description }),
    ...(version !== undefined && { version }),
    ...(lastRun !== undefined && { lastRun }),
    updatedAt: iso(updatedAt),
  };
}

/** Where a trigger listens, in a word. */
export function sourceOf(trigger: Readonly<Record<string, unknown>>): string {
  switch (trigger["kind"]) {
    case "webhook":
      return `/hooks/${trimmed(String(trigger["path"]))}`;
    case "s3":
      return `s3://${trigger["bucket"]}/${trigger["prefix"] ?? ""}`;
    case "event":
      return [trigger["source"], trigger["detailType"]].filter((part) => part !== undefined).join(" ");
    case "run-state":
      return `${trigger["flow"]} ${trigger["state"]}`;
    default:
      return String(trigger["queueArn"] ?? "");
  }
}
export const trimmed = (path: string): string => path.replace(/^\/+|\/+$/g, "");
