/** Replay of long histories in memory: microseconds an event, whether it is linear, and the memory that it takes. Prints JSON lines. */
import { Book } from "../engine/book.ts";
import { decode } from "../engine/codec.ts";
import type { RunEvent } from "../engine/events.ts";
import { Instance } from "../engine/instance.ts";
import { type Reader, readValue, replay } from "../engine/replay.ts";
import { flow, task } from "../sdk/index.ts";
import { definitionKey } from "../sdk/task.ts";

const step = task({ name: "step" }, async (n: number) => n + 1);
const chain = flow({ name: "chain" }, async () => {
  let value = 0;
  while (value >= 0) value = await step(value);
});

function history(steps: number): { at: number; events: RunEvent[] }[] {
  const entries: { at: number; events: RunEvent[] }[] = [];
  let events: RunEvent[] = [{ type: "started", flow: "chain", name: "chain", parameters: "{}", seed: "seed", flags: [] }];
  for (let i = 0; i < steps; i++) {
    events.push(
      { type: "called", call: `step-${i}`, kind: "task", name: "step", args: `[${i}]` },
      { type: "attempted", call: `step-${i}`, attempt: 1, where: "inline" },
    );
    entries.push({ at: i, events });
    events = [{ type: "settled", call: `step-${i}`, ok: true, value: `${i + 1}`, ran: [i, i] }];
  }
  events.push({ type: "called", call: `step-${steps}`, kind: "task", name: "step", args: `[${steps}]` });
  entries.push({ at: steps, events });
  return entries;
}

async function once(entries: ReturnType<typeof history>): Promise<number> {
  const text: Reader["text"] = async (payload) => payload as string;
  const reader: Reader = { text, value: async (event) => readValue(event.value, { text }) };
  const from = performance.now();
  const instance = new Instance({
    run: { runId: "r", runName: "r", flow: "chain", parameters: "{}", tags: [] },
    parameters: decode("{}"),
    seed: "seed",
    attempt: 1,
    flags: [],
  });
  const { fn } = (chain as unknown as { readonly [definitionKey]: { fn: (p: never) => unknown } })[definitionKey];
  const book = Book.from(entries);
  await replay(instance, fn, entries, book, reader);
  if (instance.fatal) throw instance.fatal;
  const ms = performance.now() - from;
  instance.drop();
  return ms;
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] as number;
await once(history(2000));
for (const events of [12_500, 25_000, 50_000, 100_000]) {
  const entries = history(Math.floor(events / 3));
  globalThis.gc?.();
  const before = process.memoryUsage().heapUsed;
  const times: number[] = [];
  for (let i = 0; i < 5; i++) times.push(await once(entries));
  const ms = median(times);
  console.log(
    JSON.stringify({
      bench: "replay",
      node: process.version,
      events,
      median_ms: +ms.toFixed(1),
      us_per_event: +((ms * 1000) / events).toFixed(2),
      heap_mb: Math.round((process.memoryUsage().heapUsed - before) / 1e6),
    }),
  );
}
