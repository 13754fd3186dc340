/** Reads the text of a recurrence rule, strictly: the rrule library takes a wrong number or name for something else, or for nothing. */
import type { Options, Weekday } from "rrule";
import { WindhoverError } from "./errors.ts";
import { FREQUENCIES, type Frequency, RRule } from "./expansion.ts";
import { instantOf, validateZone } from "./zone.ts";

/** Numbers of a part: the smallest, the largest, and whether they may be negative. */
const RANGES: Readonly<Record<string, readonly [from: number, to: number, negative?: true]>> = {
  BYMONTH: [1, 12],
  BYMONTHDAY: [1, 31, true],
  BYYEARDAY: [1, 366, true],
  BYWEEKNO: [1, 53, true],
  BYHOUR: [0, 23],
  BYMINUTE: [0, 59],
  BYSECOND: [0, 59],
  BYSETPOS: [1, 366, true],
};

export function wrong(message: string, expected: string, got: string): WindhoverError {
  return new WindhoverError("WH1005", { message, expected, got });
}

export function readParts(line: string): Map<string, string> {
  const parts = new Map<string, string>();
  for (const part of line
    .replace(/^RRULE:/i, "")
    .replace(/;$/, "")
    .split(";")) {
    const [name = "", value = "", ...rest] = part.toUpperCase().split("=");
    const known = ["FREQ", "INTERVAL", "COUNT", "UNTIL", "WKST", "BYDAY", ...Object.keys(RANGES)];
    if (!known.includes(name) || value === "" || rest.length > 0)
      throw wrong(`"${part}" is no part of a rule.`, `NAME=VALUE, with a name out of ${known.join(", ")}`, part);
    if (parts.has(name)) throw wrong(`${name} stands twice.`, "each part once", part);
    parts.set(name, value);
  }
  const frequency = parts.get("FREQ");
  if (!(FREQUENCIES as readonly unknown[]).includes(frequency))
    throw wrong(
      frequency === undefined ? `"${line}" has no FREQ.` : `FREQ=${frequency} is not supported.`,
      `FREQ= ${FREQUENCIES.join(", ")}`,
      frequency ?? line,
    );
  return parts;
}

export function whole(name: string, text: string, from: number, to: number, negative = false): number {
  const number = /^[+-]?\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  const size = negative ? Math.abs(number) : number;
  if (!(size >= from && size <= to))
    throw wrong(`${name}=${text} is out of range.`, `${name} from ${from} to ${to}${negative ? `, or -${to} to -${from}` : ""}`, text);
  return number;
}

const DAYS = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"] as const;

