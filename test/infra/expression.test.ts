import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { nextTime, type ScheduleSpec } from "../../engine/schedule.ts";
import { awsExpression } from "../../infra/expression.ts";
import { at, cron, interval, rrule } from "../../sdk/schedules.ts";
import { awsTimes } from "./aws-cron.ts";

const expressionOf = (expression: string): string => awsExpression(cron(expression).spec).expression;

describe("a cron of five fields in the six of EventBridge Scheduler", () => {
  test.each([
    ["0 2 * * *", "cron(0 2 * * ? *)"],
    ["* * * * *", "cron(* * * * ? *)"],
    ["*/15 * * * *", "cron(0/15 * * * ? *)"],
    ["5-59/15 8-18/2 * * *", "cron(5/15 8,10,12,14,16,18 * * ? *)"],
    ["0,30 9-17 * * 1-5", "cron(0,30 9-17 ? * MON-FRI *)"],
    ["0 2 * * 0", "cron(0 2 ? * SUN *)"],
    ["0 2 * * 7", "cron(0 2 ? * SUN *)"],
    ["0 2 * * 5-7", "cron(0 2 ? * SUN,FRI,SAT *)"],
    ["0 2 * * SAT,SUN", "cron(0 2 ? * SUN,SAT *)"],
    ["0 2 1 * *", "cron(0 2 1 * ? *)"],
    ["0 2 1,15 jan,JUL *", "cron(0 2 1,15 1,7 ? *)"],
    ["0 2 1 */3 ?", "cron(0 2 1 1/3 ? *)"],
    ["0 2 L * *", "cron(0 2 L * ? *)"],
    ["0 2 15W * *", "cron(0 2 15W * ? *)"],
    ["0 2 * * FRI#2", "cron(0 2 ? * 6#2 *)"],
    ["0 2 * * FRIL", "cron(0 2 ? * 6L *)"],
    ["0 2 ? * MON", "cron(0 2 ? * MON *)"],
    // Every day fits one of the two fields, so that the other does not matter.
    ["0 2 1-31 * MON", "cron(0 2 * * ? *)"],
    ["0 2 1 * 0-6", "cron(0 2 * * ? *)"],
  ])("%s is %s", (ours, theirs) => expect(expressionOf(ours)).toBe(theirs));

  test("keeps its time zone", () =>
    expect(awsExpression(cron("0 2 * * *", { timezone: "America/Sao_Paulo" }).spec)).toEqual({
      expression: "cron(0 2 * * ? *)",
      timezone: "America/Sao_Paulo",
    }));

  test.each([
    ["0 2 1 * MON", "never both"],
    ["0 2 LW * *", "last weekday"],
    ["0 2 1,15W * *", "stand alone"],
    ["0 2 1,L * *", "stand alone"],
    ["0 2 * * MON#1,WED#3", "stand alone"],
    ["0 2 * * MON,FRI#2", "stand alone"],
    ["0,2,5,9,11,14,16,19,21,24,26,29,31,34,36,39,41,44,46,49,51,54,56,59 0,2,5,7,10,12,15,17,20,22 1,3,6,8,11,13,16,18,21,23,26,28,31 1,3,5,8,10,12 *", ""],
  ])("%s is refused or fits: %s", (ours, why) => {
    if (why === "") expect(expressionOf(ours).length).toBeLessThanOrEqual(256);
    else expect(() => expressionOf(ours)).toThrow(expect.objectContaining({ code: "WH2032", message: expect.stringContaining(why) }));
  });
});

