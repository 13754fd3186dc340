import { expect, test } from "vitest";
import { flow, sleep, task } from "../../sdk/index.ts";
import { createTestHarness } from "../../sdk/testing/index.ts";
import { inEachWorld } from "./worlds.ts";

const double = task({ name: "double-before-hooks" }, async (n: number) => n * 2);
const listed = task({ name: "listed-before-hooks" }, async (list: readonly number[]) => list);

inEachWorld("hooks of a task that was given a future", (world) => {
  test("never ran: they were told the future's name where its result belonged", async () => {
    await using w = await world({ warmRuns: 0 });
    const seen: unknown[] = [];
    const note =
      (hook: string) =>
      ({ state, parameters }: { state: { type: string }; parameters: unknown }) =>
        void seen.push([hook, state.type, parameters]);
    const hooks = { onRunning: [note("running")], onCompletion: [note("completion")], onFailure: [note("failure")] };
    const hooked = task({ name: "hooked-with-future", ...hooks }, async (n: number, all: readonly number[], text: string) => {
      if (n > 2) throw new Error("too much");
      return [n, ...all, text.length];
    });
    const f = flow({ name: "hooks-with-futures" }, async () => {
      const long = "x".repeat(20_000);
      const good = await hooked(double(1), listed([2, 4]), long);
      await hooked(double(2), [], "").catch(() => {});
      await sleep("1 minute");
      return good;
    });
    const run = await w.client.run(f);
    await w.advance("2 minutes");
    expect(await run.result()).toEqual([2, 2, 4, 20_000]);
    const long = "x".repeat(20_000);
    expect(seen.sort()).toEqual([
      ["completion", "COMPLETED", [2, [2, 4], long]],
      ["failure", "FAILED", [4, [], ""]],
      ["running", "RUNNING", [2, [2, 4], long]],
      ["running", "RUNNING", [4, [], ""]],
    ]);
  });
});

test("hooks of a task that was given a future run wherever the process dies", async () => {
  const h = await createTestHarness();
  const seen = new Set<unknown>();
  const hooked = task(
    { name: "hooked-through-crashes", onCompletion: [({ parameters }) => void seen.add(JSON.stringify(parameters))] },
    async (n: number) => n,
  );
  const f = flow({ name: "hooks-through-crashes" }, async () => {
    const twice = double(1);
    const found = hooked(twice);
    await sleep("1 minute");
    return found;
  });
  expect(await h.crashEverywhere(f, {})).toEqual(expect.arrayContaining([expect.objectContaining({ type: "COMPLETED", result: 2 })]));
  expect([...seen]).toEqual(["[2]"]);
});
