/** Small worlds, each around one part of the engine. They are simulated under thousands of seeds, so they are as small as the part allows. */

import { hash } from "../../engine/hash.ts";
import { LIMITS } from "../../engine/limits.ts";
import { runActor } from "../../engine/messages.ts";
import { shared } from "../../engine/scope.ts";
import type { Run } from "../../sdk/client-types.ts";
import type { Flow } from "../../sdk/flow.ts";
import {
  at,
  concurrency,
  continueAsNew,
  FailNow,
  flow,
  pause,
  rateLimit,
  runContext,
  runInput,
  sleep,
  task,
  transaction,
  waitForInput,
} from "../../sdk/index.ts";
import type { PortsClient } from "../../sdk/ports-client.ts";
import { entriesOf } from "../../sdk/testing/endings.ts";
import type { Scenario } from "../../sdk/testing/simulation.ts";
import { tick } from "../../sdk/testing/world.ts";

/** A schema that takes everything: what inputs look like is not what is simulated. */
const anything = { "~standard": { version: 1 as const, vendor: "test", validate: (value: unknown) => ({ value }) } };

const double = task({ name: "double" }, async (n: number) => n * 2);
const add = task({ name: "add" }, async (a: number, b: number) => a + b);
const sum = task({ name: "sum" }, async (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0));
const fails = task({ name: "fails" }, async (why: string): Promise<number> => {
  throw new FailNow(why);
});
/** Fails until its attempt says otherwise: which attempt it is, the log decides. */
const failing = new Map<string, number>();
const flaky = task({ name: "flaky", retries: 6, retryDelaySeconds: 2 }, async (n: number, key: string): Promise<number> => {
  const times = (failing.get(key) ?? 0) + 1;
  failing.set(key, times);
  if (times % 2 === 1) throw new Error("not yet");
  return n + 1;
});

const one =
  (target: unknown, parameters: object = {}): Scenario["begin"] =>
  async (client) => [await client.run(target as Flow<object, unknown>, parameters, { id: "r1" })];
const several =
  (target: unknown, count: number): Scenario["begin"] =>
  (client) =>
    Promise.all(Array.from({ length: count }, (_, i) => client.run(target as Flow<object, unknown>, { n: i }, { id: `r${i + 1}` })));
const get = (client: PortsClient, run = "r1"): Run<unknown> => client.get(run);
const numbered = { ...anything } as typeof anything & {
  readonly "~standard": { readonly types?: { readonly input: { n: number }; readonly output: { n: number } } };
};
const isEnd =
  (...allowed: readonly string[]) =>
  (ending: string): boolean =>
    allowed.some((start) => ending.startsWith(start));

const MAP_CHUNKS = LIMITS.mapChunks;

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

const child = flow({ name: "child", parameters: numbered }, async ({ n }) => double(double(n)));
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

const contended = flow({ name: "contended", parameters: numbered }, async ({ n }) => concurrency("contended", {}, async () => add(await double(n), 1)));
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

const scarce = task({ name: "scarce", tags: ["scarce"] }, async (n: number) => n + 1);
const tagged = flow({ name: "tagged", parameters: numbered }, async ({ n }) => sum(await Promise.all([scarce(n), scarce(n + 1), scarce(n + 2)])));
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

const Answer = runInput<typeof anything>({ name: "answer", schema: anything });
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

