import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { WindhoverError } from "../../engine/errors.ts";
import { nextTime, type ScheduleSpec, timesBetween, validateSchedule } from "../../engine/schedule.ts";
import { firstDifference, type Shown, type Stretch, stretches } from "./wall-clock.ts";

const cron = (expression: string, timezone?: string): ScheduleSpec => ({ kind: "cron", expression, timezone, active: true, catchUp: "latest" });
const utc = (text: string) => Date.parse(`${text}Z`);
const iso = (times: readonly (number | null)[]) => times.map((ms) => (ms === null ? null : new Date(ms).toISOString().slice(0, 16)));
const between = (expression: string, timezone: string, from: string, to: string) => iso(timesBetween(cron(expression, timezone), utc(from) - 1, utc(to), 100));

/** A field as text, and what it means. */
interface Field {
  readonly text: string;
  readonly has: (shown: Shown) => boolean;
}

function field(from: number, to: number, get: (shown: Shown) => number, names: readonly string[] = []): fc.Arbitrary<Field> {
  const number = fc.integer({ min: from, max: to });
  const write = (n: number) => names[n - from] ?? String(n);
  const item = fc.oneof(
    number.map((n) => ({ text: write(n), set: [n] })),
    // To croner SUN-SUN is 0-7, the whole week.
    fc
      .tuple(number, number)
      .filter(([a, b]) => names.length === 0 || a !== b)
      .map(([a, b]) => ({ text: `${write(Math.min(a, b))}-${write(Math.max(a, b))}`, set: steps(Math.min(a, b), Math.max(a, b), 1) })),
    fc
      .tuple(number, number, fc.integer({ min: 1, max: 7 }))
      .map(([a, b, step]) => ({ text: `${Math.min(a, b)}-${Math.max(a, b)}/${step}`, set: steps(Math.min(a, b), Math.max(a, b), step) })),
    fc.integer({ min: 1, max: 7 }).map((step) => ({ text: `*/${step}`, set: steps(from, to, step) })),
  );
  const list = fc.array(item, { minLength: 1, maxLength: 3 }).map((items) => {
    const set = new Set(items.flatMap((one) => one.set));
    return { text: items.map((one) => one.text).join(), has: (shown: Shown) => set.has(get(shown)) };
  });
  return fc.oneof({ weight: 2, arbitrary: fc.constant({ text: "*", has: () => true }) }, { weight: 3, arbitrary: list });
}

function steps(from: number, to: number, step: number): number[] {
  return Array.from({ length: Math.floor((to - from) / step) + 1 }, (_, i) => from + i * step);
}

const lastDay = ({ year, month }: Shown) => new Date(Date.UTC(year, month, 0)).getUTCDate();
const weekdayOf = ({ year, month }: Shown, day: number) => new Date(Date.UTC(year, month - 1, day)).getUTCDay();
const WEEKDAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
const MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];

/** The weekday nearest to a day, in the same month. */
function nearestWeekday(shown: Shown, day: number): number {
  const last = lastDay(shown);
  if (day > last) return -1;
  const weekday = weekdayOf(shown, day);
  if (weekday === 6) return day === 1 ? 3 : day - 1;
  if (weekday === 0) return day === last ? day - 2 : day + 1;
  return day;
}

const dayOfMonth = fc.oneof(
  { weight: 4, arbitrary: field(1, 31, (shown) => shown.day) },
  { weight: 1, arbitrary: fc.constantFrom<Field>({ text: "?", has: () => true }, { text: "L", has: (shown) => shown.day === lastDay(shown) }) },
  { weight: 1, arbitrary: fc.constant<Field>({ text: "LW", has: (shown) => shown.day === nearestWeekday(shown, lastDay(shown)) }) },
  {
    weight: 1,
    arbitrary: fc.integer({ min: 1, max: 31 }).map((day): Field => ({ text: `${day}W`, has: (shown) => shown.day === nearestWeekday(shown, day) })),
  },
);
const weekday = fc.oneof(
  { weight: 4, arbitrary: field(0, 6, (shown) => shown.weekday, WEEKDAYS) },
  { weight: 1, arbitrary: fc.constantFrom<Field>({ text: "?", has: () => true }, { text: "7", has: (shown) => shown.weekday === 0 }) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.integer({ min: 0, max: 6 }), fc.integer({ min: 1, max: 5 }))
      .map(([day, n]): Field => ({ text: `${WEEKDAYS[day]}#${n}`, has: (shown) => shown.weekday === day && Math.ceil(shown.day / 7) === n })),
  },
  {
    weight: 1,
    arbitrary: fc
      .integer({ min: 0, max: 6 })
      .map((day): Field => ({ text: `${day}L`, has: (shown) => shown.weekday === day && shown.day > lastDay(shown) - 7 })),
  },
);

