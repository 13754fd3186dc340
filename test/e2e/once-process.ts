/** A process that works on a directory, perhaps beside others: it starts the run, or goes on with it, and says each task that may run at most once as it begins. */
import { writeSync } from "node:fs";
import * as z from "zod";
import { openRuntime } from "../../adapters/embedded/open.ts";
import { flow, runContext, task } from "../../sdk/index.ts";

const [directory = "", rounds = "0"] = process.argv.slice(2);
const say = (line: Readonly<Record<string, unknown>>): void => void writeSync(1, `${JSON.stringify(line)}\n`);

const once = task({ name: "once", crashRetries: 0 }, async (n: number) => {
  const { runId, task: here } = runContext();
  say({ what: "begun", id: `${runId}/${here?.id}` });
  await new Promise((resolve) => setImmediate(resolve));
  return n;
});
const many = flow({ name: "many-once", parameters: z.object({ rounds: z.number() }) }, async ({ rounds: count }) => {
  const ends: Record<string, number> = {};
  for (let i = 0; i < count; i++) {
    const states = await Promise.all([once(i).state(), once(i + 1).state(), once(i + 2).state(), once(i + 3).state()]);
    for (const { name } of states) ends[name] = (ends[name] ?? 0) + 1;
  }
  return ends;
});

const { client } = await openRuntime({ directory, onFatal: (error) => say({ what: "fatal", message: error.message }) });
const run = await client.run(many, { rounds: Number(rounds) }, { idempotencyKey: "the one" });
const alive = setInterval(() => {}, 1000);
try {
  say({ what: "result", value: await run.result() });
} catch (error) {
  say({ what: "failed", message: String(error) });
}
clearInterval(alive);
await client.close();
