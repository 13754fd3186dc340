/** What broke when the promises of the surface were tried one by one, in combinations that no other test had. */

import { expect, test } from "vitest";
import { concurrency, FailNow, flow, log, runContext, runInput, sleep, task, transaction, unmapped, waitForInput } from "windhover";
import * as z from "zod";
import { inEachWorld } from "./worlds.ts";

inEachWorld("maps that others look at", (world) => {
  test("states(), for await and the items' futures of a map that had ended before anybody looked were those of items that never started", async () => {
    await using w = await world({ warmRuns: 0 });
    const half = task({ name: "half" }, async (n: number) => {
      if (n % 2) throw new Error(`odd ${n}`);
      return n / 2;
    });
    const f = flow({ name: "looks-late" }, async () => {
      const failing = half.map([2, 3, 4]);
      await failing.catch(() => {});
      const [first, second] = [half.map([2, 4]), half.map([6, 8])];
      await Promise.all([first, second]);
      const ended: number[] = [];
      for await (const { index } of first) ended.push(index);
      return { states: (await failing.states()).map((s) => s.type), ended, each: await Promise.all([...second]) };
    });
    expect(await (await w.client.run(f)).result()).toEqual({ states: ["COMPLETED", "FAILED", "COMPLETED"], ended: [0, 1], each: [3, 4] });
  });

  test("a map never began its items when the map before it ended while it waited for something else", async () => {
    await using w = await world({ warmRuns: 0 });
    const list = task({ name: "list-late" }, async () => [1, 2, 3]);
    const same = task({ name: "same-late" }, async (n: number) => n);
    const double = task({ name: "double-late" }, async (n: number) => n * 2);
    const Go = runInput({ name: "go-late", schema: z.boolean() });
    const gate = flow({ name: "gate-late" }, async () => waitForInput(Go));
    const f = flow({ name: "follows-late" }, async () => {
      const before = same.map(list());
      return double.withOptions({ waitFor: [gate()] }).map(before);
    });
    const run = await w.client.run(f);
    await w.settled();
    const { runs } = await w.client.runs({ flow: "gate-late" });
    await w.client.get(runs[0]!.id).input(Go, true);
    expect(await run.result()).toEqual([2, 4, 6]);
  });

  test("a run that was retried waited for ever where a map followed one that was taken over", async () => {
    await using w = await world();
    let broken = true;
    const first = task({ name: "first-of-two" }, async (n: number) => {
      if (n === 9) throw new FailNow("nine");
      return n;
    });
    const second = task({ name: "second-of-two" }, async (n: number, by: number) => {
      if (broken) throw new Error("not yet");
      return n * by;
    });
    const body = async () => {
      const before = first.withOptions({ toleratedFailures: 1 }).map([1, 9, 3]);
      const results = await second.withOptions({ toleratedFailures: 1 }).map(before, unmapped(10));
      return { results, states: (await before.states()).map((s) => s.type) };
    };
    const run = await w.client.run(flow({ name: "two-maps" }, body));
    await expect(run.result()).rejects.toThrow("WH1405");
    broken = false;
    const right = { results: [10, 30], states: ["COMPLETED", "FAILED", "COMPLETED"] };
    expect(await (await run.retry()).result()).toEqual(right);
    expect(await (await run.rerunFrom("second-of-two-0")).result()).toEqual(right);
    expect(await (await run.rerunFrom("first-of-two-0", { result: [4, 5, 6] })).result()).toEqual({
      results: [40, 50, 60],
      states: Array(3).fill("COMPLETED"),
    });
    for (const result of [[4, 5], 4]) await expect(run.rerunFrom("first-of-two-0", { result })).rejects.toThrow(/WH1003.*list of its items/);
    broken = true;
    let tries = 0;
    const again = flow({ name: "two-maps-again", retries: 1 }, async () => {
      if (++tries > 1) broken = false;
      return body();
    });
    expect(await (await w.client.run(again)).result()).toEqual(right);
  });
});

const done: string[] = [];
const step = task({ name: "step-taken-back", onRollback: (_: string, [what]) => void done.push(`undo ${what}`) }, async (what: string) => {
  done.push(what);
  if (what === "bad") throw new Error("bad");
  return `did ${what}`;
});

inEachWorld("items of a map that are tried again", (world) => {
  test("an item's second try was told that it was the first, and its log lines took the place of those of the first", async () => {
    await using w = await world();
    const first = task({ name: "second-time-lucky", retries: 2, retryDelaySeconds: 5 }, async (n: number) => {
      const { attempt = 0 } = runContext().task ?? {};
      log.info(`attempt ${attempt} of ${n}`);
      if (attempt <= n) throw new Error("not yet");
      return attempt;
    });
    const f = flow({ name: "tries-of-items" }, async () => first.map([2, 0, 1]));
    const run = await w.client.run(f);
    await w.advance("1 minute");
    expect(await run.result()).toEqual([3, 1, 2]);
    const lines = await w.client.ports.logs.read(run.id);
    expect(lines.map(({ message }) => message).sort()).toEqual([
      "attempt 1 of 0",
      "attempt 1 of 1",
      "attempt 1 of 2",
      "attempt 2 of 1",
      "attempt 2 of 2",
      "attempt 3 of 2",
    ]);
  });
});

