/** Worlds around one part of the engine each. */
import { shared } from "../../engine/scope.ts";
import { concurrency, continueAsNew, flow, pause, rateLimit, runContext, runInput, sleep, task, transaction, waitForInput } from "../../sdk/index.ts";
import { entriesOf } from "../../sdk/testing/endings.ts";
import type { Scenario } from "../../sdk/testing/simulation.ts";
import { add, anything, double, failing, fails, flaky, get, isEnd, numbered, one, several, sum } from "./cast.ts";

export const worlds: Record<string, Scenario> = {};

const chain = flow({ name: "chain" }, async () => {
  let n = 1;
  for (let i = 0; i < 4; i++) n = await double(n);
  return n;
});
worlds["chain"] = { begin: one(chain) };

const fanOut = flow({ name: "fan-out" }, async () => {
  const parts = [double(1), double(2), double(3)];
  return sum(await Promise.all(parts));
});
worlds["fan-out"] = { begin: one(fanOut) };

const retries = flow({ name: "retries" }, async () => add(flaky(1, "a"), flaky(2, "b")));
worlds["retries"] = { begin: one(retries) };

const mapRetries = flow({ name: "map-retries" }, async () => {
  const items = await flaky.map([1, 2, 3, 4, 5], ["m1", "m2", "m3", "m4", "m5"]);
  return sum(await double.map(items));
});
worlds["map-retries"] = { begin: one(mapRetries) };

const mapChain = flow({ name: "map-chain" }, async () => {
  const doubled = double.withOptions({ mapConcurrency: 2 }).map([1, 2, 3, 4]);
  return await double.map(doubled);
});
worlds["map-chain"] = { begin: one(mapChain) };

export const child = flow({ name: "child", parameters: numbered }, async ({ n }) => double(double(n)));
const parent = flow({ name: "parent" }, async () => {
  const both = await Promise.all([child({ n: 1 }), child({ n: 2 })]);
  return sum(both);
});
worlds["subflow"] = { begin: one(parent) };

const failingChild = flow({ name: "failing-child" }, async () => fails("the child cannot"));
const catching = flow({ name: "catching" }, async () => {
  try {
    await failingChild();
    return "no";
  } catch (error) {
    return `caught ${(error as Error).message}`;
  } finally {
    await double(1);
  }
});
worlds["failing-subflow"] = { begin: one(catching) };

export const contended = flow({ name: "contended", parameters: numbered }, async ({ n }) => concurrency("contended", {}, async () => add(await double(n), 1)));
worlds["limit"] = {
  async begin(client) {
    await client.setLimit("contended", 1);
    return several(contended, 3)(client);
  },
  slots: { contended: 1 },
};

const held = flow({ name: "held", parameters: numbered }, async ({ n }) =>
  concurrency("held", {}, async () => {
    await sleep("12 minutes");
    return n;
  }),
);
worlds["limit-over-sleep"] = {
  async begin(client) {
    await client.setLimit("held", 1);
    return several(held, 2)(client);
  },
  slots: { held: 1 },
};

export const scarce = task({ name: "scarce", tags: ["scarce"] }, async (n: number) => n + 1);
export const tagged = flow({ name: "tagged", parameters: numbered }, async ({ n }) => sum(await Promise.all([scarce(n), scarce(n + 1), scarce(n + 2)])));
worlds["tag-limit"] = {
  async begin(client) {
    await client.setLimit("scarce", 1);
    return several(tagged, 2)(client);
  },
  slots: { scarce: 1 },
};

const keyed = task({ name: "keyed", concurrency: { limit: 1, key: (n: number) => String(n % 2) }, retries: 4, retryDelaySeconds: 3 }, async (n: number) => {
  const times = (failing.get(`keyed ${n}`) ?? 0) + 1;
  failing.set(`keyed ${n}`, times);
  if (times % 2 === 1) throw new Error("not yet");
  return n;
});
const keyedFlow = flow({ name: "keyed-flow" }, async () => Promise.all([keyed(1), keyed(2), keyed(3)]));
worlds["keyed-limit"] = { begin: one(keyedFlow), slots: { "task:keyed:0": 1, "task:keyed:1": 1 } };

const rated = flow({ name: "rated", parameters: numbered }, async ({ n }) => {
  await rateLimit("rated");
  return double(n);
});
worlds["rate"] = {
  async begin(client) {
    await client.setLimit("rated", { limit: 1, per: "1 minute" });
    return several(rated, 3)(client);
  },
  slots: { rated: 1 },
};

