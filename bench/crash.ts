/** From `kill -9` to the next new step: how long a new process takes from its start. Prints a JSON line with the median. `node crash.mjs` starts itself as the child. */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { openRuntime } from "../adapters/embedded/open.ts";
import { flow, task } from "../sdk/index.ts";

const step = task({ name: "step" }, async (n: number) => {
  writeSync(1, `step ${n}\n`);
  await new Promise((resolve) => setTimeout(resolve, 20));
  return n + 1;
});
const crash = flow({ name: "crash" }, async () => {
  let value = 0;
  while (value < 100) value = await step(value);
  return value;
});

async function child(directory: string): Promise<void> {
  const { client } = await openRuntime({ directory });
  const alive = setInterval(() => {}, 1000);
  await (await client.run(crash, {}, { idempotencyKey: "once" })).result();
  clearInterval(alive);
  await client.close();
}

/** Starts the child; resolves with the steps that it began and when, after `steps` of them, killed, or at its end. */
function run(directory: string, steps: number): Promise<{ readonly begun: number; readonly seen: { readonly step: number; readonly ms: number }[] }> {
  const begun = performance.now();
  const process_ = spawn(process.execPath, [fileURLToPath(import.meta.url), directory], { stdio: ["ignore", "pipe", "inherit"] });
  const seen: { step: number; ms: number }[] = [];
  createInterface({ input: process_.stdout }).on("line", (line) => {
    seen.push({ step: Number(line.split(" ")[1]), ms: performance.now() - begun });
    if (seen.length === steps) process_.kill("SIGKILL");
  });
  return new Promise((resolve) => process_.on("close", () => resolve({ begun, seen })));
}

if (process.argv[2]) await child(process.argv[2]);
else {
  const next: number[] = [];
  const first: number[] = [];
  let again = 0;
  for (let i = 0; i < 7; i++) {
    const directory = mkdtempSync(join(process.env["BENCH_DIRECTORY"] ?? tmpdir(), "windhover-bench-"));
    const before = await run(directory, 50);
    const last = before.seen.at(-1)?.step as number;
    const after = await run(directory, 10);
    first.push(after.seen[0]?.ms as number);
    next.push(after.seen.find(({ step }) => step > last)?.ms as number);
    again += after.seen.filter(({ step }) => step <= last).length;
    rmSync(directory, { recursive: true, force: true });
  }
  const median = (values: number[]): number => values.sort((a, b) => a - b)[Math.floor(values.length / 2)] as number;
  console.log(
    JSON.stringify({
      bench: "kill -9",
      node: process.version,
      start_to_first_step_ms: Math.round(median(first)),
      start_to_next_new_step_ms: Math.round(median(next)),
      steps_run_again: again / 7,
    }),
  );
}