inEachWorld("a subflow that runs a task inside its turn", (world) => {
  test("never heard that its parent was cancelled until the task had ended", async () => {
    await using w = await world();
    const said: string[] = [];
    let begun = (): void => {};
    const running = new Promise<void>((resolve) => {
      begun = resolve;
    });
    const endless = task({ name: "endless-in-subflow" }, async () => {
      const signal = runContext().task?.signal;
      begun();
      await new Promise((_, reject) => signal?.addEventListener("abort", () => reject(new Error("aborted"))));
    });
    const inner = flow({ name: "inner-of-endless" }, async () => endless().finally(() => said.push("inner")));
    const outer = flow({ name: "outer-of-endless" }, async () => inner().finally(() => said.push("outer")));
    const run = await w.client.run(outer);
    await running;
    await run.cancel();
    await expect(run.result()).rejects.toThrow("ended as Cancelled");
    expect(said).toEqual(["inner", "outer"]);
  });
});

inEachWorld("transactions", (world) => {
  test("what a transaction inside of another had completed was left standing when the outer one failed", async () => {
    done.length = 0;
    await using w = await world();
    const f = flow({ name: "nested-transactions" }, async () =>
      transaction(async () => {
        await step("a");
        await transaction(async () => void (await step("b")));
        await transaction(async () => {
          await step("c");
          throw new Error("inner");
        }).catch(() => {});
        await step("bad");
      }),
    );
    await expect((await w.client.run(f)).result()).rejects.toThrow("bad");
    expect(done).toEqual(["a", "b", "c", "undo c", "bad", "undo b", "undo a"]);
  });

  test("the items of a map were not taken back", async () => {
    done.length = 0;
    await using w = await world();
    const f = flow({ name: "map-in-transaction" }, async () => transaction(async () => step.map(["a", "bad", "c"])));
    await expect((await w.client.run(f)).result()).rejects.toThrow("WH1405");
    expect(done.slice(3)).toEqual(["undo c", "undo a"]);
  });
});

inEachWorld("schemas", (world) => {
  test("a schema that throws kept its run pending for ever", async () => {
    await using w = await world();
    const boom = z.string().refine((text) => {
      if (text === "boom") throw new RangeError("too far");
      return true;
    });
    const Answer = runInput({ name: "answer-that-throws", schema: boom });
    const f = flow({ name: "schema-that-throws", parameters: z.object({ text: boom }) }, async ({ text }) => `${text} ${await waitForInput(Answer)}`);
    await expect((await w.client.run(f, { text: "boom" })).result()).rejects.toThrow(/WH1101.*the schema threw RangeError: too far/);
    const run = await w.client.run(f, { text: "a" });
    await w.settled();
    await expect(run.input(Answer, "boom")).rejects.toThrow("WH1106");
    await run.input(Answer, "b");
    expect(await run.result()).toBe("a b");
  });
});

inEachWorld("limits by key", (world) => {
  test("what is set for a limit held for none of its keys", async () => {
    await using w = await world();
    const f = flow({ name: "by-customer", parameters: z.object({ customer: z.string() }) }, async ({ customer }) =>
      concurrency("by-customer", { key: customer }, async () => {
        await sleep(10);
        return new Date().getSeconds();
      }),
    );
    await w.client.setLimit("by-customer", 1);
    await w.client.setLimit("by-customer:big", 2);
    const runs = [];
    for (const customer of ["a", "a", "b", "big", "big"]) runs.push(await w.client.run(f, { customer }));
    await w.advance("1 minute");
    const ends = await Promise.all(runs.map((run) => run.result()));
    expect([ends.slice(0, 2).sort(), ...ends.slice(2)]).toEqual([[10, 20], 10, 10, 10]);
  });

  test("a key of futures, or of a map's items, was made of something else than their values", async () => {
    await using w = await world();
    const find = task({ name: "find-customer" }, async () => "Ana");
    const keys: string[] = [];
    const key = (customer: string) => {
      keys.push(customer);
      return customer.toLowerCase();
    };
    const bill = task({ name: "bill-customer", concurrency: { limit: 1, key } }, async (customer: string, cents: number) => `${customer} ${cents}`);
    const right = flow({ name: "keys-known" }, async () => {
      const found = find();
      await found;
      return [await bill(found, 1), ...(await bill.map(["Ana", "ANA"], [2, 3])), ...(await bill.map([], []))];
    });
    expect(await (await w.client.run(right)).result()).toEqual(["Ana 1", "Ana 2", "ANA 3"]);
    expect(keys).toEqual(["Ana", "Ana", "ANA"]);
    const early = flow({ name: "key-too-early" }, async () => bill(find(), 1));
    await expect((await w.client.run(early)).result()).rejects.toThrow(/WH1063.*not there yet/);
    const several = flow({ name: "several-keys" }, async () => bill.map(["Ana", "Bob"], [1, 2]));
    await expect((await w.client.run(several)).result()).rejects.toThrow(/WH1063.*"ana", "bob"/);
  });
});

test("an overlap that there is not was taken for one that queues", () => {
  const f = flow({ name: "overlaps-somehow" }, async () => 1);
  const overlap = "replace" as "queue";
  expect(() => f.deployment({ name: "overlaps-somehow", concurrency: { limit: 1, overlap } })).toThrow(/WH1003.*overlap.*"replace"/);
});
