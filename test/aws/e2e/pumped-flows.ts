/** Flows of every shape. How often each task ran stands in this process. */
import { concurrency, FailNow, flow, runContext, runInput, sleep, task, waitForInput } from "windhover";
import * as z from "zod";

/** By run and call: how often it ran. */
export const executions = new Map<string, number>();

function ran<T>(result: T): T {
  const { runId, task: present } = runContext();
  const key = `${runId} ${present?.id}`;
  executions.set(key, (executions.get(key) ?? 0) + 1);
  return result;
}

/** On a bad day a message comes again and again before its attempt is reported. */
const patient = { crashRetries: 100 };
const add = task({ name: "add", ...patient }, async (n: number) => ran(n + 1));
const queued = task({ name: "queued", pool: "other", ...patient }, async (n: number) => ran(n * 2));
const large = task({ name: "large", ...patient }, async (n: number) => ran(String(n).repeat(20_000)));
const refuse = task({ name: "refuse", ...patient }, async (n: number) => {
  throw new FailNow(ran(`no ${n}`));
});
const flaky = task({ name: "flaky", retries: 2, retryDelaySeconds: 1, ...patient }, async (n: number) => {
  ran(n);
  if (runContext().task?.attempt === 1) throw new Error("not yet");
  return n;
});
/** How many of the guarded tasks, of which two may, run at once. */
export const guards = { now: 0, most: 0 };
const guarded = task({ name: "guarded", concurrency: { limit: 2, key: () => "all" }, ...patient }, async (n: number) => {
  guards.most = Math.max(guards.most, ++guards.now);
  await new Promise((resolve) => setTimeout(resolve, 20));
  guards.now--;
  return ran(n);
});
const Approval = runInput({ name: "approval", schema: z.object({ approved: z.boolean() }) });

export { Approval };

const numbers = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

export const chain = flow({ name: "chain" }, async () => {
  let n = 0;
  for (const _ of numbers(8)) n = await add(n);
  return n;
});
export const byQueue = flow({ name: "by-queue" }, async () => queued(await queued(await queued(1))));
export const fan = flow({ name: "fan" }, async () => sum(await Promise.all(numbers(12).map((i) => add(i)))));
export const map = flow({ name: "map" }, async () => sum(await add.map(await queued.map(numbers(30)))));
export const child = flow({ name: "child", parameters: z.object({ n: z.number() }) }, async ({ n }) => add(await add(n)));
export const family = flow({ name: "family" }, async () => sum(await Promise.all([child({ n: 1 }), child({ n: 10 }), child({ n: 100 })])));
export const stored = flow({ name: "stored" }, async () => {
  const texts = await Promise.all([large(1), large(22)]);
  return texts.map(({ length }) => length);
});
export const sleeper = flow({ name: "sleeper" }, async () => {
  const n = await add(1);
  await sleep("2 seconds");
  return add(n);
});
export const retried = flow({ name: "retried" }, () => flaky(7));
export const failing = flow({ name: "failing" }, async () => refuse(3));
export const limited = flow({ name: "limited" }, async () => {
  const all = await Promise.all(numbers(4).map((i) => guarded(i)));
  return concurrency("one", {}, async () => add(sum(all)));
});
export const asking = flow({ name: "asking" }, async () => ((await waitForInput(Approval)).approved ? add(41) : 0));
/** Its timer is a schedule, which goes with it. */
export const waiting = flow({ name: "waiting" }, async () => {
  await add(1);
  await sleep("2 hours");
});

const once = task({ name: "once", pool: "other", crashRetries: 0 }, async (n: number) => ran(n));
/** Its task runs at most once, in a pool of its own. */
export const careful = flow({ name: "careful" }, async () => {
  const n = await add(1);
  return once(n);
});
export const carefulOfEach = flow({ name: "careful-of-each" }, async () => {
  const each = await Promise.all(numbers(6).map((i) => once(i)));
  return sum([...each, ...(await once.map(numbers(6)))]);
});
