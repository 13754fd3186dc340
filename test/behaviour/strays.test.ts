import { expect, test } from "vitest";
import { flow, sleep, task } from "../../sdk/index.ts";
import { inEachWorld } from "./worlds.ts";

const echo = task({ name: "echo" }, async (value: number) => value);
const fail = task({ name: "fail" }, async (): Promise<number> => {
  throw new Error("no connection");
});

inEachWorld("promises that nobody awaits", (world) => {
  test("a helper that fails before the flow awaits it fails there, and ends no process", async () => {
    await using w = await world();
    const late = flow({ name: "late" }, async () => {
      const helper = (async () => (await fail()) + 1)();
      await sleep("1 hour");
      await echo(1);
      return helper.catch((error: Error) => error.message);
    });
    const run = await w.client.run(late, {});
    await w.advance("1 hour");
    expect(await run.result()).toBe("no connection");
  });

  test("one that is never awaited fails its run with WH1406, and no other", async () => {
    await using w = await world();
    const lost = flow({ name: "lost" }, async () => {
      void (async () => {
        await fail();
      })();
      await sleep("1 hour");
      return 1;
    });
    const well = flow({ name: "well" }, async () => {
      await sleep("1 hour");
      return echo(2);
    });
    const [one, other] = [await w.client.run(lost, {}), await w.client.run(well, {})];
    await w.advance("1 hour");
    await expect(one.result()).rejects.toThrow(/WH1406.*no connection/);
    expect(await other.result()).toBe(2);
  });

  test("a helper that a cancel rejects does not keep its run from being Cancelled", async () => {
    await using w = await world();
    const both = flow({ name: "both" }, async () => {
      const helper = (async () => {
        await sleep("1 day");
        return 1;
      })();
      await sleep("2 hours");
      return helper;
    });
    const run = await w.client.run(both, {});
    await w.advance("1 hour");
    await run.cancel();
    await w.settled();
    expect((await run.state()).type).toBe("CANCELLED");
    expect(w.errors).toEqual([]);
  });

  test("what was lost in one process is found again by the next: a replay comes to the same", async () => {
    await using w = await world();
    const lost = flow({ name: "lost-and-replayed" }, async () => {
      void (async () => {
        await fail();
      })();
      await sleep("1 hour");
      return 1;
    });
    const { id } = await w.client.run(lost, {});
    await w.settled();
    await using again = await w.restart();
    await again.advance("1 hour");
    await expect(again.client.get(id).result()).rejects.toThrow("WH1406");
  });
});
