/**
 * A schedule in the words of EventBridge Scheduler. Its cron has six fields, counts the days of the week from 1 (Sunday), and wants a `?` in one of the two fields for days. What
 * it cannot say exactly is refused: a schedule that fires at nearly the right times is worse than none.
 * Source: https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
 */
import { CronPattern } from "croner";
import { validateCron } from "../engine/cron.ts";
import { WindhoverError } from "../engine/errors.ts";
import { describeSchedule, type ScheduleSpec } from "../engine/schedule.ts";

export interface AwsExpression {
  /** Such as `cron(0 2 ? * MON-FRI *)`. */
  readonly expression: string;
  /** An IANA name. */
  readonly timezone: string;
}

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const WEEKDAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
/** Croner's marks of a weekday: every one of the month, the first to the fifth, the last. */
const EVERY = 63;
const LAST = 32;
/** What Scheduler takes. Unit: characters. */
const LONGEST = 256;

/**
 * @throws WH2032 when EventBridge Scheduler has no words for it.
 * @example awsExpression(cron("0 2 * * MON-FRI", { timezone: "Europe/Paris" }).spec) // { expression: "cron(0 2 ? * MON-FRI *)", timezone: "Europe/Paris" }
 */
export function awsExpression(spec: ScheduleSpec): AwsExpression {
  switch (spec.kind) {
    case "cron":
      return { expression: ofCron(spec.expression), timezone: spec.timezone ?? "UTC" };
    case "interval":
      return { expression: ofInterval(spec), timezone: "UTC" };
    case "at":
      return { expression: `at(${new Date(spec.timeMs).toISOString().slice(0, 19)})`, timezone: "UTC" };
    case "rrule":
      throw refusal(spec, "it has no recurrence rules", "Write the same times as one or several cron(…) schedules.");
  }
}

function ofCron(expression: string): string {
  validateCron(expression);
  const pattern = new CronPattern(expression, undefined, { mode: "5-part" });
  const fields = [list(pattern.minute, 0), list(pattern.hour, 0), ...daysOf(expression, pattern), "*"];
  return checked(expression, `cron(${fields.join(" ")})`);
}

/** Day of the month, month, day of the week. */
function daysOf(expression: string, pattern: CronPattern): [string, string, string] {
  const month = list(pattern.month, 1);
  const everyDay = pattern.day.every((day) => day === 1);
  const everyWeekday = pattern.dayOfWeek.every((mark) => mark === EVERY);
  // With both fields given, a day has to fit one of them only: if one takes all days, the other does not matter.
  if ((pattern.starDOM && everyWeekday) || (pattern.starDOW && everyDay) || (!pattern.starDOM && !pattern.starDOW && (everyDay || everyWeekday)))
    return ["*", month, "?"];
  if (pattern.starDOW) return [monthDays(expression, pattern), month, "?"];
  if (pattern.starDOM) return ["?", month, weekdays(expression, pattern)];
  throw refuse(expression, "it takes a day of the month or a day of the week, never both", "Write two schedules, one for each.");
}

function monthDays(expression: string, pattern: CronPattern): string {
  const nearest = pattern.nearestWeekdays.flatMap((marked, i) => (marked ? [`${i + 1}W`] : []));
  const special = [...(pattern.lastDayOfMonth ? ["L"] : []), ...nearest];
  if (pattern.lastWeekday) throw refuse(expression, "it has no word for the last weekday of a month (LW)", "Use L, or a day with W such as 28W.");
  const days = pattern.day.some((day) => day === 1);
  if (special.length > 1 || (special.length === 1 && days))
    throw refuse(expression, "L and W stand alone in its day of the month", "Write one schedule for each of them.");
  return special[0] ?? list(pattern.day, 1);
}

function weekdays(expression: string, { dayOfWeek }: CronPattern): string {
  const special = dayOfWeek.flatMap((mark, day) => (mark === 0 || mark === EVERY ? [] : nth(mark).map((which) => `${day + 1}${which}`)));
  const plain = dayOfWeek.map((mark) => (mark === EVERY ? 1 : 0));
  if (special.length > 1 || (special.length === 1 && plain.includes(1)))
    throw refuse(expression, "# and L stand alone in its day of the week", "Write one schedule for each of them.");
  return special[0] ?? list(plain, 0, (day) => WEEKDAYS[day] as string);
}