const expression = fc
  .tuple(
    field(0, 59, (shown) => shown.minute),
    field(0, 23, (shown) => shown.hour),
    dayOfMonth,
    fc.oneof(
      { weight: 3, arbitrary: fc.constant<Field>({ text: "*", has: () => true }) },
      { weight: 1, arbitrary: field(1, 12, (shown) => shown.month, MONTHS) },
    ),
    weekday,
  )
  .map((fields) => {
    const [minute, hour, day, month, week] = fields;
    const open = (one: Field) => one.text === "*" || one.text === "?";
    const onDay = (shown: Shown) => (open(day) || open(week) ? day.has(shown) && week.has(shown) : day.has(shown) || week.has(shown));
    const everyHour = steps(0, 23, 1).every((n) => hour.has({ hour: n } as Shown));
    return {
      text: fields.map((one) => one.text).join(" "),
      toString() {
        return this.text;
      },
      fires: (shown: Shown) => minute.has(shown) && hour.has(shown) && month.has(shown) && onDay(shown) && (everyHour || !shown.again),
    };
  });

describe("cron fires when the clock on the wall says so", () => {
  test("in every zone, over every change of its clocks", () => {
    fc.assert(
      fc.property(expression, fc.constantFrom(...stretches.keys()), ({ text, fires }, name) => {
        const { zone, from, to, minutes } = stretches.get(name) as Stretch;
        const expected = minutes.filter(fires).map((shown) => shown.ms);
        let valid = true;
        try {
          validateSchedule(cron(text, zone));
        } catch {
          // Such as the 31st of February: then it never fires.
          valid = false;
        }
        expect(firstDifference(valid ? timesBetween(cron(text, zone), from, to, Number.POSITIVE_INFINITY) : [], expected)).toBeUndefined();
      }),
      { numRuns: 600 },
    );
  });

  test("strictly after, from any moment", () => {
    fc.assert(
      fc.property(expression, fc.constantFrom(...stretches.keys()), fc.double({ min: 0, max: 1, noNaN: true }), ({ text, fires }, name, at) => {
        const { zone, from, to, minutes } = stretches.get(name) as Stretch;
        const after = Math.floor(from + at * (to - from));
        const expected = minutes.find((shown) => shown.ms > after && fires(shown));
        fc.pre(expected !== undefined);
        expect(nextTime(cron(text, zone), after)).toBe(expected?.ms);
      }),
      { numRuns: 500 },
    );
  });

  test("a time that the clocks skip in spring is skipped, not moved", () => {
    expect(between("30 2 * * *", "Europe/Paris", "2026-03-28T00:00", "2026-03-31T00:00")).toEqual(["2026-03-28T01:30", "2026-03-30T00:30"]);
  });

  test("a time that they show twice in autumn fires once, the first time", () => {
    expect(between("30 2 * * *", "Europe/Paris", "2026-10-24T00:00", "2026-10-26T12:00")).toEqual(["2026-10-24T00:30", "2026-10-25T00:30", "2026-10-26T01:30"]);
    expect(between("*/20 1-2 * * *", "Europe/Paris", "2026-10-25T00:00", "2026-10-25T12:00")).toEqual([
      "2026-10-25T00:00",
      "2026-10-25T00:20",
      "2026-10-25T00:40",
    ]);
  });

  test("what fires in every hour goes on in real time through the repeated one", () => {
    expect(between("0 * * * *", "America/New_York", "2026-11-01T04:00", "2026-11-01T08:00")).toEqual(
      ["04", "05", "06", "07", "08"].map((hour) => `2026-11-01T${hour}:00`),
    );
    expect(between("*/30 0-23 * * *", "America/New_York", "2026-11-01T05:00", "2026-11-01T06:30")).toHaveLength(4);
    // Although the next Saturday is a week away, the last hour of this one comes again.
    expect(between("0 * * * SAT", "America/Sao_Paulo", "2018-02-18T00:00", "2018-02-18T05:00")).toEqual(
      ["00", "01", "02"].map((hour) => `2018-02-18T${hour}:00`),
    );
    expect(between("0 */1 * * *", "America/New_York", "2026-03-08T06:00", "2026-03-08T08:00")).toEqual(
      ["06", "07", "08"].map((hour) => `2026-03-08T${hour}:00`),
    );
  });

  test("leap days and names", () => {
    expect(iso([nextTime(cron("0 0 29 FEB *"), utc("2026-01-01T00:00"))])).toEqual(["2028-02-29T00:00"]);
    expect(iso([nextTime(cron("0 9 * * mon-fri"), utc("2026-11-20T12:00"))])).toEqual(["2026-11-23T09:00"]);
    expect(iso([nextTime(cron("0 9 * * 0"), utc("2026-11-20T12:00")), nextTime(cron("0 9 * * 7"), utc("2026-11-20T12:00"))])).toEqual([
      "2026-11-22T09:00",
      "2026-11-22T09:00",
    ]);
  });

  test("and never beyond the years in which anybody looks", () => {
    expect(nextTime(cron("* * * * *"), Date.UTC(2600, 0, 1))).toBeNull();
    expect(nextTime(cron("* * * * *", "Europe/Paris"), Number.MAX_SAFE_INTEGER)).toBeNull();
  });
});

