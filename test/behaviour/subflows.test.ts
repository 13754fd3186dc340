import { expect, test } from "vitest";
import { FailNow, flow, sleep } from "windhover";
import { inEachWorld } from "./worlds.ts";

inEachWorld("subflows that do not complete", (world) => {
  test("a subflow that fails rejects with its own error, one that was cancelled with WH1407, and the state tells which", async () => {
    await using w = await world({ warmRuns: 0 });
    const bad = flow({ name: "child-that-fails" }, async () => {
      throw Object.assign(new FailNow("nothing to do"), { status: 418 });
    });
    const long = flow({ name: "child-that-is-cancelled" }, async () => {
      await sleep("1 day");
    });
    const lost = flow({ name: "child-that-crashes" }, async () => {
      await new Promise(() => {});
    });
    const f = flow({ name: "parent-of-three" }, async () => {
      const seen = [];
      for (const child of [bad(), long(), lost()]) {
        const error = (await child.catch((e: unknown) => e)) as Error & { code?: string; status?: number };
        seen.push([error.name, error.code ?? error.status, (await child.state()).type]);
      }
      return seen;
    });
    const run = await w.client.run(f);
    await w.settled();
    const { runs } = await w.client.runs({ flow: "child-that-is-cancelled" });
    await w.client.get(runs[0]!.id).cancel();
    await w.settled();
    expect(await run.result()).toEqual([
      ["FailNow", 418, "FAILED"],
      ["WindhoverError", "WH1407", "CANCELLED"],
      ["WindhoverError", "WH1202", "CRASHED"],
    ]);
  });

  test("flows within flows have an end, and it is said how deep", async () => {
    await using w = await world();
    const deep: () => Promise<number> = () => inner();
    const inner = flow({ name: "endless-child" }, async (): Promise<number> => 1 + (await deep()));
    await expect((await w.client.run(inner)).result()).rejects.toThrow(/WH1302.*nested 33 flows deep/);
  });
});
