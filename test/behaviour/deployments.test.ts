import { expect, onTestFinished, test } from "vitest";
import * as z from "zod";
import type { DeploymentEvent } from "../../engine/events.ts";
import { LIMITS } from "../../engine/limits.ts";
import { Sequence } from "../../engine/sequence.ts";
import type { DeploymentDefinition } from "../../sdk/deployment.ts";
import { at, cron, flow, interval, runContext, sleep, task } from "../../sdk/index.ts";
import { inEachWorld, START, type World } from "./worlds.ts";

const definition = (deployment: unknown): DeploymentDefinition => deployment as DeploymentDefinition;

const HOUR_MS = 3_600_000;
const hoursOf = (time: Date | number | undefined): number => (Number(time) - START) / HOUR_MS;
const minutesOf = (time: Date | number | undefined): number => (Number(time) - START) / 60_000;
const firedOf = async (w: World, name: string) =>
  (await w.client.ports.log.read(`deployment:${name}`)).flatMap(({ events }) => events as readonly DeploymentEvent[]).filter((event) => event.type === "fired");

inEachWorld("deployments", (world) => {
  test("a schedule starts a run for each nominal time, once, also after a crash", async () => {
    let w = await world();
    const at_: number[] = [];
    const note = task({ name: "note-time" }, async (time: number) => void at_.push(time));
    const f = flow({ name: "hourly" }, async () => note(runContext().scheduledTime!.getTime()));
    const hourly = definition(f.deployment({ name: "every-hour", schedules: [cron("0 * * * *")] }));
    await w.client.configure(hourly);
    await w.advance("150 minutes");
    w = await w.restart();
    await w.client.configure(hourly);
    await w.advance("60 minutes");
    expect(at_.map((t) => (t - START) / 3_600_000)).toEqual([1, 2, 3]);
    expect((await w.client.deployments())[0]).toMatchObject({ name: "every-hour", flow: "hourly", paused: false });
    await w[Symbol.asyncDispose]();
  });

  test("parameters of the schedule go over those of the deployment, and tags add up", async () => {
    await using w = await world();
    const seen: unknown[] = [];
    const f = flow({ name: "with-parameters", parameters: z.object({ a: z.number(), b: z.number() }), tags: ["base"] }, async (p) => {
      seen.push({ ...p, tags: runContext().tags });
    });
    await w.client.configure(
      definition(f.deployment({ name: "params", parameters: { a: 1, b: 1 }, tags: ["prod"], schedules: [interval("1 hour", { parameters: { b: 2 } })] })),
    );
    await w.advance("61 minutes");
    expect(seen).toEqual([{ a: 1, b: 2, tags: ["base", "prod"] }]);
  });

  test("large parameters of a deployment were dropped for each schedule that has its own", async () => {
    await using w = await world();
    const seen: number[][] = [];
    const f = flow({ name: "large-parameters", parameters: z.object({ text: z.string(), more: z.string().default(""), n: z.number() }) }, async (p) => {
      seen.push([p.text.length, p.more.length, p.n, (runContext().scheduledTime?.getTime() ?? 0) - START]);
    });
    const large = "x".repeat(2 * LIMITS.inlineChars);
    const schedules = [interval("1 hour", { parameters: { n: 2 } }), interval("2 hours"), interval("3 hours", { parameters: { more: large } })];
    const d = definition(f.deployment({ name: "large-parameters", parameters: { text: large, n: 1 }, schedules }));
    await w.client.configure(d);
    await w.advance("3 hours");
    const all = large.length;
    expect(seen.sort()).toEqual(
      [
        [all, 0, 2, HOUR_MS],
        [all, 0, 2, 2 * HOUR_MS],
        [all, 0, 1, 2 * HOUR_MS],
        [all, 0, 2, 3 * HOUR_MS],
        [all, all, 1, 3 * HOUR_MS],
      ].sort(),
    );
    // The log and the list hold no more than where they lie.
    const entries = await w.client.ports.log.read("deployment:large-parameters");
    expect(Math.max(...entries.map((entry) => JSON.stringify(entry.state).length + JSON.stringify(entry.effects).length))).toBeLessThan(LIMITS.inlineChars);
    expect(JSON.stringify(d.settings)).toContain(large);
    await w.client.run(d as never, { n: 9 } as never);
    await w.settled();
    expect(seen.at(-1)?.slice(0, 3)).toEqual([all, 0, 9]);
  });

  test("of two schedules of the same times, each with parameters of its own, the second never ran", async () => {
    let w = await world();
    const seen: string[] = [];
    const f = flow({ name: "regional", parameters: z.object({ region: z.string() }) }, async ({ region }) => {
      seen.push(`${region} ${(runContext().scheduledTime!.getTime() - START) / HOUR_MS}`);
    });
    const each = ["all", "north", "south"].map((region) => cron("0 * * * *", region === "all" ? {} : { parameters: { region } }));
    const regional = definition(f.deployment({ name: "regional", parameters: { region: "all" }, schedules: each }));
    await w.client.configure(regional);
    await w.advance("61 minutes");
    w = await w.restart();
    await w.client.configure(regional);
    await w.advance("1 hour");
    expect(seen.sort()).toEqual(["all 1", "all 2", "north 1", "north 2", "south 1", "south 2"]);
    await w[Symbol.asyncDispose]();
  });

  test("overlap: queue waits, skip skips, cancel-running cancels", async () => {
    await using w = await world();
    const slow = flow({ name: "slow-run" }, async () => {
      await sleep("90 minutes");
      return "done";
    });
    const states = async (deployment: string): Promise<string[]> => (await w.client.runs({ deployment })).runs.map((run) => run.state.name).sort();
    for (const overlap of ["queue", "skip", "cancel-running"] as const) {
      const d = slow.deployment({ name: overlap, concurrency: { limit: 1, overlap } });
      await w.client.run(d);
      await w.client.run(d);
    }
    await w.settled();
    expect(await states("queue")).toEqual(["AwaitingConcurrencySlot", "Suspended"]);
    expect(await states("skip")).toEqual(["Skipped", "Suspended"]);
    expect(await states("cancel-running")).toEqual(["Cancelled", "Suspended"]);
    await w.advance("4 hours");
    expect(await states("queue")).toEqual(["Completed", "Completed"]);
  });

  test("a schedule's times were lost when its runs ended as the next one was due", async () => {
    await using w = await world();
    const ran: [number, number][] = [];
    const f = flow({ name: "three-hours" }, async () => {
      await sleep("3 hours");
      ran.push([hoursOf(runContext().scheduledTime), hoursOf(new Date())]);
    });
    await w.client.configure(definition(f.deployment({ name: "three-hours", schedules: [cron("0 * * * *")], concurrency: { limit: 1 } })));
    await w.advance("13 hours");
    // Each ends at a full hour, beside a tick.
    expect(ran).toEqual([
      [1, 4],
      [2, 7],
      [3, 10],
      [4, 13],
    ]);
    const fired = await firedOf(w, "three-hours");
    expect(fired.map(({ nominal, missed }) => [hoursOf(nominal), missed])).toEqual(Array.from({ length: 13 }, (_, i) => [i + 1, undefined]));
  });

  test("catch-up: what was missed while nothing ran is made up for as the schedule says", async () => {
    let w = await world();
    const ran: Record<string, number[]> = { skip: [], latest: [], all: [] };
    const flows = (["skip", "latest", "all"] as const).map((catchUp) => {
      const f = flow({ name: `catch-${catchUp}` }, async () => void ran[catchUp]?.push(minutesOf(runContext().scheduledTime)));
      return definition(f.deployment({ name: `catch-up-${catchUp}`, schedules: [interval("10 minutes", { catchUp })] }));
    });
    for (const d of flows) await w.client.configure(d);
    await w.settled();
    await w.runtime.worker.stop();
    await w.advance("55 minutes");
    w = await w.restart();
    await w.settled();
    const sorted = () => Object.fromEntries(Object.entries(ran).map(([policy, times]) => [policy, times.sort((a, b) => a - b)]));
    expect(sorted()).toEqual({ skip: [], latest: [50], all: [10, 20, 30, 40, 50] });
    await w.advance("5 minutes");
    expect(sorted()).toEqual({ skip: [60], latest: [50, 60], all: [10, 20, 30, 40, 50, 60] });
    const missed = async (policy: string) =>
      (await firedOf(w, `catch-up-${policy}`)).filter((event) => event.missed).map(({ nominal, count }) => [minutesOf(nominal), count]);
    expect([await missed("skip"), await missed("latest"), await missed("all")]).toEqual([[[10, 5]], [[10, 4]], []]);
    await w[Symbol.asyncDispose]();
  });

  test("catch-up of the latest started a stale run when more times were missed than one catch-up starts", async () => {
    const { catchUpRuns } = LIMITS;
    (LIMITS as { catchUpRuns: number }).catchUpRuns = 10;
    onTestFinished(() => void ((LIMITS as { catchUpRuns: number }).catchUpRuns = catchUpRuns));
    let w = await world();
    const ran: Record<string, number[]> = { skip: [], latest: [], all: [] };
    for (const catchUp of ["skip", "latest", "all"] as const) {
      const f = flow({ name: `long-away-${catchUp}` }, async () => void ran[catchUp]?.push(minutesOf(runContext().scheduledTime)));
      await w.client.configure(definition(f.deployment({ name: `long-away-${catchUp}`, schedules: [interval("2 minutes", { catchUp })] })));
    }
    await w.settled();
    await w.runtime.worker.stop();
    await w.advance("71.5 minutes");
    w = await w.restart();
    await w.settled();
    const all = Array.from({ length: 35 }, (_, i) => 2 * (i + 1));
    expect([ran["skip"], ran["latest"], ran["all"]?.sort((a, b) => a - b)]).toEqual([[], [70], all]);
    await w.advance("2 minutes");
    expect([ran["skip"], ran["latest"], ran["all"]]).toEqual([[72], [70, 72], [...all, 72]]);
    await w[Symbol.asyncDispose]();
  });

  test.each([
    ["queue", [10, 20, 30, 40, 50], { Completed: 5 }],
    ["skip", [10], { Completed: 1, Skipped: 4 }],
    ["cancel-running", [50], { Completed: 1, Cancelled: 1, Skipped: 3 }],
  ] as const)("what is made up for at once keeps to the overlap policy: %s", async (overlap, ends, states) => {
    let w = await world();
    const ended: number[] = [];
    const f = flow({ name: `made-up-${overlap}` }, async () => {
      await sleep("1 minute");
      ended.push(minutesOf(runContext().scheduledTime));
    });
    const schedules = [interval("10 minutes", { catchUp: "all" })];
    await w.client.configure(definition(f.deployment({ name: `made-up-${overlap}`, schedules, concurrency: { limit: 1, overlap } })));
    await w.settled();
    await w.runtime.worker.stop();
    await w.advance("52 minutes");
    w = await w.restart();
    await w.advance("7 minutes");
    expect(ended).toEqual(ends);
    const { runs } = await w.client.runs({ deployment: `made-up-${overlap}` });
    const counts: Record<string, number> = {};
    for (const { state } of runs) counts[state.name] = (counts[state.name] ?? 0) + 1;
    expect(counts).toEqual(states);
    await w[Symbol.asyncDispose]();
  });

  test.each([undefined, { limit: 2, overlap: "queue" }] as const)(
    "jitter was cut short when the deployment asked its runs again (concurrency: %j)",
    async (concurrency) => {
      let w = await world();
      const began = new Map<number, number>();
      const ids = new Map<number, string>();
      const f = flow({ name: "jittery" }, async () => {
        const { runId, scheduledTime } = runContext();
        ids.set(hoursOf(scheduledTime), runId);
        began.set(hoursOf(scheduledTime), Date.now() - Number(scheduledTime));
        await sleep("10 seconds");
      });
      const jittery = definition(f.deployment({ name: "jittery", schedules: [cron("0 * * * *", { jitterSeconds: 3000 })], concurrency }));
      await w.client.configure(jittery);
      await w.advance("130 minutes");
      // What is still to come is so for another process as well.
      w = await w.restart();
      await w.client.configure(jittery);
      await w.advance("230 minutes");
      expect([...began.keys()].sort()).toEqual([1, 2, 3, 4, 5]);
      for (const [hour, late] of began) expect(late).toBe(Math.floor(new Sequence(ids.get(hour) as string).fraction() * 3_000_000));
      expect(Math.max(...began.values())).toBeGreaterThan(2 * LIMITS.leaseMs);
      expect(Math.min(...began.values())).toBeGreaterThan(0);
      await w[Symbol.asyncDispose]();
    },
  );

  test("a paused deployment starts nothing; resumed, it goes on without making up for the pause", async () => {
    await using w = await world();
    let ran = 0;
    const f = flow({ name: "pausable" }, async () => void ran++);
    await w.client.configure(definition(f.deployment({ name: "pausable", schedules: [interval("1 hour")] })));
    await w.settled();
    await w.client.setDeployment("pausable", "pause");
    await w.advance("5 hours");
    expect(ran).toBe(0);
    await w.client.setDeployment("pausable", "resume");
    await w.advance("61 minutes");
    expect(ran).toBe(1);
  });

  test("overlap by key: each customer has a slot of its own", async () => {
    await using w = await world();
    const f = flow({ name: "per-customer", parameters: z.object({ customer: z.string() }) }, async () => sleep("1 hour"));
    const d = f.deployment({ name: "per-customer", concurrency: { limit: 1, overlap: "queue", key: ({ customer }) => customer } });
    const runs = [await w.client.run(d, { customer: "a" }), await w.client.run(d, { customer: "a" }), await w.client.run(d, { customer: "b" })];
    await w.settled();
    expect(await Promise.all(runs.map(async (run) => (await run.state()).name))).toEqual(["Suspended", "AwaitingConcurrencySlot", "Suspended"]);
  });

  test("a scheduled run that was retried did not know its time any more, nor its deployment", async () => {
    await using w = await world();
    let fails = true;
    const told: unknown[] = [];
    const once = task({ name: "once-more" }, async (day: number) => {
      if (fails) throw new Error("not yet");
      return day;
    });
    const f = flow({ name: "retried-nightly" }, async () => {
      const { deployment, scheduledTime } = runContext();
      told.push([deployment, hoursOf(scheduledTime)]);
      return once(hoursOf(scheduledTime));
    });
    await w.client.configure(definition(f.deployment({ name: "retried-nightly", schedules: [cron("0 13 * * *")], concurrency: { limit: 1 } })));
    await w.advance("2 hours");
    const [first] = (await w.client.runs({ deployment: "retried-nightly" })).runs;
    expect(first?.state.type).toBe("FAILED");
    fails = false;
    const again = [await w.client.get(first?.id as string).retry(), await w.client.get(first?.id as string).rerunFrom("once-more-0")];
    await w.settled();
    expect(await Promise.all(again.map((run) => run.result()))).toEqual([1, 1]);
    expect(told).toEqual(told.map(() => ["retried-nightly", 1]));
    // It is no run that the deployment has started: none of its places is taken, and the next tick has its own.
    await w.advance("23 hours");
    expect((await firedOf(w, "retried-nightly")).map(({ nominal }) => hoursOf(nominal))).toEqual([1, 25]);
    const { runs } = await w.client.runs({ deployment: "retried-nightly" });
    expect(runs.map(({ state }) => state.type).sort()).toEqual(["COMPLETED", "COMPLETED", "COMPLETED", "FAILED"]);
  });

  test("where there are no deploys, each change of the code changes the settings, back to what they were as well", async () => {
    await using w = await world();
    const seen: string[] = [];
    const f = flow(
      { name: "saved", parameters: z.object({ text: z.string() }) },
      async ({ text }) => void seen.push(`${text} ${hoursOf(runContext().scheduledTime)}`),
    );
    for (const text of ["one", "two", "one"]) {
      await w.client.configure(definition(f.deployment({ name: "saved", parameters: { text }, schedules: [cron("0 * * * *")] })));
      await w.advance("1 hour");
    }
    expect(seen).toEqual(["one 1", "two 2", "one 3"]);
  });

  test("a single time fires once, and one in the past not at all", async () => {
    await using w = await world();
    let ran = 0;
    const f = flow({ name: "single" }, async () => void ran++);
    await w.client.configure(definition(f.deployment({ name: "single", schedules: [at(new Date(START + 60_000)), at(new Date(START - 60_000))] })));
    await w.advance("1 hour");
    expect(ran).toBe(1);
  });
});

