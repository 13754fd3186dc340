import { describe, expect, test } from "vitest";
import { concurrency, type Flow, flow, pause, runInput, sleep, task, unmapped, waitForInput } from "windhover";
import { createTestHarness, type TestHarness } from "windhover/testing";
import * as z from "zod";
import type { Entry } from "../../engine/events.ts";
import { projectRun, type RunView } from "../../engine/projection.ts";

/** Runs the flow until nothing moves any more, and shows what is in the log. */
async function view(target: Flow<object, unknown>, during?: (h: TestHarness, id: string) => Promise<void>): Promise<RunView> {
  await using h = await createTestHarness();
  const run = await h.client.run(target);
  await h.advance("0 seconds");
  await during?.(h, run.id);
  return projectRun((await h.history(run.id)) as readonly Entry[]);
}
const call = (run: RunView, id: string) => run.calls.find((c) => c.id === id);

const one = task({ name: "one" }, async () => 1);
const add = task({ name: "add" }, async (a: number, b: number) => a + b);

describe("a run as people see it", () => {
  test("its head, its calls, and what was handed from one to the other", async () => {
    const sums = flow({ name: "sums", tags: ["t"], version: "1.2" }, async () => {
      const [a, b] = [one(), one()];
      return add.withOptions({ waitFor: [b] })(a, 1);
    });
    const run = await view(sums);
    expect(run).toMatchObject({
      flow: "sums",
      tags: ["t"],
      version: "1.2",
      state: { type: "COMPLETED" },
      result: "2",
      parameters: "{}",
      counts: { COMPLETED: 3 },
      attempts: [{ attempt: 1 }],
    });
    expect(run.calls.map((c) => [c.id, c.name, c.kind, c.state.name, c.value])).toEqual([
      ["one-0", "one", "task", "Completed", "1"],
      ["one-1", "one", "task", "Completed", "1"],
      ["add-0", "add", "task", "Completed", "2"],
    ]);
    expect(run.edges).toEqual([
      { from: "one-0", to: "add-0", kind: "data" },
      { from: "one-1", to: "add-0", kind: "order" },
    ]);
    expect(run.timeline.map((row) => row.call)).toEqual([undefined, "one-0", "one-1", "add-0"]);
  });

  test("attempts, their errors, and the wait between them", async () => {
    let tries = 0;
    const flaky = task({ name: "flaky", retries: 3, retryDelaySeconds: 60 }, async () => {
      if (++tries < 3) throw new Error(`try ${tries}`);
      return "ok";
    });
    const retries = flow({ name: "retries" }, async () => flaky());
    const waiting = await view(retries);
    expect(call(waiting, "flaky-0")).toMatchObject({
      state: { type: "SCHEDULED", name: "AwaitingRetry", reason: { code: "retry", message: "Attempt 1 failed; it is tried again." } },
      attempts: [{ attempt: 1, outcome: "failed" }],
    });
    const reason = call(waiting, "flaky-0")?.state.reason;
    expect((reason?.until ?? 0) - (reason?.since ?? 0)).toBe(60_000);
    tries = 0;
    const done = await view(retries, (h) => h.advance("5 minutes"));
    const flakyCall = call(done, "flaky-0");
    expect(flakyCall?.attempts.map((a) => a.outcome)).toEqual(["failed", "failed", "completed"]);
    expect(flakyCall?.waits.filter((w) => w.code === "retry").map((w) => (w.to ?? 0) - w.from)).toEqual([60_000, 60_000]);
    expect(done.waitedMs).toBe(120_000);
  });

  test("a map: counts, failures and progress, and the map that follows it", async () => {
    const half = task({ name: "half" }, async (n: number) => {
      if (n % 2) throw new Error(`odd ${n}`);
      return n / 2;
    });
    const times = task({ name: "times" }, async (n: number, by: number) => n * by);
    const maps = flow({ name: "maps" }, async () => {
      const halves = half.withOptions({ toleratedFailures: 3 }).map([0, 1, 2, 3, 4]);
      return times.withOptions({ toleratedFailures: 3 }).map(halves, unmapped(10));
    });
    const run = await view(maps);
    expect(call(run, "half-0")?.map).toMatchObject({ total: 5, done: 3, failed: 2, running: 0, failedItems: [{ index: 1 }, { index: 3 }] });
    expect(call(run, "half-0")?.map?.progress.reduce((sum, p) => sum + p.done + p.failed, 0)).toBe(5);
    expect(call(run, "times-0")?.map).toMatchObject({ follows: "half-0", done: 3, failed: 2 });
    expect(run.edges).toContainEqual({ from: "half-0", to: "times-0", kind: "data" });
  });

  test("a map of many items keeps a bounded number of points and failures", async () => {
    const fails = task({ name: "fails" }, async (_: number) => {
      throw new Error("no");
    });
    const many = flow({ name: "many" }, async () => {
      await fails.map(Array.from({ length: 3000 }, (_, i) => i)).states();
    });
    const map = call(await view(many), "fails-0")?.map;
    expect(map).toMatchObject({ total: 3000, failed: 3000 });
    expect(map?.failedItems.length).toBe(100);
    expect(map?.progress.length).toBeLessThanOrEqual(400);
    expect(map?.progress.reduce((sum, p) => sum + p.failed, 0)).toBe(3000);
  });
});

