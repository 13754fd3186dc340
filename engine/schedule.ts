/** Schedules as data, and the nominal times that follow from them. Pure: the same schedule gives the same times on every machine. Times in milliseconds since 1970. */
import { nextCron, validateCron } from "./cron.ts";
import { WindhoverError } from "./errors.ts";
import type { Payload } from "./events.ts";
import { nextRrule, validateRrule, zoneOfRule } from "./recurrence.ts";
import { localTime, validateZone } from "./zone.ts";

/** What happens to times that passed while nothing was running: none of them, the latest one, or all of them. */
export type CatchUp = "skip" | "latest" | "all";
interface ScheduleBase {
  /** An IANA name; UTC by default. */
  readonly timezone?: string;
  readonly active: boolean;
  readonly catchUp: CatchUp;
  readonly jitterSeconds?: number;
  /** Encoded. As an author's schedule has them they are its own, in a deployment's settings all that its runs get; absent: the deployment's. */
  readonly parameters?: Payload;
  /** What tells it from another of the same times in its deployment: a hash of its own parameters. Absent where there is no other. */
  readonly id?: string;
}
export type ScheduleSpec = ScheduleBase &
  (
    | { readonly kind: "cron"; readonly expression: string }
    | { readonly kind: "interval"; readonly everyMs: number; readonly anchorMs: number }
    | { readonly kind: "rrule"; readonly rule: string }
    | { readonly kind: "at"; readonly timeMs: number }
  );

/** The shortest interval, and the longest. Unit: milliseconds. */
const INTERVAL = { least: 1000, most: 366 * 864e5 };
/** What `Date` can hold and a person can have meant. */
const TIMES = { first: Date.UTC(1900, 0, 1), last: Date.UTC(9000, 0, 1) };

/**
 * @throws WH1005 when the schedule cannot be read, or gives no time at all, with the part that is wrong and what would be right.
 * @throws WH1006 when the time zone is not known.
 */
export function validateSchedule(spec: ScheduleSpec): void {
  if (spec.timezone !== undefined) validateZone(spec.timezone);
  switch (spec.kind) {
    case "cron":
      validateCron(spec.expression);
      return;
    case "rrule":
      validateRrule(spec.rule, spec.timezone);
      return;
    case "interval": {
      const { everyMs, anchorMs } = spec;
      if (!(Number.isInteger(everyMs) && everyMs >= INTERVAL.least && everyMs <= INTERVAL.most))
        throw wrong(`An interval of ${everyMs} ms is not possible.`, "one second to 366 days", `${everyMs} ms`);
      validateTime("anchor", anchorMs);
      return;
    }
    case "at":
      validateTime("time", spec.timeMs);
      return;
  }
}

function validateTime(what: string, ms: number): void {
  if (!(Number.isInteger(ms) && ms >= TIMES.first && ms < TIMES.last))
    throw wrong(`The ${what} is not a usable date.`, "a valid date from 1900 to 8999", String(ms));
}

function wrong(message: string, expected: string, got: string): WindhoverError {
  return new WindhoverError("WH1005", { message, expected, got });
}

/**
 * The first nominal time strictly after `afterMs`, or null when there is none.
 *
 * Local times that a zone skips in spring are skipped, local times that it repeats in autumn fire once, at their first showing; but what runs in every hour
 * (`0 * * * *`, `FREQ=HOURLY`) goes on in real time. An interval is a multiple of its length from its anchor, in both directions, in real time.
 * @example nextTime({ kind: "cron", expression: "0 2 * * *", active: true, catchUp: "latest" }, 0) // 7_200_000
 */
export function nextTime(spec: ScheduleSpec, afterMs: number): number | null {
  switch (spec.kind) {
    case "cron":
      return nextCron(spec.expression, spec.timezone ?? "UTC", afterMs);
    case "rrule":
      return nextRrule(spec.rule, spec.timezone, afterMs);
    case "interval":
      return spec.anchorMs + (Math.floor((afterMs - spec.anchorMs) / spec.everyMs) + 1) * spec.everyMs;
    case "at":
      return spec.timeMs > afterMs ? spec.timeMs : null;
  }
}

/** The nominal times after `fromMs` up to and including `toMs`, the earliest `most` of them. */
export function timesBetween(spec: ScheduleSpec, fromMs: number, toMs: number, most: number): number[] {
  const times: number[] = [];
  for (let time = nextTime(spec, fromMs); time !== null && time <= toMs && times.length < most; time = nextTime(spec, time)) times.push(time);
  return times;
}

/** The last nominal time after `fromMs` up to and including `toMs`, however many there are before it: for the catch-up policy `latest`. */
export function latestTime(spec: ScheduleSpec, fromMs: number, toMs: number): number | null {
  let latest: number | null = null;
  let low = fromMs;
  let high = toMs;
  // After `low` there may be times up to `toMs`, after `high` there is none.
  while (low < high) {
    const middle = latest === null ? low : Math.floor((low + high) / 2);
    const time = nextTime(spec, middle);
    if (time !== null && time <= toMs) {
      latest = time;
      low = time;
    } else if (latest === null) return null;
    else high = middle;
    if (high - low <= 1) break;
  }
  return latest;
}

/** Names a schedule within its deployment, also in the ids of its runs: its times, and where others have the same times, its own parameters. */
export function scheduleKey(spec: ScheduleSpec): string {
  return spec.id === undefined ? describeSchedule(spec) : `${describeSchedule(spec)} ${spec.id}`;
}

const UNITS = [
  ["day", 864e5],
  ["hour", 36e5],
  ["minute", 6e4],
  ["second", 1000],
] as const;

/** One line for a list: `0 2 * * * America/Sao_Paulo`, `every 5 minutes`, `at 2027-01-01T00:00:00 UTC`. */
export function describeSchedule(spec: ScheduleSpec): string {
  const zone = spec.timezone ?? "UTC";
  const shown = (ms: number) => `${new Date(localTime(zone, ms)).toISOString().replace(/(\.000)?Z$/, "")} ${zone}`;
  switch (spec.kind) {
    case "cron":
      return `${spec.expression} ${zone}`;
    case "rrule":
      return `${spec.rule.trim().replace(/\s+/g, " ")} ${zoneOfRule(spec.rule, spec.timezone)}`;
    case "interval": {
      const [unit, ms] = UNITS.find(([, size]) => spec.everyMs % size === 0) ?? ["ms", 1];
      const count = spec.everyMs / ms;
      const every = unit === "ms" ? `${count} ms` : count === 1 ? unit : `${count} ${unit}s`;
      return `every ${every}${spec.anchorMs === 0 ? "" : ` from ${shown(spec.anchorMs)}`}`;
    }
    case "at":
      return `at ${shown(spec.timeMs)}`;
  }
}