describe("a cron expression that cannot be read is refused, with the field and what it may hold", () => {
  const refused = (text: unknown, zone?: string): WindhoverError => {
    try {
      validateSchedule(cron(text as string, zone));
    } catch (error) {
      return error as WindhoverError;
    }
    throw new Error(`"${text}" was not refused.`);
  };

  test.each([
    ["60 * * * *", 'the minute "60" cannot be read: it is out of range'],
    ["* 24 * * *", 'the hour "24"'],
    ["* * 0 * *", 'the day of the month "0"'],
    ["* * 32 * *", 'the day of the month "32"'],
    ["* * * 13 *", 'the month "13"'],
    ["* * * FOO *", 'the month "FOO"'],
    ["* * * * 8", 'the day of the week "8"'],
    ["* * * * MON#6", 'the day of the week "MON#6"'],
    ["* * * * L", 'the day of the week "L"'],
    ["* * * * +MON", 'the day of the week "+MON"'],
    ["*/0 * * * *", 'the minute "*/0"'],
    ["5-1 * * * *", 'the minute "5-1"'],
    ["1,,2 * * * *", 'the minute "1,,2"'],
    ["L * * * *", 'the minute "L"'],
    ["* * L-3 * *", 'the day of the month "L-3"'],
    ["0 0 30 2 *", "never comes"],
    ["* * * *", "has 4 fields"],
    ["0 0 2 * * *", "has 6 fields (there is no field for seconds or years)"],
    ["0 0 2 * * * 2026", "has 7 fields (there is no field for seconds or years)"],
    ["every day", "has 2 fields"],
    ["", "has one field"],
    ["@daily", "nickname"],
  ])("%s", (text, message) => {
    const error = refused(text);
    expect(error).toBeInstanceOf(WindhoverError);
    expect(error).toMatchObject({ code: "WH1005", expected: expect.stringMatching(/./), got: expect.stringMatching(/./) });
    expect(error.message).toContain(message);
  });

  test("what is no text", () => {
    expect(refused(5).code).toBe("WH1005");
  });

  test("a time zone that is not known: WH1006, with the one that was probably meant", () => {
    for (const [zone, meant] of [
      ["Paris", "Europe/Paris"],
      ["europe/paris", "Europe/Paris"],
      ["America/Sao Paulo", "America/Sao_Paulo"],
    ] as const)
      expect(refused("* * * * *", zone)).toMatchObject({ code: "WH1006", message: expect.stringContaining(`did you mean ${meant}?`) });
    for (const zone of ["Mars/Olympus", "", "+02:00", "local", 5 as never]) expect(refused("* * * * *", zone).code).toBe("WH1006");
    for (const zone of ["UTC", "Asia/Kolkata", "Asia/Calcutta", "Etc/GMT+5"]) validateSchedule(cron("* * * * *", zone));
  });

  test("nonsense never does anything else", () => {
    const part = fc.oneof(fc.constantFrom("*", "?", "L", "W", "#", "-", ",", "/", "MON", "JAN"), fc.nat({ max: 99 }).map(String));
    const text = fc
      .array(
        fc.array(part, { maxLength: 4 }).map((parts) => parts.join("")),
        { maxLength: 7 },
      )
      .map((fields) => fields.join(" "));
    fc.assert(
      fc.property(text, (one) => {
        try {
          validateSchedule(cron(one, "Europe/Paris"));
        } catch (error) {
          expect(error).toBeInstanceOf(WindhoverError);
          return;
        }
        expect(nextTime(cron(one, "Europe/Paris"), 0)).toBeGreaterThan(0);
      }),
      { numRuns: 2000 },
    );
  });
});