describe("the times are the same", () => {
  const same = (spec: ScheduleSpec, from: number, most: number): void => {
    const theirs = awsTimes(awsExpression(spec).expression, from, most);
    const ours: number[] = [];
    for (let time = nextTime(spec, from); time !== null && ours.length < theirs.length; time = nextTime(spec, time)) ours.push(time);
    expect(ours).toEqual(theirs);
  };
  const numbers = (least: number, greatest: number) => fc.integer({ min: least, max: greatest });
  const field = (least: number, greatest: number): fc.Arbitrary<string> =>
    fc.oneof(
      fc.constant("*"),
      numbers(least, greatest).map(String),
      fc.uniqueArray(numbers(least, greatest), { minLength: 1, maxLength: 4 }).map((values) => values.join(",")),
      fc.tuple(numbers(least, greatest), numbers(least, greatest)).map(([a, b]) => `${Math.min(a, b)}-${Math.max(a, b)}`),
      numbers(2, Math.max(2, Math.floor((greatest - least) / 2))).map((step) => `*/${step}`),
    );
  const monthDay = fc.oneof(
    { weight: 3, arbitrary: field(1, 28) },
    fc.constant("L"),
    numbers(1, 28).map((day) => `${day}W`),
  );
  const weekday = fc.oneof(
    { weight: 3, arbitrary: field(0, 7) },
    fc.constantFrom("SUN", "MON-FRI", "WED,SAT", "FRIL", "MONL"),
    fc.tuple(numbers(0, 6), numbers(1, 4)).map(([day, n]) => `${day}#${n}`),
  );
  const days = fc.oneof(
    monthDay.map((day) => [day, "*"] as const),
    weekday.map((day) => ["*", day] as const),
  );
  const moment = fc.date({ min: new Date("2024-01-01"), max: new Date("2032-01-01"), noInvalidDate: true }).map((date) => date.getTime());

  test("for any cron that is taken", () => {
    fc.assert(
      fc.property(field(0, 59), field(0, 23), days, field(1, 12), moment, (minute, hour, [day, week], month, from) =>
        same(cron(`${minute} ${hour} ${day} ${month} ${week}`).spec, from, 40),
      ),
      { numRuns: 300 },
    );
  });

  const minutes = fc.constantFrom(1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30, 60, 120, 180, 240, 360, 480, 720, 1440, 7 * 1440);
  test("for any interval that is taken, whatever its anchor", () => {
    fc.assert(
      fc.property(minutes, numbers(-50_000, 50_000_000), moment, (every, anchor, from) =>
        same(interval(`${every * 60} seconds`, { anchor: new Date(anchor * 60_000) }).spec, from, 30),
      ),
      { numRuns: 200 },
    );
  });
});

describe("an interval", () => {
  test.each([
    ["5 minutes", undefined, "cron(0/5 * * * ? *)"],
    ["5 minutes", "2026-01-01T00:03:00Z", "cron(3/5 * * * ? *)"],
    ["1 minute", undefined, "cron(* * * * ? *)"],
    ["1 hour", "2026-01-01T00:20:00Z", "cron(20 * * * ? *)"],
    ["6 hours", "2026-01-01T03:30:00Z", "cron(30 3/6 * * ? *)"],
    ["1 day", "2026-01-01T03:30:00Z", "cron(30 3 * * ? *)"],
    ["7 days", "2026-01-02T03:30:00Z", "cron(30 3 ? * FRI *)"],
  ] as const)("of %s from %s is %s", (every, anchor, expected) =>
    expect(awsExpression(interval(every, anchor === undefined ? {} : { anchor: new Date(anchor) }).spec)).toEqual({ expression: expected, timezone: "UTC" }),
  );

  test.each([
    ["30 seconds", "once a minute"],
    ["90 seconds", "whole minutes"],
    ["7 minutes", "begin anew"],
    ["90 minutes", "begin anew"],
    ["5 hours", "begin anew"],
    ["2 days", "begin anew"],
  ] as const)("of %s is refused: %s", (every, why) =>
    expect(() => awsExpression(interval(every).spec)).toThrow(expect.objectContaining({ code: "WH2032", message: expect.stringContaining(why) })),
  );
});

test("a recurrence rule is refused, and told what to write instead", () =>
  expect(() => awsExpression(rrule("FREQ=WEEKLY;BYDAY=MO").spec)).toThrow(
    expect.objectContaining({ code: "WH2032", action: expect.stringContaining("cron(…)") }),
  ));

test("a moment is a moment", () =>
  expect(awsExpression(at(new Date("2027-01-01T12:30:15.250Z")).spec)).toEqual({ expression: "at(2027-01-01T12:30:15)", timezone: "UTC" }));
