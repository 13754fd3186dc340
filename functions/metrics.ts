/**
 * Metrics of runs, as CloudWatch's embedded metric format has them: a log line that says of itself what in it is a metric. Nothing is sent beside the log, and a line that is lost
 * with its process is a count that is missing, not a run.
 * Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
 */
import type { AnyEvent, Entry, FinalType } from "../engine/events.ts";
import type { RunState } from "../engine/run-state.ts";

export const NAMESPACE = "Windhover";
/** A run that starts so long after its nominal time is late. Unit: milliseconds. */
const LATE_MS = 60_000;

const ENDINGS: Readonly<Record<FinalType, string>> = {
  COMPLETED: "RunsCompleted",
  FAILED: "RunsFailed",
  CRASHED: "RunsCrashed",
  CANCELLED: "RunsCancelled",
};

/** The line of an entry by which a run has started or ended; undefined for all others. */
export function metricsLine(stack: string, entry: Pick<Entry, "at" | "events" | "state">): string | undefined {
  const { at, events, state } = entry;
  if (state?.kind !== "run") return undefined;
  const values = valuesOf(at, events, state);
  const names = Object.keys(values);
  if (names.length === 0) return undefined;
  const Metrics = names.map((Name) => ({ Name, Unit: Name === "RunDuration" ? "Milliseconds" : "Count" }));
  const _aws = { Timestamp: at, CloudWatchMetrics: [{ Namespace: NAMESPACE, Dimensions: [["Stack", "Flow"]], Metrics }] };
  return JSON.stringify({ _aws, Stack: stack, Flow: state.flow, ...values });
}

function valuesOf(at: number, events: readonly AnyEvent[], { row, startedAt, scheduledTime, origin }: RunState): Record<string, number> {
  const values: Record<string, number> = {};
  for (const { type } of events) {
    if (type === "started") {
      values["RunsStarted"] = 1;
      // Nobody pays for what is never late. What repeats a run, or continues one, has its time and is no late start.
      if (scheduledTime !== undefined && origin === undefined && at - scheduledTime > LATE_MS) values["RunsStartedLate"] = 1;
    } else if (type === "ended") {
      const ending = ENDINGS[row.type as FinalType];
      if (ending !== undefined) values[ending] = 1;
      if (startedAt !== undefined) values["RunDuration"] = Math.max(0, at - startedAt);
    }
  }
  return values;
}

/** What a host tells of its entries, where the stack wants metrics. */
export function countRuns({ stack, metrics }: { readonly stack: string; readonly metrics?: boolean }, entry: Entry): void {
  const line = metrics ? metricsLine(stack, entry) : undefined;
  if (line !== undefined) process.stdout.write(`${line}\n`);
}
