/** Runs: list them, look at one, start one, and tell one to stop, wait, go on or begin again. */
import * as z from "zod";
import type { Entry, RunRow, StateRow } from "../engine/events.ts";
import { runActor } from "../engine/messages.ts";
import type { RunState } from "../engine/run.ts";
import type { State } from "../engine/state.ts";
import { type PortsClient, unknownRun } from "../sdk/ports-client.ts";
import type { PortsRun } from "../sdk/ports-run.ts";
import { iso, jsonOf, readPayload } from "./json.ts";
import type { ServerOptions } from "./options.ts";
import { Refusal } from "./problems.ts";
import type { Routes } from "./routes.ts";

const StateType = z.enum(["SCHEDULED", "PENDING", "RUNNING", "COMPLETED", "FAILED", "CANCELLED", "CRASHED", "CANCELLING", "PAUSED"]);
const Time = z.iso.datetime({ offset: true });
const Tags = z.array(z.string().min(1));
const Parameters = z.record(z.string(), z.unknown());

const StateView = z
  .object({
    type: StateType,
    name: z.string(),
    message: z.string().optional(),
    timestamp: Time,
    reason: z
      .object({ code: z.string(), message: z.string(), since: Time, until: Time.optional(), blockedBy: z.array(z.string()).optional() })
      .optional()
      .describe("What it waits for"),
  })
  .meta({ title: "State" });
export const RunView = z.object({
  id: z.string(),
  name: z.string(),
  flow: z.string(),
  deployment: z.string().optional(),
  parent: z.string().optional().describe("The run that called this one as a subflow"),
  origin: z.string().optional().describe("The run that this one repeats or continues"),
  continuedAs: z.string().optional(),
  version: z.string().optional(),
  state: StateView,
  tags: z.array(z.string()),
  createdAt: Time,
  scheduledTime: Time.optional(),
  startedAt: Time.optional(),
  endedAt: Time.optional(),
});
const Started = z.object({ id: z.string(), name: z.string().optional(), state: z.object({ type: StateType, name: z.string() }) });
const RunId = z.object({ id: z.string() });

export const RunRequest = z.strictObject({
  parameters: Parameters.default({}),
  idempotencyKey: z.string().min(1).max(200).optional().describe("The same key for the same flow is the same run"),
  scheduledTime: Time.optional().describe("Start then, not now"),
  tags: Tags.optional(),
  name: z.string().min(1).max(100).optional(),
});

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

