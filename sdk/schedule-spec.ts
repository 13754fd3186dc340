/** Schedules as data, as an author's options say them. Whether one comes at all, and whether there is such a time zone, is asked in `schedules.ts`. */
import { encode } from "../engine/codec.ts";
import { durationMs, WindhoverError } from "../engine/errors.ts";
import type { CatchUp, ScheduleSpec } from "../engine/schedule.ts";
import type { Duration } from "./duration.ts";

export interface Schedule {
  readonly kind: ScheduleSpec["kind"];
  /** The schedule as data. */
  readonly spec: ScheduleSpec;
}

export interface ScheduleOptions {
  /** An IANA name such as `Europe/Paris`. Default: UTC. Intervals run in real time; for them it only says how their anchor is shown. */
  readonly timezone?: string;
  /** Default: true. */
  readonly active?: boolean;
  /** Times that passed while nothing was running: `latest` (the default) makes up for the last of them, `skip` for none, `all` for each. */
  readonly catchUp?: CatchUp;
  /** Each run starts up to so many seconds late, so that many schedules of one time do not start together. At most a day. Default: 0. */
  readonly jitterSeconds?: number;
  /** Merged over the deployment's parameters. */
  readonly parameters?: Record<string, unknown>;
}

export const cronSchedule = (expression: string, options?: ScheduleOptions): Schedule => scheduleOf({ kind: "cron", expression }, options);
export const rruleSchedule = (rule: string, options?: ScheduleOptions): Schedule => scheduleOf({ kind: "rrule", rule }, options);
export const atSchedule = (date: Date, options?: ScheduleOptions): Schedule => scheduleOf({ kind: "at", timeMs: time("time", date) }, options);
export function intervalSchedule(every: Duration, options?: ScheduleOptions & { readonly anchor?: Date }): Schedule {
  const { anchor, ...rest } = options ?? {};
  return scheduleOf({ kind: "interval", everyMs: durationMs(every), anchorMs: anchor === undefined ? 0 : time("anchor", anchor) }, rest);
}

type Timing = ScheduleSpec extends infer S ? (S extends { readonly kind: infer K } ? { readonly kind: K } & Omit<S, keyof Common | "kind"> : never) : never;
type Common = Pick<ScheduleSpec, "timezone" | "active" | "catchUp" | "jitterSeconds" | "parameters">;

function scheduleOf(timing: Timing, options: ScheduleOptions = {}): Schedule {
  const spec = { ...timing, ...common(options) } as ScheduleSpec;
  return { kind: spec.kind, spec };
}

const KNOWN: Readonly<Record<keyof ScheduleOptions, (value: unknown) => string | undefined>> = {
  timezone: () => undefined,
  active: (value) => (typeof value === "boolean" ? undefined : "true or false"),
  catchUp: (value) => (value === "skip" || value === "latest" || value === "all" ? undefined : '"skip", "latest" or "all"'),
  jitterSeconds: (value) => (typeof value === "number" && value >= 0 && value <= 86_400 ? undefined : "a number of seconds from 0 to 86400"),
  parameters: (value) => (typeof value === "object" && value !== null && !Array.isArray(value) ? undefined : "an object"),
};

function common(options: ScheduleOptions): Common {
  for (const [name, value] of Object.entries(options)) {
    const check = Object.hasOwn(KNOWN, name) ? KNOWN[name as keyof ScheduleOptions] : () => `one of ${Object.keys(KNOWN).join(", ")}`;
    const expected = value === undefined ? undefined : check(value);
    if (expected !== undefined)
      throw new WindhoverError("WH1003", { message: `A schedule's option "${name}" cannot be used.`, expected, got: `${name}: ${String(value)}` });
  }
  const { timezone, active = true, catchUp = "latest", jitterSeconds, parameters } = options;
  return {
    ...(timezone === undefined ? {} : { timezone }),
    active,
    catchUp,
    ...(jitterSeconds === undefined ? {} : { jitterSeconds }),
    ...(parameters === undefined ? {} : { parameters: encode(parameters, { name: "parameters" }) }),
  };
}

function time(what: string, date: Date): number {
  if (date instanceof Date && !Number.isNaN(date.getTime())) return date.getTime();
  throw new WindhoverError("WH1005", { message: `The ${what} is not a valid date.`, expected: "a Date", got: String(date) });
}
