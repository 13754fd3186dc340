/** A process in which one run kills it, in a task or in the flow's body, and another does its work. */
import { writeSync } from "node:fs";
import { openRuntime } from "../../adapters/embedded/open.ts";
import { flow, sleep, task } from "../../sdk/index.ts";

const [directory = "", which = ""] = process.argv.slice(2);
const say = (line: Readonly<Record<string, unknown>>): void => void writeSync(1, `${JSON.stringify(line)}\n`);

const killer = task({ name: "killer" }, async () => {
  say({ what: "kills" });
  process.kill(process.pid, "SIGKILL");
  await new Promise(() => {});
});
const inTask = flow({ name: "in-task" }, async () => {
  const state = await killer().state();
  return state.type;
});
const inBody = flow({ name: "in-body" }, async () => {
  say({ what: "kills" });
  process.kill(process.pid, "SIGKILL");
  await sleep("1 day");
});
const inExit = flow({ name: "in-exit" }, async () => {
  say({ what: "kills" });
  process.exit(3);
});
let work = 0;
const step = task({ name: "step" }, async () => ++work);
const innocent = flow({ name: "innocent" }, async () => {
  for (let i = 0; i < 5; i++) {
    await step();
    await sleep(0.01);
  }
  return "well";
});

const { client } = await openRuntime({ directory });
const alive = setInterval(() => {}, 1000);
const good = await client.run(innocent, {}, { idempotencyKey: "good" });
const bad = await client.run({ task: inTask, body: inBody, exit: inExit }[which] as typeof inTask, {}, { idempotencyKey: "bad" });
const outcome = await bad.result().then(
  (value) => ({ value }),
  (error) => ({ code: error.code }),
);
say({ what: "bad", state: (await bad.state()).type, ...outcome });
say({ what: "good", value: await good.result() });
clearInterval(alive);
await client.close();
