/** A run's view as JSON for people and programs: values are decoded, times are ISO texts. */
import type { Payload } from "../engine/events.ts";
import { readPayload } from "../engine/payload.ts";
import type { Results } from "../engine/ports.ts";
import { jsonOf, readError } from "./values.ts";

const ERRORS: ReadonlySet<string> = new Set(["error", "rejected"]);
const VALUES: ReadonlySet<string> = new Set(["parameters", "result", "value"]);
const TIMES: ReadonlySet<string> = new Set([
  "at",
  "timestamp",
  "since",
  "until",
  "from",
  "to",
  "createdAt",
  "startedAt",
  "endedAt",
  "scheduledTime",
  "calledAt",
  "sentAt",
  "retryAt",
]);
/** Arguments refer to results of other calls, and the rows of a timeline say nothing that the calls do not. */
const LEFT_OUT: ReadonlySet<string> = new Set(["args", "timeline"]);

/** @throws WH3007 when a stored value is missing. */
export async function readable(view: unknown, results: Results): Promise<unknown> {
  if (Array.isArray(view)) return Promise.all(view.map((item) => readable(item, results)));
  if (typeof view !== "object" || view === null) return view;
  const entries = Object.entries(view).filter(([key, value]) => value !== undefined && !LEFT_OUT.has(key));
  return Object.fromEntries(
    await Promise.all(entries.map(async ([key, value]) => [key === "value" && "kind" in view ? "result" : key, await property(key, value, results)])),
  );
}

async function property(key: string, value: unknown, results: Results): Promise<unknown> {
  if (ERRORS.has(key)) return jsonOf(await readError(value as Payload, results));
  if (VALUES.has(key)) return jsonOf(await readPayload(value as Payload, results));
  if (TIMES.has(key) && typeof value === "number") return new Date(value).toISOString();
  return readable(value, results);
}
