/** A bundle and the package may each bring a copy of a class: what one throws, the other has to know. */
import { expect, test } from "vitest";
import * as z from "zod";
import { decode, encodeError } from "../../engine/codec.ts";
import { flow, task } from "../../sdk/index.ts";
import { inEachWorld } from "./worlds.ts";

const errors = (await import("../../engine/errors.ts?copy" as string)) as typeof import("../../engine/errors.ts");
const continuations = (await import("../../engine/continuation.ts?copy" as string)) as typeof import("../../engine/continuation.ts");

inEachWorld("thrown by another copy of the package", (world) => {
  test("RetryAfter keeps its delay, for a task and for a flow", async () => {
    await using w = await world();
    const at: number[] = [];
    const fails = (): number => {
      at.push(w.client.ports.clock.now());
      if (at.length % 2 === 1) throw new errors.RetryAfter("30 minutes");
      return at.length;
    };
    const busy = task({ name: "copy-busy", retries: 1 }, async () => fails());
    const first = await w.client.run(flow({ name: "copy-task" }, async () => busy()));
    await w.advance("1 hour");
    expect(await first.result()).toBe(2);
    const second = await w.client.run(flow({ name: "copy-flow", retries: 1 }, async () => fails()));
    await w.advance("1 hour");
    expect(await second.result()).toBe(4);
    const [a = 0, b = 0, c = 0, d = 0] = at;
    expect([b - a, d - c]).toEqual([30 * 60_000, 30 * 60_000]);
  });

  test("FailNow is not tried again, whatever a bundler has made of its name", async () => {
    await using w = await world();
    class Renamed extends errors.FailNow {}
    let tries = 0;
    const stops = task({ name: "copy-stops", retries: 3 }, async () => {
      tries++;
      throw Object.defineProperty(new Renamed("enough"), "name", { value: "e" });
    });
    const run = await w.client.run(flow({ name: "copy-stopped" }, async () => stops()));
    await expect(run.result()).rejects.toThrow("enough");
    expect(tries).toBe(1);
  });

  test("continueAsNew goes on as another run", async () => {
    await using w = await world();
    const f = flow({ name: "copy-goes-on", parameters: z.object({ n: z.number() }) }, async ({ n }) => {
      if (n === 0) throw new continuations.Continuation({ n: 1 });
      return n;
    });
    expect(await (await w.client.run(f, { n: 0 })).result()).toBe(1);
  });
});

test("the copies are copies, and their errors come back as ours", async () => {
  const ours = await import("../../engine/errors.ts");
  expect(errors.RetryAfter).not.toBe(ours.RetryAfter);
  expect(decode(encodeError(new errors.RetryAfter(5)))).toBeInstanceOf(ours.RetryAfter);
  expect(decode(encodeError(new errors.FailNow("no")))).toBeInstanceOf(ours.FailNow);
});
