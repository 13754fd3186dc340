/** A run as the API shows it. */
import * as z from "zod";
import type { CallView } from "../engine/call-view.ts";
import type { RunCost } from "../engine/cost.ts";
import type { Entry, RunRow, StateRow } from "../engine/events.ts";
import { runActor } from "../engine/messages.ts";
import { projectRun } from "../engine/projection.ts";
import type { RunState } from "../engine/run-state.ts";
import { STATE_TYPES, type State } from "../engine/state.ts";
import type { PortsClient } from "../sdk/ports-client.ts";
import { runRow } from "../sdk/run-rows.ts";
import { iso, shown } from "./json.ts";

export const StateType = z.enum(STATE_TYPES);
export const Time = z.iso.datetime({ offset: true });
const Tags = z.array(z.string().min(1));
export const Parameters = z.record(z.string(), z.unknown());

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
export const Started = z.object({ id: z.string(), name: z.string().optional(), state: z.object({ type: StateType, name: z.string() }) });
export const RunId = z.object({ id: z.string() });

const Call = z.object({
  id: z.string(),
  kind: z.string(),
  name: z.string(),
  role: z.string().optional().describe("`hook` or `rollback`: made by the engine"),
  state: StateView,
  calledAt: Time,
  startedAt: Time.optional(),
  endedAt: Time.optional(),
  ranMs: z.number().describe("The author's code ran so long, over all attempts"),
  attempts: z.number(),
  deps: z.array(z.string()),
  after: z.array(z.string()),
  child: z.string().optional().describe("The subflow's run"),
  map: z.object({ total: z.number().optional(), done: z.number(), failed: z.number() }).optional(),
});
const Cost = z.object({
  requests: z.number().describe("Calls of an API, and invocations"),
  units: z.number().describe("What requests are billed by"),
  gbSeconds: z.number().describe("Memory times the time that it was held"),
  usd: z.number(),
});
const RunCostView = Cost.extend({
  services: z.record(z.string(), Cost),
  containerSeconds: z.number().optional().describe("How long its tasks ran in containers, which are paid for by the time that they are there"),
}).meta({ title: "Cost" });
export const Detail = RunView.extend({
  parameters: z.unknown().optional(),
  result: z.unknown().optional(),
  error: z.unknown().optional(),
  calls: z.array(Call),
  cost: RunCostView.optional().describe("What it has cost so far, told from its log, where somebody bills for it"),
});

export const StateDetail = StateView.extend({
  scheduledTime: Time.optional(),
  continuedAs: z.string().optional().describe("The run that goes on in its place"),
  result: z.unknown().optional(),
  error: z.unknown().optional(),
});

export const RunRequest = z.strictObject({
  parameters: Parameters.default({}),
  idempotencyKey: z.string().min(1).max(200).optional().describe("The same key for the same flow is the same run"),
  scheduledTime: Time.optional().describe("Start then, not now"),
  tags: Tags.optional(),
  name: z.string().min(1).max(100).optional(),
});

/** @throws WH2002 */
export async function runDetail(
  { client, cost }: { readonly client: PortsClient; readonly cost?: ((entries: readonly Entry[]) => Promise<RunCost>) | undefined },
  id: string,
  tagged = false,
): Promise<z.input<typeof Detail>> {
  const { log, results } = client.ports;
  const entries = await log.read(runActor(id));
  const row = await runRow(client.ports, id);
  const run = entries.at(-1)?.state as RunState | undefined;
  if (!run) return row ? { ...runView(row), calls: [] } : notYet(client, id);
  const { parameters, result, error, calls } = projectRun(entries);
  const read = async (name: string, payload: typeof parameters): Promise<object> =>
    payload === undefined ? {} : { [name]: await shown(payload, results, tagged) };
  return {
    // The runs table may be a moment behind the log.
    ...runView(row ? { ...row, state: run.row } : rowOf(id, run)),
    ...(await read("parameters", parameters)),
    ...(await read("result", result)),
    ...(await read("error", error)),
    calls: calls.map(callView),
    ...(cost && { cost: (await cost(entries)) as z.input<typeof RunCostView> }),
  };
}

/** By the last entry alone, however long the log is. @throws WH2002 */
export async function runState(client: PortsClient, id: string, tagged: boolean): Promise<z.input<typeof StateDetail>> {
  const { log, results } = client.ports;
  const run = (await log.tail(runActor(id)))?.state as RunState | undefined;
  if (run) {
    const { row, scheduledTime, continuedAs, result, error } = run;
    return {
      ...stateView(row),
      ...(scheduledTime !== undefined && { scheduledTime: iso(scheduledTime) }),
      ...(continuedAs !== undefined && { continuedAs }),
      ...(result !== undefined && { result: await shown(result, results, tagged) }),
      ...(error !== undefined && { error: await shown(error, results, tagged) }),
    };
  }
  const row = await runRow(client.ports, id);
  if (row) return { ...stateView(row.state), ...(row.scheduledTime !== undefined && { scheduledTime: iso(row.scheduledTime) }) };
  const { type, name, timestamp } = await client.get(id).state();
  return { type, name, timestamp: timestamp.toISOString() };
}

/** Its start was sent, where nobody can look into the mail. */
async function notYet(client: PortsClient, id: string): Promise<z.input<typeof Detail>> {
  const { type, name, timestamp } = await client.get(id).state();
  const at = timestamp.toISOString();
  return { id, name: id, flow: "", state: { type, name, timestamp: at }, tags: [], createdAt: at, calls: [] };
}

function callView({ id, kind, name, role, state, calledAt, startedAt, endedAt, ranMs, attempts, deps, after, child, map }: CallView): z.input<typeof Call> {
  const times = defined({ startedAt, endedAt });
  return {
    id,
    kind,
    name,
    ...defined({ role, child }),
    state: stateView(state),
    calledAt: iso(calledAt),
    ...Object.fromEntries(Object.entries(times).map(([key, ms]) => [key, iso(ms as number)])),
    // A cached result is looked up, and no code runs for it.
    ranMs: state.name === "Cached" ? 0 : ranMs,
    attempts: attempts.length,
    deps: [...deps],
    after: [...after],
    ...(map && { map: { ...defined({ total: map.total }), done: map.done, failed: map.failed } }),
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
/** @throws WH2002 */
export async function exists(client: PortsClient, id: string): Promise<void> {
  if (!(await client.ports.index.run(id)) && !(await client.ports.log.tail(runActor(id)))) await client.get(id).state();
}