describe("why a call does not run", () => {
  const Go = runInput({ name: "go", schema: z.object({ ok: z.boolean() }) });

  test("it sleeps, waits for an input, for somebody, for another call", async () => {
    const waits = flow({ name: "waits" }, async () => {
      const nap = sleep("1 hour");
      const answer = waitForInput(Go, { timeout: "1 day" });
      const stopped = pause();
      const slow = task({ name: "slow" }, () => new Promise<number>(() => {}))();
      const next = add(slow, 1);
      await Promise.all([nap, answer, stopped, next]);
    });
    const run = await view(waits);
    expect(call(run, "sleep-0")?.state).toMatchObject({ type: "PAUSED", name: "Suspended", reason: { code: "sleep" } });
    expect(call(run, "input go-0")).toMatchObject({
      input: "go",
      state: { type: "PAUSED", reason: { code: "input", message: 'It waits for the input "go".' } },
    });
    expect(call(run, "pause-0")?.state).toMatchObject({ type: "PAUSED", name: "Paused" });
    expect(call(run, "slow-0")?.state).toMatchObject({ type: "RUNNING", name: "Running" });
    expect(call(run, "add-0")?.state).toMatchObject({
      type: "PENDING",
      reason: { code: "dependency", message: 'It waits for "slow-0".', blockedBy: ["slow-0"] },
    });
    expect(call(run, "sleep-0")?.waits).toEqual([{ code: "sleep", from: expect.any(Number) }]);
  });

  test("it waits for a slot", async () => {
    const never = task({ name: "never" }, () => new Promise<number>(() => {}));
    const limited = flow({ name: "limited" }, async () => {
      await Promise.all([concurrency("db", {}, () => never()), concurrency("db", {}, () => never())]);
    });
    await using h = await createTestHarness();
    await h.client.setLimit("db", 1);
    const run = await h.client.run(limited);
    await h.advance("0 seconds");
    const shown = projectRun((await h.history(run.id)) as readonly Entry[]);
    const slots = shown.calls.filter((c) => c.kind === "acquire");
    expect(slots.map((c) => c.state.type).sort()).toEqual(["COMPLETED", "PENDING"]);
    expect(slots.find((c) => c.state.type === "PENDING")?.state).toMatchObject({
      name: "AwaitingConcurrencySlot",
      reason: { code: "limit", blockedBy: ["db"] },
    });
  });

  test("inputs that came, and those that were refused", async () => {
    const asks = flow({ name: "asks" }, async () => (await waitForInput(Go)).ok);
    const run = await view(asks, async (h, id) => {
      await expect(h.client.get(id).input(Go, { ok: 1 } as never)).rejects.toThrow("WH1106");
      await h.client.get(id).input(Go, { ok: true });
      await h.advance("0 seconds");
    });
    expect(run.inputs).toMatchObject([{ name: "go", value: '{"ok":true}' }]);
    expect(run.state.type).toBe("COMPLETED");
  });
});

describe("what belongs together", () => {
  test("subflows, and the run that called them", async () => {
    const child = flow({ name: "child" }, async () => one());
    const parent = flow({ name: "parent" }, async () => child());
    await using h = await createTestHarness();
    const run = await h.client.run(parent);
    await h.advance("0 seconds");
    const above = projectRun((await h.history(run.id)) as readonly Entry[]);
    expect(above.children).toEqual([{ call: "child-0", run: call(above, "child-0")?.child, flow: "child" }]);
    const below = projectRun((await h.history(above.children[0]?.run as string)) as readonly Entry[]);
    expect(below.parent).toEqual({ run: run.id, call: "child-0" });
    expect(above.timeline.find((row) => row.call === "child-0")?.bars).toMatchObject([{ kind: "subflow" }]);
  });

  test("hooks say what they are of, and do not count as calls", async () => {
    const hooked = task({ name: "hooked", onCompletion: [() => {}] }, async () => 1);
    const hooks = flow({ name: "hooks", onCompletion: [() => {}] }, async () => hooked());
    const run = await view(hooks);
    expect(run.calls.filter((c) => c.role === "hook").map((c) => [c.hook, c.of])).toEqual([
      ["onCompletion", "hooked-0"],
      ["onCompletion", undefined],
    ]);
    expect(run.counts).toEqual({ COMPLETED: 1 });
  });

  test("a run that was cancelled, and one whose function ran twice", async () => {
    const never = task({ name: "never" }, () => new Promise<number>(() => {}));
    const stopped = flow({ name: "stopped" }, async () => {
      await Promise.all([never(), sleep("1 day")]);
    });
    const cancelled = await view(stopped, async (h, id) => {
      await h.client.get(id).cancel();
      await h.advance("0 seconds");
    });
    expect(call(cancelled, "sleep-0")?.state.type).toBe("CANCELLED");
    let tries = 0;
    const twice = flow({ name: "twice", retries: 1, retryDelaySeconds: 10 }, async () => {
      const n = await one();
      if (++tries === 1) throw new Error("first");
      return n;
    });
    const run = await view(twice, (h) => h.advance("1 minute"));
    expect(run.attempts).toMatchObject([{ attempt: 1 }, { attempt: 2, error: expect.stringContaining("first") }]);
    expect(run.calls.map((c) => [c.id, c.flowAttempt, c.state.name])).toEqual([
      ["one-0", 1, "Completed"],
      ["one-0~2", 2, "Reused"],
    ]);
  });
});
