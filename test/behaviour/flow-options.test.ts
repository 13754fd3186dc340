import { expect, test } from "vitest";
import * as z from "zod";
import { continueAsNew, flow, sleep, task } from "../../sdk/index.ts";
import type { PortsRun } from "../../sdk/ports-run.ts";
import { inEachWorld } from "./worlds.ts";

inEachWorld("a flow with other options", (world) => {
  test("client.run() takes withOptions over: its timeout, its retries and its tags", async () => {
    await using w = await world();
    const slow = flow({ name: "slow", tags: ["own"] }, async () => sleep("10 minutes"));
    const hasty = await w.client.run(slow.withOptions({ timeoutSeconds: 1, tags: ["x"] }), {}, { tags: ["y"] });
    const plain = await w.client.run(slow);
    await w.advance("15 minutes");
    expect(await hasty.state()).toMatchObject({ type: "FAILED", name: "TimedOut" });
    expect((await plain.state()).type).toBe("COMPLETED");
    const { runs } = await w.client.runs({ flow: "slow" });
    expect(runs.find((run) => run.id === hasty.id)?.tags).toEqual(["own", "x", "y"]);
    expect(runs.find((run) => run.id === plain.id)?.tags).toEqual(["own"]);

    let tries = 0;
    const fails = flow({ name: "fails-twice" }, async () => {
      if (++tries < 3) throw new Error("not yet");
      return tries;
    });
    const run = await w.client.run(fails.withOptions({ retries: 2, retryDelaySeconds: [60, 1] }));
    await w.advance("2 minutes");
    expect(await run.result()).toBe(3);
  });

  test("a deployment of withOptions takes them over for its runs", async () => {
    await using w = await world();
    const slow = flow({ name: "slow-deployed" }, async () => sleep("10 minutes"));
    const deployed = slow.withOptions({ timeoutSeconds: 1, tags: ["x"] }).deployment({ name: "hasty", tags: ["prod"] });
    const run = await w.client.run(deployed);
    await w.advance("15 minutes");
    expect(await run.state()).toMatchObject({ type: "FAILED", name: "TimedOut" });
    expect((await w.client.runs({ deployment: "hasty" })).runs[0]?.tags).toEqual(["x", "prod"]);
  });

  test("what says something about a call in a flow's body is refused where a run is started from outside", async () => {
    await using w = await world();
    const f = flow({ name: "called-from-outside" }, async () => 1);
    await expect(w.client.run(f.withOptions({ key: "a" }))).rejects.toThrow("WH1003");
    expect(() => f.withOptions({ waitFor: [] }).deployment({ name: "waits" })).toThrow("WH1003");
    expect(() => f.withOptions({ key: "a" })()).toThrow("WH1003");
  });

  test("the options of a call stay with what goes on in its place: after continueAsNew, and when it is run again", async () => {
    await using w = await world();
    const next = flow({ name: "goes-on", parameters: z.object({ n: z.number() }) }, async ({ n }): Promise<unknown> => {
      if (n === 0) return continueAsNew({ n: 1 });
      return sleep("10 minutes");
    });
    const run = await w.client.run(next.withOptions({ timeoutSeconds: 60 }), { n: 0 });
    await w.advance("15 minutes");
    await expect(run.result()).rejects.toThrow("WH1401");

    const slow = flow({ name: "run-again" }, async () => sleep("10 minutes"));
    const first = await w.client.run(slow.withOptions({ timeoutSeconds: 60 }));
    await w.advance("15 minutes");
    const again = [await first.retry(), await (first as PortsRun<unknown>).rerun(), await first.rerunFrom("sleep-0")];
    await w.advance("15 minutes");
    for (const one of again) expect(await one.state()).toMatchObject({ name: "TimedOut" });
  });

  test("what a renamed flow says of itself counts, and not what an earlier withOptions said", async () => {
    await using w = await world();
    const add = task({ name: "add-one" }, async (n: number) => n + 1);
    const f = flow({ name: "first-name" }, async () => {
      await sleep("10 minutes");
      return add(1);
    });
    const renamed = f.withOptions({ timeoutSeconds: 1, tags: ["x"] }).withOptions({ name: "second-name", timeoutSeconds: 3600, tags: ["y"] });
    const run = await w.client.run(renamed);
    await w.advance("15 minutes");
    expect(await run.result()).toBe(2);
    expect((await w.client.runs({ flow: "second-name" })).runs[0]?.tags).toEqual(["y"]);
  });
});
