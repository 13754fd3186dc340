/** Maps where no flow is: in a script, and inside of a task. */
import { expect, test } from "vitest";
import { flow, task, unmapped } from "windhover";
import { inEachWorld } from "./worlds.ts";

const even = task({ name: "even-directly" }, async (n: number, by: number) => {
  if (n % 2) throw new Error(`odd ${n}`);
  return n * by;
});
const double = task({ name: "double-directly" }, async (n: number) => n * 2);
const sum = task({ name: "sum-directly" }, async (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0));

async function looks(): Promise<unknown> {
  const list = double.map([1, 2, 3]);
  const [first] = [...list];
  const ended: number[] = [];
  for await (const { index, state } of list) if (state.type === "COMPLETED") ended.push(index);
  const strict = even.map([0, 1, 2, 3], unmapped(10));
  const lenient = even.withOptions({ toleratedFailures: 2 }).map([0, 1, 2, 3], unmapped(10));
  const stopped = even.withOptions({ toleratedFailures: 0, mapConcurrency: 1 }).map([1, 2], unmapped(1));
  return {
    list: [list.length, await first, ended.sort(), await list, (await list.state()).type],
    strict: [(await strict.states()).map(({ type }) => type), await strict.catch((error: Error) => [error.message, (error.cause as Error).message])],
    lenient: await lenient,
    stopped: [(await stopped.states()).map(({ name }) => name), (await Promise.allSettled([...stopped])).map(({ status }) => status)],
    chained: await sum(double.map(double.map([1, 2]))),
  };
}

const seen = {
  list: [3, 2, [0, 1, 2], [2, 4, 6], "COMPLETED"],
  strict: [
    ["COMPLETED", "FAILED", "COMPLETED", "FAILED"],
    [expect.stringMatching(/WH1405: 2 of 4 items .*item 1: odd 1/), "odd 1"],
  ],
  lenient: [0, 20],
  stopped: [
    ["Failed", "NeverStarted"],
    ["rejected", "rejected"],
  ],
  chained: 12,
};

test("a map outside of a flow was a mere promise, and what its call asked for was ignored", async () => {
  expect(await looks()).toEqual(seen);
  expect(() => double.map(Promise.resolve([1]) as never).length).toThrow("WH1105");
  await expect(even.map([1, 2], [1] as never)).rejects.toThrow("WH1105");
});

test("as many items at once as were asked for", async () => {
  let [running, most] = [0, 0];
  const slow = task({ name: "slow-directly" }, async (n: number) => {
    most = Math.max(most, ++running);
    await new Promise((resolve) => setImmediate(resolve));
    running--;
    return n;
  });
  expect(await slow.withOptions({ mapConcurrency: 2 }).map([1, 2, 3, 4, 5])).toEqual([1, 2, 3, 4, 5]);
  expect(most).toBe(2);
});

inEachWorld("maps in a task", (world) => {
  test("a map in a task has states, items and a length, and so has a list that is handed on in a flow", async () => {
    await using w = await world();
    const within = task({ name: "maps-within" }, looks);
    const f = flow({ name: "maps-in-a-task" }, async () => ({ inTask: await within(), whole: await sum(double.map([1, 2, 3])) }));
    const { inTask, whole } = (await (await w.client.run(f)).result()) as { inTask: unknown; whole: number };
    expect(inTask).toEqual(seen);
    expect(whole).toBe(12);
  });
});
