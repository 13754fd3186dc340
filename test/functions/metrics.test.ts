import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { RunEvent } from "../../engine/events.ts";
import type { RunState } from "../../engine/run-state.ts";
import { shared } from "../../engine/scope.ts";
import { metricsLine } from "../../functions/metrics.ts";
import { flow, sleep } from "../../sdk/index.ts";
import { letter, STACK, start, TIME, World } from "./world.ts";

const NOON = Date.parse("2026-03-01T12:00:00Z");
type Metrics = Readonly<Record<string, unknown>>;

function lineOf(types: readonly RunEvent["type"][], state: Partial<RunState>, at = NOON): Metrics | undefined {
  const run = { kind: "run", flow: "digest", row: { type: "RUNNING" }, ...state } as RunState;
  const line = metricsLine("Shop", { at, state: run, events: types.map((type) => ({ type }) as RunEvent) });
  return line === undefined ? undefined : (JSON.parse(line) as Metrics);
}
interface Embedded {
  readonly CloudWatchMetrics: readonly [{ readonly Metrics: readonly { readonly Name: string }[] }];
}
const names = (line: Metrics = {}): readonly string[] => (line["_aws"] as Embedded).CloudWatchMetrics[0].Metrics.map(({ Name }) => Name);

describe("the line of an entry", () => {
  test("is in the embedded metric format: a namespace, two dimensions, and a value for each metric that it names", () => {
    const row = { type: "COMPLETED", name: "Completed", timestamp: NOON } as const;
    expect(lineOf(["ended"], { row, startedAt: NOON - 1500 })).toEqual({
      _aws: {
        Timestamp: NOON,
        CloudWatchMetrics: [
          {
            Namespace: "Windhover",
            Dimensions: [["Stack", "Flow"]],
            Metrics: [
              { Name: "RunsCompleted", Unit: "Count" },
              { Name: "RunDuration", Unit: "Milliseconds" },
            ],
          },
        ],
      },
      Stack: "Shop",
      Flow: "digest",
      RunsCompleted: 1,
      RunDuration: 1500,
    });
  });

  test("counts starts, and late ones only when they are late", () => {
    expect(names(lineOf(["started"], {}))).toEqual(["RunsStarted"]);
    expect(names(lineOf(["started"], { scheduledTime: NOON - 60_000 }))).toEqual(["RunsStarted"]);
    expect(names(lineOf(["started"], { scheduledTime: NOON - 60_001 }))).toEqual(["RunsStarted", "RunsStartedLate"]);
    // A retry of yesterday's run is not a day late.
    expect(names(lineOf(["started"], { scheduledTime: NOON - 86_400_000, origin: "r1" }))).toEqual(["RunsStarted"]);
  });

  test.each([
    ["FAILED", "RunsFailed"],
    ["CRASHED", "RunsCrashed"],
    ["CANCELLED", "RunsCancelled"],
  ] as const)("counts runs that end as %s", (type, name) => {
    expect(names(lineOf(["started", "ended"], { row: { type, name: type, timestamp: NOON }, startedAt: NOON }))).toEqual(["RunsStarted", name, "RunDuration"]);
    // Cancelled before it began: there is no duration.
    expect(names(lineOf(["ended"], { row: { type, name: type, timestamp: NOON } }))).toEqual([name]);
  });

  test("is not there where nothing starts or ends", () => expect(lineOf(["called", "settled"], {})).toBeUndefined());
});

describe("the orchestrator", () => {
  let printed: string[];
  beforeEach(() => {
    printed = [];
    vi.spyOn(process.stdout, "write").mockImplementation((text) => {
      printed.push(String(text));
      return true;
    });
  });
  afterEach(() => {
    vi.restoreAllMocks();
    shared.code.clear();
  });
  const metrics = (): readonly Metrics[] => printed.filter((line) => line.includes('"_aws"')).map((line) => JSON.parse(line) as Metrics);

  test("prints one for each run that starts or ends, where the stack wants them, and once though the message comes twice", async () => {
    flow({ name: "quick" }, async () => 1);
    flow({ name: "slow" }, async () => sleep("1 hour"));
    const world = new World({ stack: { ...STACK, metrics: true } });
    for (let time = 1; time <= 2; time++)
      await world.orchestrator({ Records: ["quick", "slow"].map((name) => letter(`run:${name}`, start(name, name), { id: name, receives: time })) }, TIME);
    expect(metrics().map((line) => [line["Flow"], ...names(line)])).toEqual([
      ["quick", "RunsStarted", "RunsCompleted", "RunDuration"],
      ["slow", "RunsStarted"],
    ]);
  });

  test("prints none where the stack does not want them", async () => {
    flow({ name: "quick" }, async () => 1);
    const world = new World();
    await world.orchestrator({ Records: [letter("run:quick", start("quick", "quick"), { id: "m" })] }, TIME);
    expect(metrics()).toEqual([]);
  });
});
