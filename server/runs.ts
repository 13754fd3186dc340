/** Runs: list them, look at one, start one. */
import * as z from "zod";
import { runDeployment } from "./deployments.ts";
import type { ServerOptions } from "./options.ts";
import { Refusal } from "./problems.ts";
import type { Routes } from "./routes.ts";
import { addOrders } from "./run-orders.ts";
import { addRunParts } from "./run-parts.ts";
import { Detail, RunId, RunRequest, RunView, runDetail, runView, Started, StateType, started, Time } from "./run-view.ts";

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

const Request = RunRequest.extend({ flow: z.string().optional(), deployment: z.string().optional() }).refine(
  ({ flow, deployment }) => (flow === undefined) !== (deployment === undefined),
  "name a `flow` or a `deployment`",
);

export function addRuns(routes: Routes, server: ServerOptions): void {
  const { client, code } = server;
  const { index } = client.ports;

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
      const page = await index.runs({
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
    async ({ body }) => {
      const { flow, deployment, parameters, scheduledTime, ...options } = body;
      const when = { ...options, ...(scheduledTime !== undefined && { scheduledTime: new Date(scheduledTime) }) };
      const run =
        deployment === undefined ? await client.start(code.flow(flow as string), parameters, when) : await runDeployment(server, deployment, parameters, when);
      return started(run.id, await run.state());
    },
  );

  routes.add(
    { method: "get", path: "/api/runs/{id}", summary: "A run, with its parameters and what came of it", params: RunId, answer: Detail, failures: [404] },
    ({ params }) => runDetail(client, params.id),
  );

  addRunParts(routes, client);
  addOrders(routes, client);
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