function nth(mark: number): string[] {
  const numbers = [1, 2, 3, 4, 5].filter((n) => mark & (1 << (n - 1))).map((n) => `#${n}`);
  return mark & LAST ? [...numbers, "L"] : numbers;
}

/** `*`, `0/15`, or values and ranges. Steps are written only where they run through the whole field, so that nobody has to know where a step begins anew. */
function list(marks: readonly number[], first: number, name: (value: number) => string = String): string {
  const values = marks.flatMap((mark, i) => (mark ? [i + first] : []));
  if (values.length === marks.length) return "*";
  const [start = first, second] = values;
  const step = second === undefined ? 0 : second - start;
  const runsThrough =
    values.length > 2 && step > 1 && values.every((value, i) => value === start + i * step) && (values.at(-1) ?? 0) + step > marks.length - 1 + first;
  if (runsThrough && name === String) return `${start}/${step}`;
  const ranges: [number, number][] = [];
  for (const value of values) {
    const last = ranges.at(-1);
    if (last && last[1] === value - 1) last[1] = value;
    else ranges.push([value, value]);
  }
  return ranges.map(([from, to]) => (from === to ? name(from) : to === from + 1 ? `${name(from)},${name(to)}` : `${name(from)}-${name(to)}`)).join(",");
}

/**
 * An interval is a grid in real time. A `rate` of Scheduler counts from a start date that may not lie in the past, so that each deployment would move it; a cron expression in
 * UTC says the same grid for every length that divides a day, and for a week.
 */
function ofInterval(spec: Extract<ScheduleSpec, { readonly kind: "interval" }>): string {
  const { everyMs, anchorMs } = spec;
  if (everyMs < MINUTE) throw refusal(spec, "it fires once a minute at most", "Use a minute or more.");
  if (everyMs % MINUTE !== 0 || anchorMs % MINUTE !== 0) throw refusal(spec, "it counts in whole minutes", "Use whole minutes, for the anchor too.");
  const offset = (size: number, unit: number): number => (((anchorMs % size) + size) % size) / unit;
  const steps = (every: number, from: number, whole: number): string => (every === 1 ? "*" : every === whole ? String(from) : `${from}/${every}`);
  if (HOUR % everyMs === 0) return `cron(${steps(everyMs / MINUTE, offset(everyMs, MINUTE), 60)} * * * ? *)`;
  const minute = offset(HOUR, MINUTE);
  if (DAY % everyMs === 0 && everyMs % HOUR === 0) return `cron(${minute} ${steps(everyMs / HOUR, Math.floor(offset(everyMs, HOUR)), 24)} * * ? *)`;
  if (everyMs === 7 * DAY) {
    const anchor = new Date(anchorMs);
    return `cron(${minute} ${anchor.getUTCHours()} ? * ${WEEKDAYS[anchor.getUTCDay()]} *)`;
  }
  throw refusal(
    spec,
    "its grid has to begin anew with each hour, day or week",
    "Use an interval that divides an hour (such as 10 or 20 minutes) or a day into whole hours (such as 2, 6 or 12 hours), a day, 7 days, or a cron expression.",
  );
}

function checked(expression: string, translated: string): string {
  if (translated.length <= LONGEST) return translated;
  throw refuse(expression, `it takes at most ${LONGEST} characters`, "Write several schedules.");
}

function refusal(spec: ScheduleSpec, why: string, action: string): WindhoverError {
  return refuse(describeSchedule(spec), why, action);
}

function refuse(schedule: string, why: string, action: string): WindhoverError {
  return new WindhoverError("WH2032", {
    message: `"${schedule}" cannot be a schedule of EventBridge Scheduler: ${why}.`,
    expected: "a schedule that EventBridge Scheduler keeps exactly",
    got: schedule,
    action,
  });
}
