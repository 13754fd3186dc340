import { describe, expect, test } from "vitest";
import { decode } from "../../engine/codec.ts";
import type { DeploymentDefinition, DeploymentOptions } from "../../sdk/deployment.ts";
import { cron, flow, interval, rrule } from "../../sdk/index.ts";

const f = flow({ name: "f" }, async () => {});
const deployed = (options: Omit<DeploymentOptions<object>, "name">): DeploymentDefinition =>
  f.deployment({ name: "d", ...options } as never) as unknown as DeploymentDefinition;
const [north, south] = ["north", "south"].map((region) => ({ parameters: { region } }));

describe("a deployment's schedules", () => {
  test.each([
    ["an expression", [cron("0 6 * * *"), cron("0 6 * * *", { timezone: "UTC", catchUp: "all" })]],
    ["an interval, written differently", [interval("1 hour"), interval("60 minutes", { catchUp: "skip" })]],
    ["a rule with parameters", [rrule("FREQ=DAILY", north), rrule("FREQ=DAILY", { ...north, active: false })]],
  ])("%s that is there twice is refused", (_, schedules) => {
    expect(() => deployed({ schedules })).toThrow(expect.objectContaining({ code: "WH1003" }));
  });

  test("one that is alone at its times keeps its name when its parameters change; of several, each is told by its own", () => {
    const ids = (...schedules: Parameters<typeof deployed>[0]["schedules"] & object): unknown[] =>
      deployed({ schedules }).settings.schedules.map(({ id }) => id);
    expect(ids(cron("0 6 * * *", north), cron("0 7 * * *", north), interval("1 day", { timezone: "Europe/Paris" }))).toEqual([undefined, undefined, undefined]);
    const [first, second, third] = ids(cron("0 6 * * *", north), cron("0 6 * * *", south), cron("0 6 * * *"));
    expect([typeof first, typeof second, third]).toEqual(["string", "string", undefined]);
    expect(first).not.toBe(second);
    expect(ids(cron("0 6 * * *", south), cron("0 6 * * *", north))).toEqual([second, first]);
    // The same expression in another zone is another schedule, and may not be refused.
    expect(ids(cron("0 6 * * *"), cron("0 6 * * *", { timezone: "Europe/Paris" }))).toEqual([undefined, undefined]);
    expect(ids(rrule("FREQ=DAILY", { timezone: "Europe/Paris" }), rrule("FREQ=DAILY"))).toEqual([undefined, undefined]);
  });

  test("each carries all the parameters of its runs, and its runs' overlap is counted by them", () => {
    const schedules = [cron("0 6 * * *", { parameters: { b: 2 } }), cron("0 7 * * *"), cron("0 8 * * *", { parameters: {} })];
    const key = ({ a, b }: { a?: number; b?: number }): string => `${a}-${b}`;
    const { settings } = deployed({ schedules, parameters: { a: 1, b: 1 }, concurrency: { limit: 1, key } });
    expect(settings.schedules.map(({ parameters }) => (typeof parameters === "string" ? decode(parameters) : parameters))).toEqual([
      { a: 1, b: 2 },
      undefined,
      { a: 1, b: 1 },
    ]);
    expect(settings.concurrency?.keys).toEqual(["1-2", "1-1", "1-1"]);
  });
});
