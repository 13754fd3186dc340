import { expect, test } from "vitest";
import { flow, sleep, task } from "../../sdk/index.ts";
import { createMemoryBackend } from "../../adapters/memory/backend.ts";
import { createRuntime } from "../../adapters/process/runtime.ts";
import { PortsClient } from "../../sdk/ports-client.ts";
import { shared } from "../../engine/scope.ts";

test("smoke", async () => {
  const add = task({ name: "add" }, async (a: number, b: number) => a + b);
  const f = flow({ name: "smoke" }, async () => {
    const x = await add(1, 2);
    const y = add(x, 10);
    const z = add(y, y);
    const list = await add.map([1, 2, 3], [10, 20, 30]);
    await sleep("1 day");
    return [x, await y, await z, ...list];
  });
  const backend = createMemoryBackend({ seed: 1, now: 0 });
  const runtime = createRuntime(backend, { onTurnError: (a, e) => console.log(a, e) , onFatal: (e) => console.log("FATAL", e)});
  runtime.worker.start();
  const client = new PortsClient({ ports: backend.ports, code: shared.code, changed: (actor) => runtime.changes.next(actor, new Promise(() => {})) });
  const run = await client.run(f);
  await runtime.worker.settled();
  console.log(await run.state());
  await backend.advance(86400_000, () => runtime.worker.settled());
  expect(await run.result()).toEqual([3, 13, 26, 11, 22, 33]);
  console.log(JSON.stringify((await client.history(run.id)).map((e) => e.events), null, 1));
});