const cancellable = flow({ name: "cancellable", parameters: numbered }, async ({ n }) => {
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

const pausable = flow({ name: "pausable" }, async () => {
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
const retried = flow({ name: "retried", retries: 8, retryDelaySeconds: 30 }, async () => {
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
const book = task({ name: "book", onRollback: async (result: string) => void undone.push(result) } as never, async (what: string) => what);
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

/** Few chunks, so that each has several items, and a crash splits them. */
const chunked = flow({ name: "chunked" }, async () => (await double.map([1, 2, 3, 4, 5, 6, 7, 8])).reduce((a, b) => a + b, 0));
worlds["map-chunks"] = {
  begin(client) {
    (LIMITS as { mapChunks: number }).mapChunks = 3;
    return one(chunked)(client);
  },
};
const mapped = flow({ name: "mapped" }, async () => {
  try {
    return await flaky.map([1, 2, 3], ["c1", "c2", "c3"]);
  } finally {
    await double(1);
  }
});
worlds["map-cancel"] = { begin: one(mapped), acts: [(client) => get(client).cancel()], mayEnd: isEnd("CANCELLED", "COMPLETED [2,3,4]") };
const mapScarce = flow({ name: "map-scarce", parameters: numbered }, async () => (await scarce.map([1, 2, 3])).length);
worlds["map-limit"] = {
  async begin(client) {
    await client.setLimit("scarce", 1);
    return several(mapScarce, 2)(client);
  },
  slots: { scarce: 1 },
  acts: [(client) => get(client, "r2").cancel()],
  mayEnd: (ending, run) => (run === 0 ? ending === "COMPLETED 3" : isEnd("CANCELLED", "COMPLETED 3")(ending)),
};
const mapPaused = flow({ name: "map-paused" }, async () => (await double.map(flaky.map([1, 2, 3], ["p1", "p2", "p3"]))).length);
const pauseForAWhile = async (client: PortsClient, run = "r1"): Promise<void> => {
  await get(client, run).pause();
  for (let i = 0; i < 15; i++) await tick();
  await get(client, run).resume();
};
worlds["map-pause"] = { begin: one(mapPaused), acts: [pauseForAWhile] };
worlds["limit-pause"] = {
  async begin(client) {
    await client.setLimit("contended", 1);
    return several(contended, 2)(client);
  },
  slots: { contended: 1 },
  acts: [pauseForAWhile, (client) => pauseForAWhile(client, "r2")],
};
worlds["tag-limit-pause"] = {
  async begin(client) {
    await client.setLimit("scarce", 1);
    return several(tagged, 2)(client);
  },
  slots: { scarce: 1 },
  acts: [pauseForAWhile, pauseForAWhile],
};
worlds["pause-cancel"] = {
  begin: one(pausable),
  acts: [(client) => get(client).pause(), (client) => get(client).cancel()],
  mayEnd: isEnd("CANCELLED", "COMPLETED [2,4,4]"),
};

const longTrip = flow({ name: "long-trip" }, async () =>
  transaction(async () => {
    const places = await Promise.all([book("flight" as never), book("hotel" as never)]);
    await sleep("1 hour");
    await book("car" as never);
    return places.length;
  }),
);
worlds["transaction-cancel"] = {
  begin: one(longTrip),
  acts: [(client) => get(client).cancel()],
  mayEnd: isEnd("CANCELLED", "COMPLETED 2"),
  check(world) {
    const events = entriesOf(world, "run:r1").flatMap(({ events }) => events as readonly { type: string; call?: string; ok?: boolean; state?: string }[]);
    const settled = events.filter(({ type, ok }) => type === "settled" && ok).map(({ call = "" }) => call);
    const booked = settled.filter((call) => call.startsWith("book-"));
    const undone = settled.filter((call) => call.startsWith("book.rollback"));
    const cancelled = events.some(({ type, state }) => type === "ended" && state === "CANCELLED");
    return undone.length === (cancelled ? booked.length : 0)
      ? undefined
      : `${undone.length} of ${booked.length} bookings were taken back, and the run was ${cancelled ? "" : "not "}cancelled`;
  },
};

const counting = flow({ name: "counting-inputs", parameters: numbered }, async ({ n }) => {
  await waitForInput(Answer);
  if (n < 2) continueAsNew({ n: n + 1 });
  return n;
});
worlds["continue-with-inputs"] = {
  begin: one(flow({ name: "counting-parent" }, async () => counting({ n: 0 }))),
  acts: [1, 2, 3].map(() => async (client: PortsClient) => {
    const id = hash("r1/counting-inputs-0").slice(0, 16);
    // Nobody can know the child before it is there.
    for (let i = 0; i < 3000 && !(await client.ports.log.tail(runActor(id))); i++) await tick();
    await client.send(id, { kind: "input", id: `input:${client.ports.random.id()}`, name: "answer", value: "1" });
  }),
};

const volatile = task({ name: "volatile", persistResult: false }, async (n: number) => n * 3);
const forgetting = flow({ name: "forgetting" }, async () => {
  const a = await volatile(1);
  await sleep("10 minutes");
  return sum(await Promise.all([double(a), volatile(a)]));
});
worlds["not-stored"] = { begin: one(forgetting), transient: true };

const hanging = task(
  { name: "hanging", retries: 1, timeoutSeconds: 5, pool: "pool" },
  async (n: number): Promise<number> => (runContext().task?.attempt === 1 ? new Promise(() => {}) : n),
);
worlds["task-timeout"] = { begin: one(flow({ name: "hangs" }, async () => sum(await Promise.all([hanging(1), hanging(2)])))) };

worlds["retries-cancel"] = { begin: one(retried), acts: [(client) => get(client).cancel()], mayEnd: isEnd("CANCELLED", "COMPLETED") };

const skipping = child.deployment({ name: "skipping", concurrency: { limit: 1, overlap: "skip" } });
worlds["overlap-skip"] = {
  begin: (client) => Promise.all([1, 2].map((n) => client.run(skipping, { n }, { id: `s${n}` }))),
  mayEnd: (ending, run) => (run === 0 ? ending === "COMPLETED 4" : isEnd("CANCELLED", "COMPLETED 8")(ending)),
};
const dated = child.deployment({
  name: "dated",
  schedules: [at(new Date("2026-01-01T12:00:00Z")), at(new Date("2026-01-02T12:00:00Z"))],
  parameters: { n: 7 },
});
worlds["schedule"] = {
  async begin(client) {
    await client.configure(dated as never);
    return [];
  },
  check(world) {
    const rows = [...world.state.index.runs.values()].map(({ own }) => own).filter((row) => row.deployment === "dated");
    return rows.length === 2 && rows.every((row) => row.state.type === "COMPLETED")
      ? undefined
      : `the two dates made ${rows.length} runs: ${rows.map((row) => row.state.type).join(", ")}`;
  },
};

/** Worlds whose outside remembers something between attempts begin anew for each seed. */
export function forget(): void {
  (LIMITS as { mapChunks: number }).mapChunks = MAP_CHUNKS;
  failing.clear();
  undone.length = 0;
  tries = 0;
}
