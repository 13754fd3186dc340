/** What a flow's body gets of the machine, and what it is refused. */
import nodeCrypto, { randomFillSync, randomInt } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { hrtime, uptime } from "node:process";
import { describe, expect, test } from "vitest";
import { flow, sleep, task } from "windhover";
import { createTestHarness } from "windhover/testing";
import { inEachWorld } from "./worlds.ts";

const double = task({ name: "double-foreign" }, async (n: number) => n * 2);
const echo = task({ name: "echo-foreign" }, async (value: unknown) => value);
// Taken after a flow was defined, and before any has begun.
flow({ name: "none-foreign" }, async () => {});
const { randomUUID } = createRequire(import.meta.url)("node:crypto") as typeof nodeCrypto;

const asks = flow({ name: "asks-the-machine" }, async () => {
  const callback = new Promise((resolve) => randomInt(5, 9, (_, n) => resolve(n)));
  const [seconds, nanoseconds] = hrtime();
  const seen = {
    uuid: randomUUID(),
    dice: [randomInt(1e9), randomInt(10, 20), await callback],
    filled: [...randomFillSync(new Uint8Array(8)), ...nodeCrypto.randomFillSync(new Uint16Array(4), 1, 2)],
    clock: [String(hrtime.bigint()), seconds, nanoseconds, hrtime([seconds, nanoseconds]), uptime()],
    math: Math.random(),
  };
  await echo(seen);
  await sleep("1 minute");
  return [await echo(seen), hrtime([seconds, nanoseconds])];
});

inEachWorld("a flow's body and the machine", (world) => {
  test("numbers and clocks of the machine were others on every replay", async () => {
    await using w = await world({ warmRuns: 0 });
    const run = await w.client.run(asks);
    await w.advance("2 minutes");
    const [seen, later] = (await run.result()) as [{ uuid: string; dice: number[]; filled: number[]; clock: unknown[] }, number[]];
    expect(seen.dice[1]).toBeGreaterThanOrEqual(10);
    expect(seen.dice[1]).toBeLessThan(20);
    expect([5, 6, 7, 8]).toContain(seen.dice[2]);
    expect([seen.filled[8], seen.filled[11]]).toEqual([0, 0]);
    expect(seen.clock[3]).toEqual([0, 0]);
    expect(later).toEqual([60, 0]);
  });

  test("files were read live, and missed after a crash", async () => {
    await using w = await world();
    const f = flow({ name: "reads-a-file" }, async () => {
      const [number, text] = await Promise.allSettled([double(1), readFile("package.json", "utf8")]);
      const written = await writeFile("never", "x").catch((error) => error.code);
      return [number.status, text.status === "rejected" && String(text.reason), written];
    });
    expect(await (await w.client.run(f)).result()).toEqual(["fulfilled", expect.stringMatching(/WH1203.*readFile/), "WH1203"]);
    expect(await readFile("package.json", "utf8")).toContain("windhover");
    const reads = task({ name: "reads-in-a-task" }, async () => (await readFile("package.json", "utf8")).length > 0);
    expect(await (await w.client.run(flow({ name: "reads-by-a-task" }, () => reads()))).result()).toBe(true);
  });

  test("a flow that ended by something that is not durable had a result that no replay gives", async () => {
    await using w = await world();
    let open = (): void => {};
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    const slow = task({ name: "slow-foreign" }, async () => {
      await gate;
      return "slow";
    });
    const controller = new AbortController();
    const ended = new Promise((resolve) => controller.signal.addEventListener("abort", () => resolve("signal")));
    const f = flow({ name: "ends-by-a-signal" }, async () => Promise.race([slow(), ended]));
    const run = await w.client.run(f);
    await w.settled();
    controller.abort();
    await ended;
    open();
    await expect(run.result()).rejects.toThrow(/WH1204.*ended/);
  });

  test("a call that followed from one item's state was taken for one that follows from nothing", async () => {
    await using w = await world();
    const f = flow({ name: "goes-on-by-an-item" }, async () => {
      const [one, two] = [...double.map([1, 2])];
      const state = await one!.state();
      const next = await double(state.type === "COMPLETED" ? state.result : 0);
      return next + (await two!);
    });
    expect(await (await w.client.run(f)).result()).toBe(8);
  });
});

describe("a flow's body and the machine, through crashes", () => {
  test("every crash comes to the same end, by the same numbers", async () => {
    await using h = await createTestHarness();
    expect((await h.crashEverywhere(asks, {})).every(({ type }) => type === "COMPLETED")).toBe(true);
  });
});
