/** The workloads that are compared with peers: W1 a chain, W2 a fan-out, W3 many small runs. Prints JSON lines with medians of three after a warm-up. */
import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as z from "zod";
import { openRuntime } from "../adapters/embedded/open.ts";
import { flow, task } from "../sdk/index.ts";

const step = task({ name: "step" }, async (n: number) => n + 1);
const chain = flow({ name: "chain", parameters: z.object({ n: z.number() }) }, async ({ n }) => {
  let value = 0;
  for (let i = 0; i < n; i++) value = await step(value);
  return value;
});
const fanOut = flow({ name: "fan-out", parameters: z.object({ n: z.number() }) }, async ({ n }) => {
  const values = await Promise.all(Array.from({ length: n }, (_, i) => step(i)));
  return values.reduce((a, b) => a + b, 0);
});
const one = flow({ name: "one", parameters: z.object({ i: z.number() }) }, async ({ i }) => step(i));
const mapped = flow({ name: "mapped", parameters: z.object({ n: z.number() }) }, async ({ n }) => {
  const values = await step.map(Array.from({ length: n }, (_, i) => i));
  return values.length;
});

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] as number;

function fdatasyncMs(directory: string): number {
  const fd = openSync(join(directory, "fsync.tmp"), "w");
  const block = Buffer.alloc(4096);
  const times: number[] = [];
  for (let i = 0; i < 200; i++) {
    const from = performance.now();
    writeSync(fd, block);
    fdatasyncSync(fd);
    times.push(performance.now() - from);
  }
  closeSync(fd);
  return median(times);
}

const directory = mkdtempSync(join(process.env["BENCH_DIRECTORY"] ?? tmpdir(), "windhover-bench-"));
const repetitions = Number(process.env["REPS"] ?? 3);
const wanted = process.argv.slice(2);
const { client } = await openRuntime({ directory });

async function measure(name: string, n: number, work: () => Promise<unknown>): Promise<void> {
  if (wanted.length > 0 && !wanted.includes(name)) return;
  await work();
  const seconds: number[] = [];
  const processor: number[] = [];
  for (let i = 0; i < repetitions; i++) {
    const [from, used] = [performance.now(), process.cpuUsage()];
    await work();
    seconds.push((performance.now() - from) / 1000);
    const { user, system } = process.cpuUsage(used);
    processor.push((user + system) / 1000);
  }
  const s = median(seconds);
  const sync = fdatasyncMs(directory);
  console.log(
    JSON.stringify({
      peer: "windhover",
      node: process.version,
      test: name,
      n,
      seconds: seconds.map((x) => +x.toFixed(4)),
      median_s: +s.toFixed(4),
      ms_per: +((s / n) * 1000).toFixed(4),
      per_s: Math.round(n / s),
      cpu_us_per: +((median(processor) / n) * 1000).toFixed(1),
      cpu_us_least: +((Math.min(...processor) / n) * 1000).toFixed(1),
      fdatasync_ms: +sync.toFixed(3),
      per_fdatasync: +(((s / n) * 1000) / sync).toFixed(2),
    }),
  );
}

const equal = (got: unknown, expected: unknown): void => {
  if (got !== expected) throw new Error(`expected ${expected}, got ${got}`);
};
await measure("W1", 100, async () => equal(await (await client.run(chain, { n: 100 })).result(), 100));
await measure("W2", 1000, async () => equal(await (await client.run(fanOut, { n: 1000 })).result(), 500_500));
await measure("W2-map", 1000, async () => equal(await (await client.run(mapped, { n: 1000 })).result(), 1000));
await measure("W3", 500, async () => {
  const runs = await Promise.all(Array.from({ length: 500 }, (_, i) => client.run(one, { i })));
  const results = await Promise.all(runs.map((run) => run.result()));
  for (const [i, value] of results.entries()) equal(value, i + 1);
});
await client.close();
rmSync(directory, { recursive: true, force: true });
