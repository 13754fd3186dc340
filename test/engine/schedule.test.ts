import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { describeSchedule, latestTime, nextTime, type ScheduleSpec, timesBetween, validateSchedule } from "../../engine/schedule.ts";

const base = { active: true, catchUp: "latest" } as const;
const cron = (expression: string, timezone?: string): ScheduleSpec => ({ ...base, kind: "cron", expression, timezone });
const every = (everyMs: number, anchorMs = 0, timezone?: string): ScheduleSpec => ({ ...base, kind: "interval", everyMs, anchorMs, timezone });
const at = (timeMs: number, timezone?: string): ScheduleSpec => ({ ...base, kind: "at", timeMs, timezone });
const utc = (text: string) => Date.parse(`${text}Z`);

describe("an interval", () => {
  test("is an exact multiple from its anchor, in both directions", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1000, max: 366 * 864e5 }),
        fc.integer({ min: -2e12, max: 8e12 }),
        fc.integer({ min: 0, max: 8e12 }),
        (everyMs, anchorMs, after) => {
          const time = nextTime(every(everyMs, anchorMs), after) as number;
          expect(time).toBeGreaterThan(after);
          expect(time - after).toBeLessThanOrEqual(everyMs);
          expect(Math.abs((time - anchorMs) % everyMs)).toBe(0);
        },
      ),
    );
  });

  test("takes no notice of clocks that change", () => {
    const day = every(864e5, utc("2026-03-27T12:00"), "Europe/Paris");
    expect(timesBetween(day, utc("2026-03-28T00:00"), utc("2026-03-31T00:00"), 9)).toEqual(["28", "29", "30"].map((n) => utc(`2026-03-${n}T12:00`)));
  });

  test("is between a second and 366 days long", () => {
    for (const ms of [0, -1, 999, 1000.5, Number.NaN, Number.POSITIVE_INFINITY, 367 * 864e5]) expect(() => validateSchedule(every(ms))).toThrow("WH1005");
    for (const ms of [1000, 366 * 864e5]) validateSchedule(every(ms));
    expect(() => validateSchedule(every(1000, Number.NaN))).toThrow("The anchor is not a usable date.");
  });
});

describe("a date", () => {
  test("comes once", () => {
    expect([nextTime(at(1000), 999), nextTime(at(1000), 1000), timesBetween(at(1000), 0, 1000, 5), timesBetween(at(1000), 0, 999, 5)]).toEqual([
      1000,
      null,
      [1000],
      [],
    ]);
  });

  test("has to be one", () => {
    for (const ms of [Number.NaN, Number.POSITIVE_INFINITY, 1e18]) expect(() => validateSchedule(at(ms))).toThrow("WH1005");
  });
});

describe("the times between", () => {
  test("are after the first and up to the second, the earliest so many", () => {
    const hourly = cron("0 * * * *");
    expect(timesBetween(hourly, 0, 3 * 36e5, 10)).toEqual([36e5, 2 * 36e5, 3 * 36e5]);
    expect(timesBetween(hourly, 0, 3 * 36e5 - 1, 10)).toEqual([36e5, 2 * 36e5]);
    expect(timesBetween(hourly, 0, 100 * 36e5, 2)).toEqual([36e5, 2 * 36e5]);
    expect(timesBetween(hourly, 0, 100 * 36e5, 0)).toEqual([]);
  });

  test("and the latest of them is found without all the others", () => {
    const specs = [cron("*/7 3-5 * * MON", "Europe/Paris"), cron("0 0 1 * *"), every(7_000_000, 5), at(5e11), cron("30 2 * * *", "Europe/Paris")];
    fc.assert(
      fc.property(fc.constantFrom(...specs), fc.integer({ min: 0, max: 1e12 }), fc.integer({ min: 0, max: 1e9 }), (spec, from, length) => {
        expect(latestTime(spec, from, from + length)).toBe(timesBetween(spec, from, from + length, Number.POSITIVE_INFINITY).at(-1) ?? null);
      }),
      { numRuns: 300 },
    );
    expect(latestTime(every(1000), 0, utc("2026-01-01T00:00"))).toBe(utc("2026-01-01T00:00"));
    expect(latestTime(cron("0 0 29 2 *"), 0, utc("2026-01-01T00:00"))).toBe(utc("2024-02-29T00:00"));
  });
});

test("a zone is checked for every kind", () => {
  for (const spec of [cron("* * * * *", "Nowhere"), every(1000, 0, "Nowhere"), at(0, "Nowhere")]) expect(() => validateSchedule(spec)).toThrow("WH1006");
});

test("one line for a list", () => {
  const lines = [
    cron("0 2 * * *", "America/Sao_Paulo"),
    cron("0 2 * * *"),
    every(3e5),
    every(864e5),
    every(90_000),
    every(1500),
    every(36e5, utc("2026-01-01T00:30"), "Asia/Kolkata"),
    { ...base, kind: "rrule", rule: "DTSTART;TZID=Europe/Paris:20260101T090000\nRRULE:FREQ=DAILY" } as const,
    at(utc("2027-01-01T00:00")),
    at(utc("2027-01-01T00:00"), "Europe/Paris"),
  ].map(describeSchedule);
  expect(lines).toEqual([
    "0 2 * * * America/Sao_Paulo",
    "0 2 * * * UTC",
    "every 5 minutes",
    "every day",
    "every 90 seconds",
    "every 1500 ms",
    "every hour from 2026-01-01T06:00:00 Asia/Kolkata",
    "DTSTART;TZID=Europe/Paris:20260101T090000 RRULE:FREQ=DAILY Europe/Paris",
    "at 2027-01-01T00:00:00 UTC",
    "at 2027-01-01T01:00:00 Europe/Paris",
  ]);
});