export function addRuns(routes: Routes, { client }: ServerOptions): void {
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

  const Request = RunRequest.extend({ flow: z.string().optional(), deployment: z.string().optional() }).refine(
    ({ flow, deployment }) => (flow === undefined) !== (deployment === undefined),
    "name a `flow` or a `deployment`",
  );
  routes.add(
    { method: "post", path: "/api/runs", summary: "Start a run of a flow or a deployment", body: Request, status: 201, answer: Started, failures: [404] },
    async ({ body }) => {
      const { flow, deployment, parameters, scheduledTime, ...options } = body;
      const run = await client.run((flow ?? deployment) as string, parameters, {
        ...options,
        ...(scheduledTime !== undefined && { scheduledTime: new Date(scheduledTime) }),
      });
      return started(run.id, await run.state());
    },
  );

  const Detail = RunView.extend({ parameters: z.unknown(), result: z.unknown().optional(), error: z.unknown().optional() });
  routes.add(
    { method: "get", path: "/api/runs/{id}", summary: "A run, with its parameters and what came of it", params: RunId, answer: Detail, failures: [404] },
    ({ params }) => runDetail(client, params.id),
  );

  const Page = z.object({ after: z.coerce.number().int().min(0).default(0), limit: z.coerce.number().int().min(1).max(1000).default(200) });
  const HistoryAnswer = z.object({
    entries: z.array(z.object({ n: z.number(), at: Time, version: z.number(), events: z.array(z.unknown()) })),
    next: z.number().optional(),
  });
  routes.add(
    {
      method: "get",
      path: "/api/runs/{id}/history",
      summary: "A run's log, entry by entry",
      params: RunId,
      query: Page,
      answer: HistoryAnswer,
      failures: [404],
    },
    async ({ params, query }) => {
      const tail = await client.ports.log.tail(runActor(params.id));
      if (!tail) throw unknownRun(params.id);
      const last = Math.min(tail.n, query.after + query.limit);
      const entries = query.after >= tail.n ? [] : await client.ports.log.read(runActor(params.id), query.after + 1, last);
      return { entries: entries.map(({ n, at, version, events }: Entry) => ({ n, at: iso(at), version, events })), ...(last < tail.n && { next: last }) };
    },
  );

  const Line = z.object({
    id: z.string(),
    at: Time,
    level: z.enum(["debug", "info", "warn", "error"]),
    message: z.string(),
    call: z.string().optional(),
    fields: z.unknown().optional(),
  });
  const LogQuery = z.object({
    after: z.string().optional().describe("A line's id"),
    limit: z.coerce.number().int().min(1).max(5000).default(1000),
    call: z.string().optional(),
  });
  routes.add(
    {
      method: "get",
      path: "/api/runs/{id}/logs",
      summary: "What a run and its tasks logged",
      params: RunId,
      query: LogQuery,
      answer: z.object({ lines: z.array(Line) }),
      failures: [404],
    },
    async ({ params, query }) => {
      await exists(client, params.id);
      const lines = await client.ports.logs.read(params.id, query);
      return {
        lines: await Promise.all(
          lines.map(async ({ id, at, level, message, call, fields }) => ({
            id,
            at: iso(at),
            level,
            message,
            ...(call !== undefined && { call }),
            ...(fields !== undefined && { fields: jsonOf(await readPayload(fields, client.ports.results)) }),
          })),
        ),
      };
    },
  );

  const Artifact = z.object({
    key: z.string(),
    kind: z.enum(["markdown", "table", "link", "image", "progress"]),
    data: z.unknown(),
    call: z.string().optional(),
    at: Time,
  });
  routes.add(
    {
      method: "get",
      path: "/api/runs/{id}/artifacts",
      summary: "What a run leaves for people to look at",
      params: RunId,
      answer: z.object({ artifacts: z.array(Artifact) }),
      failures: [404],
    },
    async ({ params }) => {
      await exists(client, params.id);
      const rows = await index.artifacts(params.id);
      return {
        artifacts: await Promise.all(
          rows.map(async ({ key, kind, data, call, at }) => ({
            key,
            kind,
            data: jsonOf(await readPayload(data, client.ports.results)),
            ...(call !== undefined && { call }),
            at: iso(at),
          })),
        ),
      };
    },
  );

  addOrders(routes, client);
}

/** What one can tell a run. */
function addOrders(routes: Routes, client: PortsClient): void {
  const order = (verb: "pause" | "resume", summary: string): void =>
    routes.add(
      { method: "post", path: `/api/runs/{id}/${verb}`, summary, params: RunId, status: 202, answer: Started, failures: [404, 409] },
      async ({ params }) => {
        const run = client.get(params.id);
        await run[verb]();
        return started(params.id, await run.state());
      },
    );
  const Why = z.strictObject({ why: z.string().max(1000).optional() });
  routes.add(
    {
      method: "post",
      path: "/api/runs/{id}/cancel",
      summary: "Let it stop, clean up, and end as cancelled",
      params: RunId,
      body: Why,
      status: 202,
      answer: Started,
      failures: [404, 409],
    },
    async ({ params, body }) => {
      const run = client.get(params.id) as PortsRun<unknown>;
      await run.cancel(body.why);
      return started(params.id, await run.state());
    },
  );
  order("pause", "Start nothing new until it is resumed");
  order("resume", "Go on after a pause");
  routes.add(
    {
      method: "post",
      path: "/api/runs/{id}/retry",
      summary: "Again as a new run that takes over what completed",
      params: RunId,
      status: 201,
      answer: Started,
      failures: [404, 409],
    },
    async ({ params }) => {
      const run = await client.get(params.id).retry();
      return started(run.id, await run.state());
    },
  );
  const Rerun = z.strictObject({
    from: z.string().optional().describe("The call from which on to run again; without it, from the start"),
    parameters: Parameters.optional(),
    result: z.unknown().optional().describe("Take this as the result of `from`"),
  });
  routes.add(
    {
      method: "post",
      path: "/api/runs/{id}/rerun",
      summary: "Again as a new run, from the start or from one call on",
      params: RunId,
      body: Rerun,
      status: 201,
      answer: Started,
      failures: [404, 409],
    },
    async ({ params, body }) => {
      const { from, parameters } = body;
      if (from === undefined && "result" in body)
        throw new Refusal(400, "WH2017", { message: "`result` needs `from`: it is the result of that call.", expected: "{ from, result }", got: "{ result }" });
      const run = client.get(params.id) as PortsRun<unknown>;
      const again =
        from === undefined
          ? await run.rerun(parameters)
          : await run.rerunFrom(from, { ...(parameters !== undefined && { parameters }), ...("result" in body && { result: body.result }) });
      return started(again.id, await again.state());
    },
  );
  const Input = z.strictObject({ name: z.string().min(1), value: z.unknown() });
  routes.add(
    {
      method: "post",
      path: "/api/runs/{id}/input",
      summary: "Answer a run that waits for an input",
      params: RunId,
      body: Input,
      status: 202,
      answer: Started,
      failures: [404, 409, 422],
    },
    async ({ params, body }) => {
      const run = client.get(params.id) as PortsRun<unknown>;
      await run.input(body.name, body.value);
      return started(params.id, await run.state());
    },
  );
}