const sleeper = flow({ name: "sleeper" }, async () => {
  const slow = sleep("1 day");
  const quick = await double(1);
  await Promise.all([slow, sleep("2 hours")]);
  return double(quick);
});
worlds["sleep"] = { begin: one(sleeper) };

const racing = flow({ name: "racing" }, async () => {
  const first = await Promise.race([sleep("1 hour").then(() => "hour"), sleep("2 hours").then(() => "hours")]);
  const any = await Promise.any([fails("x"), sleep("1 minute").then(() => 7)]);
  const all = await Promise.allSettled([double(2), fails("y")]);
  return { first, any, all: all.map((one) => one.status) };
});
worlds["race"] = { begin: one(racing) };

export const Answer = runInput<typeof anything>({ name: "answer", schema: anything });
const asking = flow({ name: "asking" }, async () => {
  const first = await waitForInput(Answer);
  const doubled = await double(2);
  const second = await waitForInput(Answer);
  return [first, doubled, second].length;
});
worlds["inputs"] = { begin: one(asking), acts: [(client) => get(client).input(Answer, "same"), (client) => get(client).input(Answer, "same")] };

const overtaken = flow({ name: "overtaken" }, async () => Promise.all([double(1), double(2), waitForInput(Answer)]));
worlds["overtake"] = {
  async begin(client) {
    const [run] = await one(overtaken)(client);
    await run?.input(Answer, "quick");
    return run ? [run] : [];
  },
};

const impatient = flow({ name: "impatient" }, async () => (await waitForInput(Answer, { timeout: "1 hour" })) ?? "nobody");
worlds["input-or-timeout"] = {
  begin: one(impatient),
  acts: [(client) => get(client).input(Answer, "somebody")],
  mayEnd: isEnd('COMPLETED "somebody"', 'COMPLETED "nobody"'),
};

export const cancellable = flow({ name: "cancellable", parameters: numbered }, async ({ n }) => {
  try {
    const kid = child({ n });
    await Promise.all([double(n), sleep("1 hour"), kid]);
    return await double(n);
  } finally {
    await double(100);
  }
});
worlds["cancel"] = { begin: one(cancellable, { n: 1 }), acts: [(client) => get(client).cancel()], mayEnd: isEnd("CANCELLED", "COMPLETED 2") };

const cancelHolding = flow({ name: "cancel-holding", parameters: numbered }, async ({ n }) =>
  concurrency("wanted", {}, async () => {
    await sleep("30 minutes");
    return double(n);
  }),
);
worlds["cancel-with-limit"] = {
  async begin(client) {
    await client.setLimit("wanted", 1);
    return several(cancelHolding, 3)(client);
  },
  slots: { wanted: 1 },
  acts: [(client) => get(client, "r1").cancel(), (client) => get(client, "r2").cancel()],
  mayEnd: (ending, run) => (run === 2 ? ending === "COMPLETED 4" : isEnd("CANCELLED", "COMPLETED")(ending)),
};

export const pausable = flow({ name: "pausable" }, async () => {
  const a = await Promise.all([double(1), double(2)]);
  await sleep("10 minutes");
  const b = await flaky(3, "pausable");
  return [...a, b];
});
worlds["pause"] = {
  begin: one(pausable),
  acts: [
    async (client) =>
      get(client)
        .pause()
        .then(() => get(client).resume()),
  ],
};
const waiting = flow({ name: "waiting" }, async () => {
  await pause({ timeout: "2 hours" }).catch(() => {});
  return double(4);
});
worlds["pause-in-flow"] = { begin: one(waiting), acts: [(client) => get(client).resume()] };

let tries = 0;
export const retried = flow({ name: "retried", retries: 8, retryDelaySeconds: 30 }, async () => {
  const n = await double(5);
  const kid = await child({ n });
  const good = await countDown(n);
  return kid + good;
});
const countDown = task({ name: "count-down" }, async (n: number): Promise<number> => {
  if (++tries % 3 !== 0) throw new Error("again");
  return n;
});
worlds["flow-retries"] = { begin: one(retried) };

const looping = flow({ name: "looping", parameters: numbered }, async ({ n }) => {
  const next = await add(n, 1);
  if (next < 3) continueAsNew({ n: next });
  return next;
});
const loopParent = flow({ name: "loop-parent" }, async () => double(looping({ n: 0 })));
worlds["continue-as-new"] = { begin: one(loopParent) };

