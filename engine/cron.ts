/** Cron expressions: five fields, the standard's meaning of weekdays (0 and 7 are Sunday), and `L W # ?` as Quartz has them. */
import { Cron, CronPattern } from "croner";
import { WindhoverError } from "./errors.ts";
import { nextInZone } from "./zone.ts";

const FIELDS = [
  { name: "minute", valid: "0-59", allowed: /^[\d*?,/-]+$/ },
  { name: "hour", valid: "0-23", allowed: /^[\d*?,/-]+$/ },
  { name: "day of the month", valid: "1-31, L (the last day), LW (the last weekday), 15W (the weekday nearest to the 15th)", allowed: /^[\d*?,/\-LW]+$/i },
  { name: "month", valid: "1-12 or JAN-DEC", allowed: /^[\d*?,/\-A-Z]+$/i },
  { name: "day of the week", valid: "0-7 (0 and 7 are Sunday), SUN-SAT, FRI#2 (the second Friday), FRIL (the last Friday)", allowed: /^[\d*?,/\-#A-Z]+$/i },
] as const;

const NICKNAMES: Readonly<Record<string, string>> = {
  "@yearly": "0 0 1 1 *",
  "@annually": "0 0 1 1 *",
  "@monthly": "0 0 1 * *",
  "@weekly": "0 0 * * 0",
  "@daily": "0 0 * * *",
  "@midnight": "0 0 * * *",
  "@hourly": "0 * * * *",
};

interface Parsed {
  readonly next: (local: number) => number | null;
  readonly everyHour: boolean;
}

const parsed = new Map<string, Parsed>();
const PARSED_KEPT = 1000;

/** @throws WH1005 with the field that is wrong and what it may hold. */
export function validateCron(expression: string): void {
  if (typeof expression !== "string") throw wrong(expression, `${JSON.stringify(expression)} is not text.`, "five fields, such as 0 2 * * *");
  const fields = expression.trim().split(/\s+/);
  const nickname = NICKNAMES[expression.trim().toLowerCase()];
  if (nickname !== undefined) throw wrong(expression, `"${expression}" is a nickname, which not every place that runs schedules knows.`, `"${nickname}"`);
  if (fields.length !== FIELDS.length) {
    const hint = fields.length === 6 || fields.length === 7 ? " (there is no field for seconds or years)" : "";
    throw wrong(
      expression,
      `"${expression}" has ${fields.length === 1 ? "one field" : `${fields.length} fields`}${hint}.`,
      "five fields: minute, hour, day of the month, month, day of the week",
    );
  }
  FIELDS.forEach(({ name, valid, allowed }, i) => {
    const field = fields[i] as string;
    const why = allowed.test(field) ? refusal(FIELDS.map((_, j) => (i === j ? field : "*")).join(" ")) : "it has characters that have no meaning there";
    if (why !== undefined)
      throw wrong(
        expression,
        `In "${expression}" the ${name} "${field}" cannot be read: ${why}.`,
        `${valid}; lists (1,3), ranges (1-5), steps (*/2, 1-9/2), *`,
        field,
      );
  });
  if (parse(expression).next(Date.UTC(2000, 0, 1) - 1) === null)
    throw wrong(expression, `"${expression}" never comes: no year has such a day.`, "a day that exists");
}

function refusal(expression: string): string | undefined {
  try {
    new CronPattern(expression, undefined, { mode: "5-part" });
    return undefined;
  } catch (error) {
    const message = (error as Error).message.replace(/^CronPattern: (Syntax error, )?/, "").replace(/\.$/, "");
    // Croner counts days and months from 0 here.
    if (/^(Invalid value for|nth weekday out of range)/.test(message)) return "it is out of range";
    return /illegal characters|is not a number/.test(message) ? "it is neither a number nor a name that fits there" : message;
  }
}

function wrong(expression: string, message: string, expected: string, got: string = expression): WindhoverError {
  return new WindhoverError("WH1005", { message, expected, got: JSON.stringify(got) ?? String(got) });
}

/** The expression is read in a world without time zones; `nextInZone` does the rest. Croner's own zones shift a time that a zone skips instead of skipping it. */
function parse(expression: string): Parsed {
  let known = parsed.get(expression);
  if (!known) {
    const pattern = new CronPattern(expression, undefined, { mode: "5-part" });
    const cron = new Cron(expression, { mode: "5-part", utcOffset: 0, paused: true });
    known = { next: (local) => cron.nextRun(new Date(local))?.getTime() ?? null, everyHour: pattern.hour.every((hour) => hour === 1) };
    if (parsed.size >= PARSED_KEPT) parsed.clear();
    parsed.set(expression, known);
  }
  return known;
}

/**
 * The first time strictly after `afterMs`, or null. An expression that names hours fires once a day at each of them, so in the hour that a zone repeats in
 * autumn it fires at the first showing only. One that fires in all hours is about minutes: it goes on in real time through the repeated hour.
 */
export function nextCron(expression: string, zone: string, afterMs: number): number | null {
  const { next, everyHour } = parse(expression);
  return nextInZone(zone, afterMs, everyHour, next);
}
