/** When a deployment runs by itself. A schedule is checked where it is written: a wrong one throws when the file is imported. */
import { encode } from "../engine/codec.ts";
import { durationMs, WindhoverError } from "../engine/errors.ts";
import { type CatchUp, type ScheduleSpec, validateSchedule } from "../engine/schedule.ts";
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

/**
 * Five fields (minute, hour, day of the month, month, day of the week), with names, `L`, `W`, `#` and `?`; 0 and 7 are Sunday. A local time that the zone skips
 * in spring is skipped, one that it repeats in autumn fires once; an expression for every hour goes on in real time.
 * @throws WH1005 when the expression cannot be read, WH1006 for an unknown time zone, WH1003 for a wrong option, WH1102 to WH1104 for parameters.
 * @example cron("0 2 * * MON-FRI", { timezone: "America/Sao_Paulo" })
 */
export function cron(expression: string, options?: ScheduleOptions): Schedule {
  return schedule(cron, options, () => ({ kind: "cron", expression }));
}

/**
 * Every so often in real time, counted from `anchor` (in both directions), by default from the beginning of 1970: `"1 day"` is midnight UTC.
 * @throws WH1004 when the duration cannot be read, WH1005 when it is shorter than a second or the anchor is no date; options as for {@link cron}.
 * @example interval("6 hours", { anchor: new Date("2026-01-01T03:00:00Z") })
 */
export function interval(every: Duration, options?: ScheduleOptions & { readonly anchor?: Date }): Schedule {
  const { anchor, ...rest } = options ?? {};
  return schedule(interval, rest, () => ({ kind: "interval", everyMs: durationMs(every), anchorMs: anchor === undefined ? 0 : time("anchor", anchor) }));
}

/**
 * A recurrence rule of RFC 5545: one RRULE, with a DTSTART before it where it matters when it starts (else the beginning of 1970, local time).
 * @throws WH1005 when the rule cannot be read or gives no time; options as for {@link cron}.
 * @example rrule("DTSTART;TZID=Europe/Paris:20260105T090000\nRRULE:FREQ=WEEKLY;INTERVAL=2;BYDAY=MO")
 */
export function rrule(rule: string, options?: ScheduleOptions): Schedule {
  return schedule(rrule, options, () => ({ kind: "rrule", rule }));
}

/**
 * Once.
 * @throws WH1005 when it is no date; options as for {@link cron}.
 * @example at(new Date("2027-01-01T00:00:00Z"))
 */
export function at(date: Date, options?: ScheduleOptions): Schedule {
  return schedule(at, options, () => ({ kind: "at", timeMs: time("time", date) }));
}

type Timing = ScheduleSpec extends infer S ? (S extends { readonly kind: infer K } ? { readonly kind: K } & Omit<S, keyof Common | "kind"> : never) : never;
type Common = Pick<ScheduleSpec, "timezone" | "active" | "catchUp" | "jitterSeconds" | "parameters">;

/** The stack of an error begins at the author's call of `caller`. */
function schedule(caller: (...args: never[]) => Schedule, options: ScheduleOptions | undefined, timing: () => Timing): Schedule {
  try {
    const spec = { ...timing(), ...common(options ?? {}) } as ScheduleSpec;
    validateSchedule(spec);
    return { kind: spec.kind, spec };
  } catch (error) {
    if (error instanceof Error) Error.captureStackTrace(error, caller);
    throw error;
  }
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