const undone: string[] = [];
export const book = task({ name: "book", onRollback: async (result: string) => void undone.push(result) } as never, async (what: string) => what);
const trip = flow({ name: "trip" }, async () => {
  try {
    return await transaction(async () => {
      await book("flight" as never);
      await Promise.all([book("hotel" as never), book("car" as never)]);
      return await fails("no seat");
    });
  } catch (error) {
    return (error as Error).message;
  }
});
worlds["transaction"] = {
  begin: one(trip),
  check(world) {
    const calls = entriesOf(world, "run:r1")
      .flatMap(({ events }) => events)
      .filter((event) => event.type === "settled" && "call" in event && event.call.includes("rollback"));
    return calls.length === 3 ? undefined : `${calls.length} of 3 bookings were taken back`;
  },
};

const once = task({ name: "once", crashRetries: 0 }, async (n: number) => n);
const atMostOnce = flow({ name: "at-most-once" }, async () => once(await once(1)));
worlds["at-most-once"] = {
  begin: one(atMostOnce),
  mayEnd: isEnd("COMPLETED 1", "FAILED"),
  check: (_world, watch) => (["once-0", "once-1"].some((call) => watch.runsOf("run:r1", call) > 1) ? "a task with crashRetries 0 ran twice" : undefined),
};

/** By way of the queue: what was sent twice is run once all the same. A piece of a map is claimed whole. */
const eachOnce = flow({ name: "at-most-once-each" }, async () => {
  const each = await Promise.all([1, 2, 3].map((n) => once(n).then(double)));
  return sum([...each, ...(await once.map([4, 5, 6]))]);
});
worlds["at-most-once-by-queue"] = { begin: one(eachOnce), mayEnd: isEnd("COMPLETED 27", "FAILED") };
/** What runs in a slot is claimed too, also in a subflow of its holder. */
const inSlot = flow({ name: "in-slot", parameters: numbered }, async ({ n }) =>
  concurrency("contended", {}, async () => sum(await Promise.all([child({ n }), scarce(n)]))),
);
worlds["limit-by-queue"] = {
  async begin(client) {
    await client.setLimit("contended", 1);
    await client.setLimit("scarce", 1);
    return several(inSlot, 2)(client);
  },
  slots: { contended: 1, scarce: 1 },
};

const queued = child.deployment({ name: "queued", concurrency: { limit: 1, overlap: "queue" } });
worlds["overlap-queue"] = {
  begin: (client) => Promise.all([1, 2, 3].map((n) => client.run(queued, { n }, { id: `q${n}` }))),
};
const newest = cancellable.deployment({ name: "newest", concurrency: { limit: 1, overlap: "cancel-running" } });
worlds["overlap-cancel"] = {
  begin: (client) => Promise.all([1, 2].map((n) => client.run(newest, { n }, { id: `n${n}` }))),
  mayEnd: (ending, run) => (run === 1 ? ending === "COMPLETED 4" : isEnd("CANCELLED", "COMPLETED 2")(ending)),
};

const hooked = task({ name: "hooked", onCompletion: [async () => {}], onFailure: [async () => {}] }, async (n: number) => n);
const hookedFlow = flow({ name: "hooked-flow", onCompletion: [async () => {}] }, async () => double(await hooked(1)));
worlds["hooks"] = { begin: one(hookedFlow) };

const timed = flow({ name: "timed", timeoutSeconds: 600 }, async () => {
  await double(1);
  await sleep("1 hour");
  return 1;
});
worlds["flow-timeout"] = { begin: one(timed) };

const after = flow({ name: "after" }, async () => {
  const a = double(1);
  const b = double.withOptions({ waitFor: [a] })(2);
  const c = add(b, a);
  const d = await add(c, fails("never")).state();
  return [await c, d.type, d.name];
});
worlds["dependencies"] = { begin: one(after) };

/** Its first attempt fails, and it has one retry: a failure that is counted twice is one too many. */
const second = task({ name: "second-time", retries: 1, retryDelaySeconds: 1 }, async (n: number) => {
  if (runContext().task?.attempt === 1) throw new Error("not yet");
  return n;
});
const retriedOnce = flow({ name: "retried-once" }, async () => Promise.all([second(1), second(2)]));
worlds["one-retry"] = { begin: one(retriedOnce) };

/** A flow that no process knows: its start becomes a dead letter, and its parent has to hear of it. */
const ghost = flow({ name: "ghost" }, async () => 1);
shared.code.flows.delete("ghost");
const haunted = flow({ name: "haunted" }, async () => {
  const state = await ghost().state();
  return [state.type, await double(1)];
});
worlds["dead-letter"] = { begin: one(haunted) };

export function forgetBasic(): void {
  undone.length = 0;
  tries = 0;
}