export function readOptions(parts: ReadonlyMap<string, string>): Partial<Options> {
  const frequency = parts.get("FREQ") as Frequency;
  const numbers = (name: string) => {
    const [from, to, negative] = RANGES[name] as readonly [number, number, true?];
    const given = parts
      .get(name)
      ?.split(",")
      .map((text) => whole(name, text, from, to, negative));
    // The library gives the times of a day in the order of the lists, and one that stands twice twice.
    return given && [...new Set(given)].sort((a, b) => a - b);
  };
  const seconds = numbers("BYSECOND");
  if (seconds && seconds.length > 1) throw wrong("BYSECOND names more than one second.", "at most one run a minute", `BYSECOND=${seconds.join()}`);
  if (parts.has("BYWEEKNO") && frequency !== "YEARLY") throw wrong("BYWEEKNO belongs to FREQ=YEARLY.", "FREQ=YEARLY", `FREQ=${frequency}`);
  if (parts.has("BYSETPOS") && ![...parts.keys()].some((name) => name.startsWith("BY") && name !== "BYSETPOS"))
    throw wrong("BYSETPOS chooses among the times of another BY part, and there is none.", "BYDAY=MO,TU;BYSETPOS=1, for instance", "BYSETPOS alone");
  if (parts.has("BYSETPOS") && frequency === "MINUTELY")
    throw wrong("BYSETPOS chooses among several times, and a minute has one.", "FREQ=HOURLY or longer", "FREQ=MINUTELY");
  const start = parts.get("WKST");
  if (start !== undefined && !(DAYS as readonly string[]).includes(start)) throw wrong(`WKST=${start} is no weekday.`, DAYS.join(", "), start);
  const given: Partial<Options> = {
    bymonth: numbers("BYMONTH"),
    bymonthday: numbers("BYMONTHDAY"),
    byyearday: numbers("BYYEARDAY"),
    byweekno: numbers("BYWEEKNO"),
    byhour: numbers("BYHOUR"),
    byminute: numbers("BYMINUTE"),
    bysecond: seconds,
    bysetpos: numbers("BYSETPOS"),
    byweekday: parts
      .get("BYDAY")
      ?.split(",")
      .map((text) => weekday(text, frequency)),
    wkst: start === undefined ? undefined : RRule[start as (typeof DAYS)[number]],
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

function weekday(text: string, frequency: Frequency): Weekday {
  const [, nth, day] = /^([+-]?\d{1,2})?(MO|TU|WE|TH|FR|SA|SU)$/.exec(text) ?? [];
  if (day === undefined) throw wrong(`BYDAY=${text} is no weekday.`, `${DAYS.join(", ")}, in a month or year with a number before it: 2TU, -1FR`, text);
  const known = RRule[day as (typeof DAYS)[number]];
  if (nth === undefined) return known;
  if (frequency !== "MONTHLY" && frequency !== "YEARLY")
    throw wrong(`BYDAY=${text} numbers a weekday within a month or year.`, "FREQ=MONTHLY or FREQ=YEARLY", `FREQ=${frequency}`);
  return known.nth(whole("BYDAY", nth, 1, 53, true));
}

/** Without DTSTART a rule starts, like an interval, at the beginning of 1970. */
export function readStart(line: string | undefined, timezone: string | undefined): { readonly zone: string; readonly ms: number } {
  const [, tzid, digits, utc] = /^DTSTART(?:;TZID=([^:;]+))?(?:;VALUE=DATE)?:(\d{8}(?:T\d{6})?)(Z)?$/i.exec(line ?? "DTSTART:19700101T000000") ?? [];
  if (digits === undefined)
    throw wrong(`"${line}" is no start.`, "DTSTART:20260101T090000, DTSTART;TZID=Europe/Paris:20260101T090000 or DTSTART:20260101T090000Z", line as string);
  if (tzid !== undefined) validateZone(tzid);
  if (tzid !== undefined && timezone !== undefined && tzid !== timezone)
    throw wrong("The rule and the schedule name different time zones.", `TZID or timezone, or the same in both`, `TZID=${tzid}, timezone ${timezone}`);
  if (tzid !== undefined && utc) throw wrong("A start in a time zone cannot be in UTC as well.", "TZID or Z", line as string);
  const zone = timezone ?? tzid ?? "UTC";
  const shown = readDate(digits);
  return { zone, ms: utc ? shown : instantOf(zone, shown) };
}

/** A date without time includes its whole day. */
export function readUntil(text: string, zone: string): number {
  const [, digits, utc] = /^(\d{8}(?:T\d{6})?)(Z)?$/.exec(text) ?? [];
  if (digits === undefined) throw wrong(`UNTIL=${text} is no time.`, "UNTIL=20261231, UNTIL=20261231T235959 or UNTIL=20261231T235959Z", text);
  const shown = readDate(digits) + (digits.length === 8 ? 864e5 - 1000 : 0);
  return utc ? shown : instantOf(zone, shown);
}

function readDate(digits: string): number {
  const [year, month, day, hour = 0, minute = 0, second = 0] = (/^(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)(\d\d))?$/.exec(digits) as RegExpExecArray)
    .slice(1)
    .map((part) => Number(part ?? 0)) as [number, number, number];
  const ms = Date.UTC(year, month - 1, day, hour, minute, second);
  const written = new Date(ms).toISOString().replace(/[-:]|\.\d+Z/g, "");
  if (!written.startsWith(digits) || year < 1900) throw wrong(`${digits} is no date.`, "a day that exists, from 1900 on, such as 20260131T090000", digits);
  return ms;
}
