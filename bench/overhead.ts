/**
 * What the engine costs a step: a chain of tasks that do nothing, each run inside the turn, on the backend in memory. All that happens to a step is in it: the call, the attempt,
 * the entry, the flow going on. Prints JSON lines.
 */
import { createMemoryBackend } from "../adapters/memory/backend.ts";
import { createRuntime } from "../adapters/process/runtime.ts";
import { shared } from "../engine/scope.ts";
import { flow, task } from "../sdk/index.ts";
import { PortsClient } from "../sdk/ports-client.ts";
import { definitionKey } from "../sdk/task.ts";

/** Unit: microseconds a step. */
const BUDGET_US = 20;
const ROUNDS = 15;
const STEPS = 1000;

const step = task({ name: "step" }, (n: number) => n + 1);
const shapes = {
  chain: flow({ name: "chain" }, async () => {
    for (let i = 0; i < STEPS; i++) await step(i);
  }),
  "side by side": flow({ name: "side-by-side" }, async () => {
    await Promise.all(Array.from({ length: STEPS }, (_, i) => step(i)));
  }),
};

/** Unit: microseconds a step; of the wall's clock, and of the processor, which says more on a machine that others use too. */
async function once(shape: (typeof shapes)[keyof typeof shapes]): Promise<{ readonly wall: number; readonly cpu: number }> {
  const backend = createMemoryBackend({ seed: 1 });
  const runtime = createRuntime(backend);
  runtime.worker.start();
  const client = new PortsClient({
    ports: backend.ports,
    code: shared.code,
    changed: (actor) => runtime.changes.next(actor, new Promise(() => {})),
    ended: (actor) => runtime.changes.ended(actor),
  });
  const { name } = (shape as unknown as { readonly [definitionKey]: { readonly name: string } })[definitionKey];
  const from = performance.now();
  const used = process.cpuUsage();
  const run = await client.run(name, {});
  await run.result();
  const { user, system } = process.cpuUsage(used);
  const us = (performance.now() - from) * 1000;
  await runtime.worker.stop();
  await backend.close();
  return { wall: us / STEPS, cpu: (user + system) / STEPS };
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] as number;
for (const [name, shape] of Object.entries(shapes)) {
  const times: { readonly wall: number; readonly cpu: number }[] = [];
  for (let i = 0; i < ROUNDS; i++) times.push(await once(shape));
  const walls = times.map(({ wall }) => wall);
  console.log(
    JSON.stringify({
      bench: "overhead",
      node: process.version,
      shape: name,
      steps: STEPS,
      median_us_per_step: +median(walls).toFixed(1),
      best_us_per_step: +Math.min(...walls).toFixed(1),
      best_cpu_us_per_step: +Math.min(...times.map(({ cpu }) => cpu)).toFixed(1),
      // The budget is that of a step that runs inline; what goes by a queue pays for more messages.
      ...(name === "chain" && { budget_us_per_step: BUDGET_US }),
    }),
  );
}
