/** Runs: list them, look at one, start one. */
import * as z from "zod";
import { LIMITS } from "../engine/limits.ts";
import type { Run } from "../sdk/client-types.ts";
import type { RunOptions } from "../sdk/ports-client.ts";
import { runRows } from "../sdk/run-rows.ts";
import { runDeployment } from "./deployments.ts";
import { given, wantsTags } from "./json.ts";
import type { ServerOptions } from "./options.ts";
import { Refusal } from "./problems.ts";
import type { Routes } from "./routes.ts";
import { addOrders } from "./run-orders.ts";
import { addRunParts } from "./run-parts.ts";
import { Detail, RunId, RunRequest, RunView, runDetail, runState, runView, Started, StateDetail, StateType, started, Time } from "./run-view.ts";

const List = z.object({
  flow: z.string().optional(),
  deployment: z.string().optional(),
  state: z.string().optional().describe("One type or several with commas"),
  tag: z.string().optional(),
  parent: z.string().optional(),
  since: Time.optional().describe("Created then or later"),
  until: Time.optional(),
  limit: z.coerce.number().int().min(1).max(500).default(50),
  cursor: z.string().optional(),
});

const Overrides = z
  .strictObject({
    retries: z.number().int().min(0).max(LIMITS.retries).optional(),
    retryDelaySeconds: z.union([z.number().min(0), z.array(z.number().min(0))]).optional(),
    retryJitterFactor: z.number().min(0).optional(),
    timeoutSeconds: z.number().positive().optional(),
  })
  .describe("Options of the flow that are to have other values for this run");

const Request = RunRequest.extend({
  flow: z.string().optional(),
  deployment: z.string().optional(),
  target: z.string().optional().describe("The name of a flow, or else of a deployment"),
  overrides: Overrides.optional(),
})
  .refine(
    ({ flow, deployment, target }) => [flow, deployment, target].filter((name) => name !== undefined).length === 1,
    "name a `flow`, a `deployment`, or either as `target`",
  )
  .refine(({ flow, overrides }) => flow !== undefined || overrides === undefined, "`overrides` go with a `flow`");

export function addRuns(routes: Routes, server: ServerOptions): void {
  const { client } = server;

  routes.add(
    {
      method: "get",
      path: "/api/runs",
      summary: "Runs, newest first",
      query: List,
      answer: z.object({ runs: z.array(RunView), cursor: z.string().optional() }),
    },
    async ({ query }) => {
      const { state, since, until, ...rest } = query;
      const page = await runRows(client.ports, {
        ...rest,
        states: statesOf(state),
        since: since === undefined ? undefined : Date.parse(since),
        until: until === undefined ? undefined : Date.parse(until),
      });
      return { runs: page.rows.map(runView), ...(page.cursor !== undefined && { cursor: page.cursor }) };
    },
  );

  routes.add(
    { method: "post", path: "/api/runs", summary: "Start a run of a flow or a deployment", body: Request, status: 201, answer: Started, failures: [404] },
    async ({ body, context }) => {
      const { flow, deployment, target, parameters, scheduledTime, ...options } = body;
      const when = { ...options, ...(scheduledTime !== undefined && { scheduledTime: new Date(scheduledTime) }) };
      const run = await startNamed(server, { flow, deployment, target }, given(parameters, context), when);
      return started(run.id, await run.state());
    },
  );

  routes.add(
    { method: "get", path: "/api/runs/{id}", summary: "A run, with its parameters and what came of it", params: RunId, answer: Detail, failures: [404] },
    ({ params, context }) => runDetail(server, params.id, wantsTags(context)),
  );
  routes.add(
    {
      method: "get",
      path: "/api/runs/{id}/state",
      summary: "Its state alone, with its result or error once it has ended: what to ask for again and again",
      params: RunId,
      answer: StateDetail,
      failures: [404],
    },
    ({ params, context }) => runState(client, params.id, wantsTags(context)),
  );

  addRunParts(routes, client);
  addOrders(routes, client);
}

interface Named {
  readonly flow?: string | undefined;
  readonly deployment?: string | undefined;
  readonly target?: string | undefined;
}

/** @throws WH2001 · WH2003 */
async function startNamed(server: ServerOptions, { flow, deployment, target }: Named, parameters: object, options: RunOptions): Promise<Run<unknown>> {
  const { client, code, deployments = () => [] } = server;
  if (deployment !== undefined) return runDeployment(server, deployment, parameters, options);
  if (flow !== undefined) return client.runFlow(flow, parameters, options);
  const name = target as string;
  const served = !code.flows.has(name) && deployments().some((one) => one.name === name);
  return served ? runDeployment(server, name, parameters, options) : client.run(name, parameters, options);
}

function statesOf(text: string | undefined): z.output<typeof StateType>[] | undefined {
  if (text === undefined) return undefined;
  const list = z.array(StateType).safeParse(
    text
      .toUpperCase()
      .split(",")
      .map((part) => part.trim()),
  );
  if (list.success) return list.data;
  throw new Refusal(400, "WH2017", { message: `"${text}" is no state.`, expected: StateType.options.join(", "), got: text });
}
