import { expect, test } from "vitest";
import * as z from "zod";
import type { Run } from "../../sdk/client-types.ts";
import { flow, runContext, runInput, sleep, task, transaction, waitForInput } from "../../sdk/index.ts";
import { inEachWorld } from "./worlds.ts";

inEachWorld("stopping", (world) => {
  test("cancel: pending awaits reject, finally runs, running tasks get the signal, subflows follow", async () => {
    await using w = await world();
    const notes: string[] = [];
    const clean = task({ name: "clean" }, async () => void notes.push("cleaned"));
    const long = task({ name: "long" }, async () => {
      const { signal } = runContext().task!;
      await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    });
    const child = flow({ name: "cancelled-child" }, async () => {
      await sleep("1 day");
    });
    const f = flow({ name: "cancelled" }, async () => {
      try {
        await Promise.all([long(), child(), sleep("2 days")]);
      } finally {
        await clean();
        notes.push("finally");
      }
    });
    const run = await w.client.run(f);
    await w.settled();
    await run.cancel();
    await w.settled();
    expect(await run.state()).toMatchObject({ type: "CANCELLED" });
    await expect(run.result()).rejects.toThrow("WH2008");
    expect(notes).toEqual(["cleaned", "finally"]);
    expect((await w.client.runs({ flow: "cancelled-child" })).runs[0]?.state.type).toBe("CANCELLED");
    await run.cancel();
  });

  test("a cancel reaches an inline task", async () => {
    await using w = await world();
    const long = task({ name: "inline-long" }, async () => {
      const { signal } = runContext().task!;
      await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    });
    const f = flow({ name: "inline-cancel" }, async () => long());
    const run = await w.client.run(f);
    await w.settled();
    await run.cancel();
    await w.settled();
    expect((await run.state()).type).toBe("CANCELLED");
  });

  test("a flow's timeout stops it and ends it as TimedOut", async () => {
    await using w = await world();
    const f = flow({ name: "too-slow", timeoutSeconds: 60 }, async () => {
      await sleep("1 day");
    });
    const run = await w.client.run(f);
    await w.advance("2 minutes");
    expect(await run.state()).toMatchObject({ type: "FAILED", name: "TimedOut" });
    await expect(run.result()).rejects.toThrow("WH1401");
  });

  test("a transaction takes back what completed, last first, when it fails", async () => {
    await using w = await world();
    const undone: string[] = [];
    const book = task({ name: "book", onRollback: (what: string) => void undone.push(what) }, async (what: string) => what);
    const fail = task({ name: "charge" }, async () => {
      throw new Error("card refused");
    });
    const trip = flow({ name: "trip" }, async () => {
      await transaction(async () => {
        await book("flight");
        await book("hotel");
        await fail();
      });
    });
    await expect((await w.client.run(trip)).result()).rejects.toThrow("card refused");
    expect(undone).toEqual(["hotel", "flight"]);
  });

  test("a cancel while something swallows it ends all the same: cleaning up may call so much and no more", async () => {
    await using w = await world();
    const fails = task({ name: "fails" }, async () => {
      throw new Error("again");
    });
    const stubborn = flow({ name: "stubborn" }, async () => {
      await sleep("1 hour").catch(() => {});
      for (;;) {
        try {
          await fails();
        } catch (error) {
          if ((error as Error).name === "WindhoverError") throw error;
        }
      }
    });
    const run = await w.client.run(stubborn);
    await w.settled();
    await run.cancel();
    await w.settled();
    expect((await run.state()).type).toBe("CANCELLED");
  });

  test("a pause is taken back by its resume: tasks of the run run inline again, whenever its mark comes", async () => {
    await using w = await world();
    let run: Run<unknown>;
    const asked = new Map([
      [1, async () => run.pause()],
      // The mark of a pause that is over, set by a client that was slow, or for the second time.
      [4, async () => w.runtime.host.ports.aborts.mark(`run:${run.id}`, ["!pause/0"])],
      [6, async () => run.pause()],
    ]);
    const step = task({ name: "paused-and-resumed-step" }, async (n: number) => {
      await asked.get(n)?.();
      return n;
    });
    const f = flow({ name: "paused-and-resumed" }, async () => {
      for (let n = 0; n < 9; n++) await step(n);
    });
    run = await w.client.run(f);
    // The step that was to come next goes by the queue, for the turn to end and read its mail.
    for (const at of [3, 8]) {
      await w.settled();
      expect(await run.state()).toMatchObject({ type: "PAUSED" });
      expect((await w.events(run)).filter(({ type }) => type === "settled")).toHaveLength(at);
      await run.resume();
    }
    await run.result();
    const sent = (await w.client.history(run.id)).flatMap(({ effects }) => effects).filter((effect) => effect.do === "task");
    expect(sent).toHaveLength(2);
    expect(await w.runtime.host.ports.aborts.marked(`run:${run.id}`, "!pause/1")).toBe(false);
    expect(w.errors).toEqual([]);
  });

  test.each(["resume", "cancel"] as const)("a flow that ends in the very turn that pauses it has ended after %s", async (order) => {
    await using w = await world();
    const Go = runInput({ name: `go-${order}`, schema: z.object({}) });
    const f = flow({ name: `ends-as-it-is-paused-${order}` }, async () => {
      // Whoever loses the race must not keep the run.
      await Promise.race([waitForInput(Go), sleep("30 days")]);
      return "done";
    });
    const run = await w.client.run(f);
    await w.settled();
    await w.runtime.worker.stop();
    await run.input(Go, {});
    await run.pause();
    w.runtime.worker.start();
    await w.settled();
    expect(await run.state()).toMatchObject({ type: "PAUSED" });
    await run[order]();
    await w.settled();
    expect(await run.state()).toMatchObject({ type: order === "resume" ? "COMPLETED" : "CANCELLED" });
    expect(w.errors).toEqual([]);
  });

  test.each([true, false])("a subflow that its flow has left behind gets its parameters, though another process starts it (paused: %s)", async (paused) => {
    let w = await world();
    let open = false;
    const flaky = task({ name: "flaky-before", retries: 1, retryDelaySeconds: 3600 }, async () => {
      if (!open) throw new Error("not yet");
    });
    const child = flow({ name: "left-child", parameters: z.object({ n: z.number() }) }, async ({ n }) => n);
    const f = flow({ name: "leaves-a-child" }, async () => void child.withOptions({ waitFor: [flaky()] })({ n: 5 }));
    const { id } = await w.client.run(f);
    await w.settled();
    open = true;
    if (paused) {
      await w.client.get(id).pause();
      await w.advance("2 hours");
    }
    w = await w.restart();
    if (paused) await w.client.get(id).resume();
    else await w.advance("2 hours");
    await w.client.get(id).result();
    const [left] = (await w.client.runs({ flow: "left-child" })).runs;
    expect(await w.client.get(left?.id as string).result()).toBe(5);
    await w[Symbol.asyncDispose]();
  });
});