inEachWorld("ticks from outside", (world) => {
  const tick = (nominal: number, sending: string, schedule = 0) => ({ kind: "tick", id: `tick:${schedule}:${nominal}:${sending}`, schedule, nominal }) as const;

  test.each([undefined, { limit: 9 }])("ticks of two schedules of the same times were one run (concurrency: %j)", async (concurrency) => {
    await using w = await world({ host: { ticksFromOutside: true } });
    const f = flow({ name: "regional-outside", parameters: z.object({ region: z.string() }) }, async ({ region }) => region);
    const schedules = ["north", "south"].map((region) => cron("0 * * * *", { parameters: { region } }));
    await w.client.configure(definition(f.deployment({ name: "regional-outside", schedules, concurrency })));
    for (const sending of ["a", "b"])
      for (const schedule of [0, 1]) await w.client.ports.mailbox.send("deployment:regional-outside", tick(START + HOUR_MS, sending, schedule));
    await w.advance("1 minute");
    const { runs } = await w.client.runs({ deployment: "regional-outside" });
    expect((await Promise.all(runs.map(({ id }) => w.client.get(id).result()))).sort()).toEqual(["north", "south"]);
  });

  test("a tick that nobody has to remember is answered without an entry, and starts one run however often it comes", async () => {
    await using w = await world({ host: { ticksFromOutside: true } });
    const f = flow({ name: "minutely" }, async () => runContext().scheduledTime?.getTime());
    const minutely = definition(f.deployment({ name: "every-minute", schedules: [cron("* * * * *")] }));
    await w.client.configure(minutely);
    await w.settled();
    const entries = async () => (await w.client.ports.log.read("deployment:every-minute")).length;
    expect(await entries()).toBe(1);
    const nominal = START + 60_000;
    for (const sending of ["a", "b"]) await w.client.ports.mailbox.send("deployment:every-minute", tick(nominal, sending));
    await w.advance("1 minute");
    expect(await entries()).toBe(1);
    const { runs } = await w.client.runs({ deployment: "every-minute" });
    expect(runs.map((run) => run.state.type)).toEqual(["COMPLETED"]);
    expect(await w.client.get(runs[0]!.id).result()).toBe(nominal);
    expect((await w.client.deployments())[0]?.schedules[0]?.next).toBe(START + 120_000);
  });

  test("a paused deployment answers no tick, and one with a limit remembers its runs", async () => {
    await using w = await world({ host: { ticksFromOutside: true } });
    const f = flow({ name: "limited-minutely" }, async () => sleep("5 minutes"));
    const limited = definition(f.deployment({ name: "limited", schedules: [cron("* * * * *")], concurrency: { limit: 1, overlap: "skip" } }));
    await w.client.configure(limited);
    await w.settled();
    for (const minute of [1, 2]) await w.client.ports.mailbox.send("deployment:limited", tick(START + minute * 60_000, "a"));
    await w.settled();
    expect((await w.client.runs({ deployment: "limited" })).runs.map((run) => run.state.name).sort()).toEqual(["Skipped", "Suspended"]);
    await w.client.setDeployment("limited", "pause");
    await w.client.ports.mailbox.send("deployment:limited", tick(START + 180_000, "a"));
    await w.settled();
    expect((await w.client.runs({ deployment: "limited" })).runs).toHaveLength(2);
  });
});
