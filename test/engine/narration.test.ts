import { describe, expect, test } from "vitest";
import { type Flow, flow, pause, runInput, sleep, task, waitForInput } from "windhover";
import { createTestHarness, type TestHarness } from "windhover/testing";
import * as z from "zod";
import type { Entry } from "../../engine/events.ts";
import { LIMITS } from "../../engine/limits.ts";
import { Narrator } from "../../engine/narration.ts";

/** What is told of a run: level, task run, and text, with the run's name as NAME. */
async function story(target: Flow<object, unknown>, during?: (h: TestHarness, id: string) => Promise<void>): Promise<string[]> {
  await using h = await createTestHarness();
  const run = await h.client.run(target, {}, { name: "NAME" });
  await h.advance("0 seconds");
  await during?.(h, run.id);
  const narrator = new Narrator();
  const lines = ((await h.history(run.id)) as readonly Entry[]).flatMap((entry) => narrator.lines(entry));
  return lines.filter((line) => line.level !== "debug").map(({ level, call, text }) => `${level} ${call === undefined ? "" : `${call}: `}${text}`);
}
const later = (duration: "1 minute" | "2 days") => (h: TestHarness) => h.advance(duration);

const one = task({ name: "one" }, async () => 1);

describe("the story of a run", () => {
  test("one task after the other", async () => {
    const plain = flow({ name: "plain" }, async () => one());
    expect(await story(plain)).toEqual([
      "info Created flow run 'NAME' for flow 'plain'",
      "info Created task run 'one-0' for task 'one'",
      "info Executing 'one-0' immediately...",
      "info one-0: Finished in state Completed()",
      "info Finished in state Completed()",
    ]);
  });

  test("a failure that is tried again, and one that is not", async () => {
    const fails = task({ name: "fails", retries: 1, retryDelaySeconds: 2 }, async () => {
      throw new TypeError("fetch failed");
    });
    const failing = flow({ name: "failing" }, async () => fails());
    expect((await story(failing, later("1 minute"))).slice(3)).toEqual([
      "warn fails-0: Encountered an exception during execution: TypeError: fetch failed. Retrying in 2 seconds (attempt 2).",
      "info Executing 'fails-0' again (attempt 2)",
      "error fails-0: Encountered an exception during execution: TypeError: fetch failed",
      "error fails-0: Finished in state Failed('TypeError: fetch failed')",
      "error Finished in state Failed('TypeError: fetch failed')",
    ]);
  });

  test("a map is one line, its progress a few, its failures the first of them", async () => {
    const square = task({ name: "square" }, async (n: number) => {
      if (n < 5) throw new Error(`no ${n}`);
      return n * n;
    });
    const wide = flow({ name: "wide" }, async () => {
      await square.map(Array.from({ length: 20_000 }, (_, i) => i)).states();
    });
    const lines = await story(wide);
    expect(lines[1]).toBe("info Created 20,000 task runs for 'square' ('square-0')");
    expect(lines.filter((line) => line.includes("Item "))).toEqual([0, 1, 2].map((n) => `error square-0: Item ${n} failed: Error: no ${n}`));
    expect(lines).toContain("warn square-0: 19,995 completed, 5 failed");
    expect(lines.length).toBeLessThan(25);
  });

  test("what it waits for, and what to do about it", async () => {
    const Approval = runInput({ name: "approval", schema: z.object({ approved: z.boolean() }) });
    const waits = flow({ name: "waits" }, async () => {
      await sleep("1 day");
      await waitForInput(Approval);
      await pause();
    });
    const lines = await story(waits, async (h, id) => {
      await h.advance("2 days");
      await h.client.get(id).input(Approval, { approved: true });
      await h.advance("1 minute");
      await h.client.get(id).cancel();
      await h.advance("1 minute");
    });
    expect(lines.slice(1)).toEqual([
      "info Sleeping for 1 day, until 2026-01-02 00:00 UTC",
      "info Woke up after 1 day",
      "info Waiting for the input 'approval'. To answer: windhover runs input NAME approval '<JSON>'",
      "info Received the input 'approval'",
      "info Paused. To go on: windhover runs resume NAME",
      "warn Cancelling: it waits for its code, tasks and subflows to stop",
      "warn Finished in state Cancelled()",
    ]);
  });

  test("subflows and caches", async () => {
    const child = flow({ name: "child" }, async () => 1);
    const lines = await story(flow({ name: "calls" }, async () => child()));
    expect(lines[1]).toMatch(/^info Created subflow run '[a-z]+-[a-z]+' for flow 'child'$/);
    expect(lines.at(-1)).toBe("info Finished in state Completed()");
    const cached = task({ name: "cached", cacheKey: "inputs" }, async () => 1);
    const twice = flow({ name: "twice" }, async () => {
      await cached();
      await cached();
    });
    expect(await story(twice)).toContain("info cached-1: Finished in state Cached(type=COMPLETED)");
  });

  test("a run that is met halfway is told from there on", async () => {
    const plain = flow({ name: "halfway" }, async () => {
      await one();
      await sleep("1 hour");
    });
    await using h = await createTestHarness();
    const run = await h.client.run(plain, {}, { name: "NAME" });
    await h.advance("2 days");
    const entries = (await h.history(run.id)) as readonly Entry[];
    const lines = new Narrator().lines(entries.at(-1) as Entry);
    expect(lines.map((line) => [line.runName, line.text]).at(-1)).toEqual(["NAME", "Finished in state Completed()"]);
  });

  test("runs that end elsewhere were remembered for ever", async () => {
    await using h = await createTestHarness();
    const run = await h.client.run(
      flow({ name: "one-of-many" }, async () => one()),
      {},
      { name: "NAME" },
    );
    await h.advance("0 seconds");
    const [entry] = (await h.history(run.id)) as readonly Entry[];
    const begun = (id: string): Entry => ({ ...entry, actor: `run:${id}`, events: entry?.events.filter(({ type }) => type === "started") }) as Entry;
    const narrator = new Narrator();
    const told = (id: string): string => narrator.nameOf(id);
    for (let i = 0; i <= LIMITS.toldRuns; i++) narrator.lines(begun(`${i}`));
    expect([told("0") === "NAME", told("1"), told(`${LIMITS.toldRuns}`)]).toEqual([false, "NAME", "NAME"]);
  });
});
