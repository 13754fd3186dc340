import { describe, expect, test } from "vitest";
import { decode } from "../../engine/codec.ts";
import { WindhoverError } from "../../engine/errors.ts";
import { at, cron, interval, rrule } from "../../sdk/schedules.ts";

const thrown = (what: () => unknown): WindhoverError => {
  try {
    what();
  } catch (error) {
    if (error instanceof WindhoverError) return error;
    throw error;
  }
  throw new Error("Nothing was thrown.");
};

describe("a schedule is data, with sensible defaults", () => {
  test("cron", () => {
    expect(cron("0 2 * * *")).toEqual({ kind: "cron", spec: { kind: "cron", expression: "0 2 * * *", active: true, catchUp: "latest" } });
    const full = cron("0 2 * * *", { timezone: "America/Sao_Paulo", active: false, catchUp: "all", jitterSeconds: 30, parameters: { since: new Date(0) } });
    expect(full.spec).toMatchObject({ timezone: "America/Sao_Paulo", active: false, catchUp: "all", jitterSeconds: 30 });
    expect(decode(full.spec.parameters as string)).toEqual({ since: new Date(0) });
  });

  test("interval, from the beginning of 1970 or an anchor", () => {
    expect(interval("6 hours").spec).toEqual({ kind: "interval", everyMs: 216e5, anchorMs: 0, active: true, catchUp: "latest" });
    expect(interval("1.5 hours", { anchor: new Date(5000), catchUp: "skip" }).spec).toMatchObject({ everyMs: 54e5, anchorMs: 5000, catchUp: "skip" });
  });

  test("rrule and at", () => {
    expect(rrule("FREQ=WEEKLY;BYDAY=MO", { timezone: "Europe/Paris" }).spec).toMatchObject({
      kind: "rrule",
      rule: "FREQ=WEEKLY;BYDAY=MO",
      timezone: "Europe/Paris",
    });
    expect(at(new Date(7000))).toMatchObject({ kind: "at", spec: { kind: "at", timeMs: 7000 } });
  });
});

describe("a wrong one throws where it is written", () => {
  test.each<[string, () => unknown, string]>([
    ["an expression", () => cron("99 2 * * *"), "WH1005"],
    ["a rule", () => rrule("FREQ=NEVER"), "WH1005"],
    ["a date", () => at(new Date(Number.NaN)), "WH1005"],
    ["no date", () => at("2027-01-01" as never), "WH1005"],
    ["an anchor", () => interval("1 hour", { anchor: 5 as never }), "WH1005"],
    ["a short interval", () => interval("0.5 seconds"), "WH1005"],
    ["a duration", () => interval("6 fortnights" as never), "WH1004"],
    ["a zone", () => cron("* * * * *", { timezone: "Moon/Base" }), "WH1006"],
    ["an unknown option", () => cron("* * * * *", { timeZone: "UTC" } as never), "WH1003"],
    ["an anchor where there is none", () => cron("* * * * *", { anchor: new Date(0) } as never), "WH1003"],
    ["active", () => cron("* * * * *", { active: "yes" as never }), "WH1003"],
    ["catchUp", () => cron("* * * * *", { catchUp: "some" as never }), "WH1003"],
    ["jitter", () => cron("* * * * *", { jitterSeconds: -1 }), "WH1003"],
    ["parameters that are no object", () => cron("* * * * *", { parameters: [] as never }), "WH1003"],
    ["parameters that cannot be stored", () => cron("* * * * *", { parameters: { on: { done() {} } } }), "WH1102"],
  ])("%s", (_, what, code) => {
    const error = thrown(what);
    expect(error.code).toBe(code);
    expect(error.stack?.split("\n    at ")[1]).toContain("schedules.test.ts");
  });

  test("and names the path into the parameters", () => {
    expect(thrown(() => cron("* * * * *", { parameters: { on: { done() {} } } })).message).toContain("parameters.on.done is the function done");
  });
});