export async function runDetail(
  client: PortsClient,
  id: string,
): Promise<z.input<typeof RunView> & { readonly parameters?: unknown; readonly result?: unknown; readonly error?: unknown }> {
  const { index, log, results } = client.ports;
  const run = (await log.tail(runActor(id)))?.state as RunState | undefined;
  const row = (await index.run(id)) ?? undefined;
  if (!run && !row) {
    const state = await client.get(id).state();
    return {
      id,
      name: id,
      flow: "",
      state: { type: state.type, name: state.name, timestamp: state.timestamp.toISOString() },
      tags: [],
      createdAt: state.timestamp.toISOString(),
    };
  }
  // The runs table may be a moment behind the log.
  const view = runView(row ? { ...row, ...(run && { state: run.row }) } : rowOf(id, run as RunState));
  const begun = run && (await log.read(runActor(id), 1, 1))[0]?.events.find((event) => event.type === "started");
  return {
    ...view,
    ...(begun && { parameters: jsonOf(await readPayload(begun.parameters, results)) }),
    ...(run?.result !== undefined && { result: jsonOf(await readPayload(run.result, results)) }),
    ...(run?.error !== undefined && { error: jsonOf(await readPayload(run.error, results)) }),
  };
}

function rowOf(id: string, { name, flow, row, tags, createdAt, version, deployment }: RunState): RunRow {
  return { id, seq: 0, name, flow, state: row, tags: tags ?? [], createdAt, version, deployment };
}

export function runView(row: RunRow): z.input<typeof RunView> {
  const { id, name, flow, deployment, parent, origin, continuedAs, version, tags, state, createdAt, scheduledTime, startedAt, endedAt } = row;
  const texts = { deployment, parent, origin, continuedAs, version };
  const times = { scheduledTime, startedAt, endedAt };
  return {
    id,
    name,
    flow,
    ...defined(texts),
    state: stateView(state),
    tags: [...tags],
    createdAt: iso(createdAt),
    ...Object.fromEntries(Object.entries(defined(times)).map(([key, ms]) => [key, iso(ms as number)])),
  };
}
function stateView({ type, name, message, timestamp, reason }: StateRow): z.input<typeof StateView> {
  return {
    type,
    name,
    timestamp: iso(timestamp),
    ...(message !== undefined && { message }),
    ...(reason && {
      reason: {
        code: reason.code,
        message: reason.message,
        since: iso(reason.since),
        ...(reason.until !== undefined && { until: iso(reason.until) }),
        ...(reason.blockedBy && { blockedBy: [...reason.blockedBy] }),
      },
    }),
  };
}
const defined = <T extends object>(values: T): Partial<T> =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Partial<T>;

export function started(id: string, state: State): z.input<typeof Started> {
  return { id, state: { type: state.type, name: state.name } };
}
export const StartedAnswer = Started;

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

/** @throws WH2002 */
async function exists(client: PortsClient, id: string): Promise<void> {
  if (!(await client.ports.index.run(id)) && !(await client.ports.log.tail(runActor(id)))) await client.get(id).state();
}
