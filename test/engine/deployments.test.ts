/** The deployment's decisions, one message at a time: in which order its messages come is not up to it. */
import { describe, expect, test } from "vitest";
import { decode } from "../../engine/codec.ts";
import { advanceDeployment, type DeploymentState, type DeploymentStep } from "../../engine/deployment.ts";
import { dueOf } from "../../engine/due.ts";
import { LIMITS } from "../../engine/limits.ts";
import type { DeploymentMessage, DeploymentSettings } from "../../engine/messages.ts";
import type { ScheduleSpec } from "../../engine/schedule.ts";

const HOUR_MS = 3_600_000;
const DAY = Date.parse("2026-03-02T00:00:00Z");
const clock = (time: string): number => Date.parse(`2026-03-02T${time}:00Z`);
const hourly: ScheduleSpec = { kind: "cron", expression: "0 * * * *", active: true, catchUp: "latest" };
const sixes: ScheduleSpec = { ...hourly, expression: "0 6 * * *" };
const settingsOf = (schedules: readonly ScheduleSpec[], more: Partial<DeploymentSettings> = {}): DeploymentSettings => ({
  flow: "f",
  schedules,
  parameters: "{}",
  tags: [],
  paused: false,
  ...more,
});

/** One deployment through its turns. */
class Story {
  state: DeploymentState | null = null;
  #n = 0;
  readonly #ticksFromOutside: boolean;
  constructor({ ticksFromOutside = false } = {}) {
    this.#ticksFromOutside = ticksFromOutside;
  }
  turn(now: number, ...messages: DeploymentMessage[]): DeploymentStep {
    const step = advanceDeployment({ name: "d", n: ++this.#n, now, ticksFromOutside: this.#ticksFromOutside }, this.state, messages);
    this.state = JSON.parse(JSON.stringify(step.state)) as DeploymentState;
    return step;
  }
  configure(now: number, settings: DeploymentSettings, deployed?: true): DeploymentStep {
    const revision = JSON.stringify(settings);
    return this.turn(now, { kind: "configure", id: `configure:${revision}`, revision, settings, ...(deployed && { deployed }) });
  }
  /** The timer that it has set fires. */
  fire(now: number): DeploymentStep {
    const timer = this.state?.timer as string;
    return this.turn(now, { kind: "fire", id: `fire:${timer}`, timer });
  }
  tick(now: number, nominal: number, schedule = 0): DeploymentStep {
    return this.turn(now, { kind: "tick", id: `tick:${schedule}:${nominal}`, schedule, nominal });
  }
}
/** Nominal times of the runs that a step starts, or lets wait. */
const started = ({ effects }: DeploymentStep): readonly (number | undefined)[] =>
  effects.flatMap((effect) => {
    if (effect.do === "index") return [effect.row.scheduledTime];
    return (effect.do === "send" || effect.do === "startTimer") && effect.message.kind === "start" ? [effect.message.scheduledTime] : [];
  });
const missed = ({ events }: DeploymentStep): readonly unknown[] =>
  events.flatMap((event) => (event.type === "fired" && event.missed ? [[event.nominal, event.count ?? 1]] : []));

describe("what is due stays due", () => {
  test("a tick was lost when something else was dealt with at its time, before its timer's message", () => {
    const story = new Story();
    story.configure(clock("00:30"), settingsOf([hourly], { concurrency: { limit: 1, overlap: "queue" } }));
    const first = story.fire(clock("01:00"));
    expect(started(first)).toEqual([clock("01:00")]);
    const run = story.state?.active[0]?.run as string;
    const timer = story.state?.timer;
    const ended = story.turn(clock("02:00"), { kind: "ended", id: "e", run, state: "COMPLETED" });
    expect([story.state?.timer, story.state?.timerAt]).toEqual([timer, clock("02:00")]);
    expect(ended.effects.filter((effect) => effect.do === "untimer")).toEqual([]);
    const second = story.fire(clock("02:00"));
    expect([started(second), missed(second), story.state?.timerAt]).toEqual([[clock("02:00")], [], clock("03:00")]);
  });

  test("a schedule that was due while nothing ran was not made up for where the code's new settings came first", () => {
    const story = new Story();
    story.configure(DAY, settingsOf([sixes]));
    const changed = story.configure(clock("08:00"), settingsOf([sixes, hourly], { tags: ["new"] }));
    expect(started(changed)).toEqual([]);
    const woken = story.fire(clock("08:00"));
    expect([started(woken), missed(woken)]).toEqual([[clock("06:00")], []]);
    expect(story.state?.timerAt).toBe(clock("09:00"));
  });

  test("also where its parameters are what has changed, or another one of its times has come or gone", () => {
    const north = { ...sixes, parameters: '{"region":"north"}' };
    const south = { ...sixes, parameters: '{"region":"south"}', id: "south" };
    const changes: (readonly [readonly ScheduleSpec[], readonly ScheduleSpec[], number])[] = [
      [[north], [{ ...sixes, parameters: '{"region":"west"}' }], 1],
      // The new one begins now.
      [[north], [south, { ...north, id: "north" }], 1],
      [[south, { ...north, id: "north" }], [north], 1],
      [[south, { ...north, id: "north" }], [{ ...north, id: "north" }, south], 2],
    ];
    for (const [before, after, runs] of changes) {
      const story = new Story();
      story.configure(DAY, settingsOf(before));
      story.configure(clock("08:00"), settingsOf(after));
      const woken = story.fire(clock("08:00"));
      expect([started(woken), missed(woken)]).toEqual([Array.from({ length: runs }, () => clock("06:00")), []]);
      const messages = woken.effects.flatMap((effect) => (effect.do === "send" && effect.message.kind === "start" ? [effect.message] : []));
      if (runs === 1) expect(messages[0]?.parameters).toBe(after.find(({ parameters }) => parameters !== south.parameters)?.parameters);
    }
  });

  test("a schedule that was away, or switched off, begins anew when it is back", () => {
    for (const away of [[], [{ ...hourly, active: false }]]) {
      const story = new Story();
      story.configure(clock("00:30"), settingsOf([hourly]));
      story.configure(clock("00:40"), settingsOf(away));
      expect(story.state?.timer).toBeUndefined();
      story.configure(clock("05:30"), settingsOf([{ ...hourly, catchUp: "all" }]));
      expect(story.state?.timerAt).toBe(clock("06:00"));
      const woken = story.fire(clock("06:00"));
      expect([started(woken), missed(woken)]).toEqual([[clock("06:00")], []]);
    }
  });

  test("the first tick from outside was lost when it overtook the deploy", () => {
    const story = new Story({ ticksFromOutside: true });
    story.configure(clock("01:00") + 3000, settingsOf([hourly], { concurrency: { limit: 1, overlap: "queue" } }));
    expect(started(story.tick(clock("01:00") + 3000, clock("01:00")))).toEqual([clock("01:00")]);
    expect(started(story.tick(clock("01:00") + 4000, clock("01:00")))).toEqual([]);
  });
});

describe("catching up", () => {
  const minutely: ScheduleSpec = { kind: "interval", everyMs: 120_000, anchorMs: 0, active: true, catchUp: "latest" };
  const now = DAY + 3001 * 120_000 + 90_000;

  test("latest started a stale run after a thousand missed times, and skip went over them one thousand at a time", () => {
    const [first, newest] = [DAY + 120_000, DAY + 3001 * 120_000];
    expect(dueOf(minutely, DAY, now, 1000)).toEqual({ times: [newest], last: newest, missed: { nominal: first, count: LIMITS.catchUpRuns } });
    expect(dueOf({ ...minutely, catchUp: "skip" }, DAY, now, 1000)).toEqual({ times: [], last: newest, missed: { nominal: first, count: LIMITS.catchUpRuns } });
    const years = dueOf({ ...minutely, everyMs: 1000 }, DAY, DAY + 400 * 24 * HOUR_MS, 1000);
    expect([years.times.length, years.times.at(-1), years.last]).toEqual([61, DAY + 400 * 24 * HOUR_MS, DAY + 400 * 24 * HOUR_MS]);
  });

  test("all goes on in the next turn, until each time has its run", () => {
    const story = new Story();
    story.configure(DAY, settingsOf([{ ...minutely, catchUp: "all" }]));
    const turns: number[] = [];
    const times = new Set<unknown>();
    while ((story.state?.timerAt ?? now + 1) <= now) {
      const runs = started(story.fire(now));
      turns.push(runs.length);
      for (const time of runs) times.add(time);
    }
    expect(turns).toEqual([1000, 1000, 1000, 1]);
    expect(times.size).toBe(3001);
  });

  test("what waits for a place is not all made up for at once: the rest comes as the queue gets shorter", () => {
    const story = new Story();
    story.configure(DAY, settingsOf([{ ...minutely, catchUp: "all" }], { concurrency: { limit: 1, overlap: "queue" } }));
    expect(started(story.fire(now))).toHaveLength(LIMITS.catchUpRuns);
    expect(started(story.fire(now))).toHaveLength(1);
    expect([story.state?.queue.length, story.state?.timer]).toEqual([LIMITS.catchUpRuns, undefined]);
    const next = LIMITS.catchUpRuns + 2;
    story.turn(now, { kind: "ended", id: "e", run: story.state?.active[0]?.run as string, state: "COMPLETED" });
    expect(story.state?.timerAt).toBe(DAY + next * 120_000);
    expect(started(story.fire(now))).toEqual([DAY + next * 120_000]);
  });

  test("missed times are one event, with their number", () => {
    const story = new Story();
    story.configure(DAY, settingsOf([hourly, { ...hourly, catchUp: "skip", id: "b" }, { ...hourly, catchUp: "all", id: "c" }]));
    const woken = story.fire(clock("05:30"));
    expect(started(woken)).toEqual([5, 1, 2, 3, 4, 5].map((hour) => DAY + hour * HOUR_MS));
    expect(missed(woken)).toEqual([
      [clock("01:00"), 4],
      [clock("01:00"), 5],
    ]);
  });

  test("over the changes of the clocks: a time that was skipped is not made up for, one that came twice once", () => {
    const paris = (expression: string, catchUp: ScheduleSpec["catchUp"]): ScheduleSpec => ({
      kind: "cron",
      expression,
      timezone: "Europe/Paris",
      active: true,
      catchUp,
    });
    const utc = (text: string): number => Date.parse(`${text}Z`);
    const due = (spec: ScheduleSpec, from: string, to: string): readonly string[] =>
      dueOf(spec, utc(from), utc(to), 1000).times.map((time) => new Date(time).toISOString().slice(5, 16));
    expect(due(paris("30 2 * * *", "all"), "2026-03-27T12:00", "2026-03-30T12:00")).toEqual(["03-28T01:30", "03-30T00:30"]);
    expect(due(paris("30 2 * * *", "latest"), "2026-03-27T12:00", "2026-03-29T12:00")).toEqual(["03-28T01:30"]);
    expect(due(paris("30 2 * * *", "all"), "2026-10-24T12:00", "2026-10-26T12:00")).toEqual(["10-25T00:30", "10-26T01:30"]);
    expect(due(paris("30 2 * * *", "latest"), "2026-10-24T12:00", "2026-10-25T12:00")).toEqual(["10-25T00:30"]);
    expect(due(paris("0 * * * *", "all"), "2026-10-24T23:30", "2026-10-25T02:30")).toEqual(["10-25T00:00", "10-25T01:00", "10-25T02:00"]);
  });
});

describe("logs of older versions", () => {
  test("a schedule's own parameters alone are merged over the deployment's", () => {
    const story = new Story();
    story.configure(DAY, settingsOf([{ ...hourly, parameters: '{"b":2}' }], { parameters: '{"a":1,"b":1}' }));
    const [start] = story.fire(clock("01:00")).effects.flatMap((effect) => (effect.do === "send" && effect.message.kind === "start" ? [effect.message] : []));
    expect(decode(start?.parameters as string)).toEqual({ a: 1, b: 2 });
  });
});
