/** A map over a million items on the embedded backend: items a second, and the largest heap. Prints a JSON line. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openRuntime } from "../adapters/embedded/open.ts";
import { flow, task } from "../sdk/index.ts";

const ITEMS = Number(process.env["ITEMS"] ?? 1_000_000);
const double = task({ name: "double" }, async (n: number) => n * 2);
const million = flow({ name: "million" }, async () => {
  const list = double.map(Array.from({ length: ITEMS }, (_, i) => i));
  let sum = 0;
  for await (const { state } of list) if (state.type === "COMPLETED") sum += state.result;
  return sum;
});
const whole = flow({ name: "whole" }, async () => (await double.map(Array.from({ length: ITEMS }, (_, i) => i))).length);

const directory = mkdtempSync(join(process.env["BENCH_DIRECTORY"] ?? tmpdir(), "windhover-bench-"));
const { client } = await openRuntime({ directory });
for (const [name, target] of [
  ["await", whole],
  ["for await", million],
] as const) {
  let heap = 0;
  const look = setInterval(() => {
    heap = Math.max(heap, process.memoryUsage().heapUsed);
  }, 20);
  const from = performance.now();
  const result = await (await client.run(target)).result();
  clearInterval(look);
  const s = (performance.now() - from) / 1000;
  console.log(
    JSON.stringify({
      bench: "map",
      how: name,
      node: process.version,
      items: ITEMS,
      result,
      seconds: +s.toFixed(2),
      items_per_s: Math.round(ITEMS / s),
      heap_mb: Math.round(heap / 1e6),
    }),
  );
}
await client.close();
rmSync(directory, { recursive: true, force: true });
