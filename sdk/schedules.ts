/** When a deployment runs by itself. A schedule is checked where it is written: a wrong one throws when the file is imported. */
import { validateSchedule } from "../engine/schedule.ts";
import type { Duration } from "./duration.ts";
import { atSchedule, cronSchedule, intervalSchedule, rruleSchedule, type Schedule, type ScheduleOptions } from "./schedule-spec.ts";

/**
 * Five fields (minute, hour, day of the month, month, day of the week), with names, `L`, `W`, `#` and `?`; 0 and 7 are Sunday. A local time that the zone skips
 * in spring is skipped, one that it repeats in autumn fires once; an expression for every hour goes on in real time.
 * @throws WH1005 when the expression cannot be read, WH1006 for an unknown time zone, WH1003 for a wrong option, WH1102 to WH1104 for parameters.
 * @example cron("0 2 * * MON-FRI", { timezone: "America/Sao_Paulo" })
 */
export function cron(expression: string, options?: ScheduleOptions): Schedule {
  return checked(cron, () => cronSchedule(expression, options));
}

/**
 * Every so often in real time, counted from `anchor` (in both directions), by default from the beginning of 1970: `"1 day"` is midnight UTC.
 * @throws WH1004 when the duration cannot be read, WH1005 when it is shorter than a second or the anchor is no date; options as for {@link cron}.
 * @example interval("6 hours", { anchor: new Date("2026-01-01T03:00:00Z") })
 */
export function interval(every: Duration, options?: ScheduleOptions & { readonly anchor?: Date }): Schedule {
  return checked(interval, () => intervalSchedule(every, options));
}

/**
 * A recurrence rule of RFC 5545: one RRULE, with a DTSTART before it where it matters when it starts (else the beginning of 1970, local time).
 * @throws WH1005 when the rule cannot be read or gives no time; options as for {@link cron}.
 * @example rrule("DTSTART;TZID=Europe/Paris:20260105T090000\nRRULE:FREQ=WEEKLY;INTERVAL=2;BYDAY=MO")
 */
export function rrule(rule: string, options?: ScheduleOptions): Schedule {
  return checked(rrule, () => rruleSchedule(rule, options));
}

/**
 * Once.
 * @throws WH1005 when it is no date; options as for {@link cron}.
 * @example at(new Date("2027-01-01T00:00:00Z"))
 */
export function at(date: Date, options?: ScheduleOptions): Schedule {
  return checked(at, () => atSchedule(date, options));
}

/** The stack of an error begins at the author's call of `caller`. */
function checked(caller: (...args: never[]) => Schedule, make: () => Schedule): Schedule {
  try {
    const schedule = make();
    validateSchedule(schedule.spec);
    return schedule;
  } catch (error) {
    if (error instanceof Error) Error.captureStackTrace(error, caller);
    throw error;
  }
}
