/** Rows of the runs table as a client shows them. */
import { WindhoverError } from "../engine/errors.ts";
import type { RunRow, StateRow } from "../engine/events.ts";
import type { State } from "../engine/state.ts";
import type { RunSummary } from "./client-types.ts";

export const unknownRun = (id: string): WindhoverError => new WindhoverError("WH2002", { message: `There is no run ${id}.`, got: id });

export function summaryOf(row: RunRow): RunSummary {
  const { id, name, flow, deployment, tags, createdAt, startedAt, endedAt, state } = row;
  const optional = {
    deployment,
    startedAt: startedAt === undefined ? undefined : new Date(startedAt),
    endedAt: endedAt === undefined ? undefined : new Date(endedAt),
  };
  return {
    id,
    name,
    flow,
    tags,
    createdAt: new Date(createdAt),
    state: stateOf(state, row.scheduledTime),
    ...Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== undefined)),
  };
}

/** A row's state as a client sees it; results and errors are not in the runs table. */
export function stateOf(row: StateRow, scheduledTime: number | undefined, result?: unknown, error?: unknown): State<never> {
  const { type, name, message } = row;
  const base = { name, timestamp: new Date(row.timestamp), ...(message !== undefined && { message }) };
  const reason = row.reason && {
    ...row.reason,
    since: new Date(row.reason.since),
    until: row.reason.until === undefined ? undefined : new Date(row.reason.until),
  };
  const none = { code: type.toLowerCase(), message: name, since: new Date(row.timestamp) };
  if (type === "SCHEDULED") return { ...base, type, scheduledTime: new Date(row.reason?.until ?? scheduledTime ?? row.timestamp), ...(reason && { reason }) };
  if (type === "PENDING" || type === "PAUSED" || type === "CANCELLING") return { ...base, type, reason: reason ?? none };
  if (type === "COMPLETED") return { ...base, type, result: result as never };
  if (type === "FAILED" || type === "CRASHED") return { ...base, type, error: (error as Error | undefined) ?? new Error(message ?? name) };
  return { ...base, type };
}
