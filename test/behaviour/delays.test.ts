/** Delays between tries. */
import { expect, test } from "vitest";
import { exponential, flow, task } from "windhover";
import { inEachWorld } from "./worlds.ts";

inEachWorld("delays", (world) => {
  test("a delay that is no number of seconds was no delay: now it ends the tries, and the log says why", async () => {
    await using w = await world();
    for (const [name, bad] of Object.entries({ infinite: Number.POSITIVE_INFINITY, nan: Number.NaN, negative: -1, text: "10", nothing: undefined })) {
      let tries = 0;
      const step = task({ name: `delay-${name}`, retries: 3, retryDelaySeconds: () => bad as number }, async () => {
        tries++;
        throw new Error("no");
      });
      const run = await w.client.run(flow({ name: `delays-${name}` }, () => step()));
      await w.advance("1 minute");
      await expect(run.result()).rejects.toThrow("no");
      expect(tries).toBe(1);
      expect(w.lines.some(({ run: of, message }) => of === run.id && /retryDelaySeconds gave/.test(message))).toBe(true);
    }
  });

  test("a flow whose own delay is no number of seconds ended its tries without a word", async () => {
    await using w = await world();
    const f = flow({ name: "delays-of-flow", retries: 3, retryDelaySeconds: () => Number.NaN }, async () => {
      throw new Error("no");
    });
    await expect((await w.client.run(f)).result()).rejects.toThrow("no");
    expect(w.lines.filter(({ message }) => /retryDelaySeconds gave NaN/.test(message))).toHaveLength(1);
  });

  test("one that throws ends them too, with its reason", async () => {
    await using w = await world();
    const step = task(
      {
        name: "delay-throws",
        retries: 3,
        retryDelaySeconds: () => {
          throw new Error("no idea");
        },
      },
      async () => {
        throw new Error("no");
      },
    );
    await expect((await w.client.run(flow({ name: "delays-thrown" }, () => step()))).result()).rejects.toThrow("no");
    expect(w.lines.some(({ message }) => /threw Error: no idea/.test(message))).toBe(true);
  });
});

test("an endless delay is refused where it is written", () => {
  for (const retryDelaySeconds of [Number.POSITIVE_INFINITY, [1, Number.NaN]])
    expect(() => task({ name: "endless", retryDelaySeconds }, async () => 1)).toThrow("WH1003");
  expect(() => task({ name: "doubling", retryDelaySeconds: exponential(1) }, async () => 1)).not.toThrow();
});
