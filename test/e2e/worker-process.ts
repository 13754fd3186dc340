/** A process that works on a directory: it starts the run, or goes on with it, and says each step as it begins and the result at the end. */
import { writeSync } from "node:fs";
import * as z from "zod";
import { openRuntime } from "../../adapters/embedded/open.ts";
import { indicesOf } from "../../engine/items.ts";
import { parseActor } from "../../engine/messages.ts";
import { concurrency, flow, runContext, sleep, task } from "../../sdk/index.ts";

const [directory = "", steps = "0"] = process.argv.slice(2);
const say = (line: Readonly<Record<string, unknown>>): void => void writeSync(1, `${JSON.stringify(line)}\n`);

const step = task({ name: "step", crashRetries: 1000 }, async (n: number) => {
  const { runId, task: here } = runContext();
  say({ what: "step", id: `${runId}/${here?.id}` });
  await new Promise((resolve) => setImmediate(resolve));
  return n;
});
const part = flow({ name: "part", parameters: z.object({ from: z.number() }) }, async ({ from }) => {
  const values = await Promise.all([step(from), step(from + 1), step(from + 2)]);
  return values.reduce((a, b) => a + b, 0);
});
const long = flow({ name: "long", parameters: z.object({ steps: z.number() }) }, async ({ steps: count }) => {
  let sum = 0;
  for (let i = 0; i < count; i++) {
    sum += await step(i);
    if (i % 40 === 10) sum += await part({ from: 1_000_000 + i * 10 });
    if (i % 40 === 20) sum += (await step.map([2_000_000 + i * 10, 2_000_001 + i * 10, 2_000_002 + i * 10])).length;
    if (i % 40 === 30) await sleep(0.001);
    if (i % 40 === 35) sum += await concurrency("slot", {}, async () => step(3_000_000 + i));
  }
  return sum;
});

const { client } = await openRuntime({
  directory,
  onEntry: (entry) => {
    const run = parseActor(entry.actor).name;
    for (const event of entry.events) {
      if (event.type === "settled") say({ what: "recorded", id: `${run}/${event.call}` });
      if (event.type === "items") for (const index of indicesOf(event.piece)) say({ what: "recorded", id: `${run}/${event.call}/${index}` });
    }
  },
  onFatal: (error) => say({ what: "fatal", message: error.message }),
});
await client.setLimit("slot", 1);
const run = await client.run(long, { steps: Number(steps) }, { idempotencyKey: "the one" });
const alive = setInterval(() => {}, 1000);
try {
  say({ what: "result", value: await run.result() });
} catch (error) {
  say({ what: "failed", message: String(error) });
}
clearInterval(alive);
await client.close();
