/** Entries as the engine writes them: the logs of a few runs in memory, and of the limit and the deployment beside them. */
import { createHash } from "node:crypto";
import * as z from "zod";
import { createMemoryBackend } from "../../adapters/memory/backend.ts";
import { createRuntime } from "../../adapters/process/runtime.ts";
import type { Entry } from "../../engine/events.ts";
import { deploymentActor, runActor } from "../../engine/messages.ts";
import { isDeployment } from "../../sdk/deployment.ts";
import { artifact, concurrency, emit, flow, interval, runInput, sleep, task, waitForInput } from "../../sdk/index.ts";
import { clientOf } from "../../sdk/testing/harness.ts";

const step = task({ name: "step" }, async (n: number) => n + 1);
const fetchPage = task({ name: "fetch-page", retries: 3 }, async (n: number) => ({ url: `https://example.com/pages/${n}`, status: 200, words: n * 17 }));
const fragile = task({ name: "fragile", retries: 2, retryDelaySeconds: 10, timeoutSeconds: 60, tags: ["gpu"] }, async (n: number) => {
  if (n === 0) throw new TypeError("it broke");
  return n;
});
const N = z.object({ n: z.number() });
const numbers = (n: number): readonly number[] => Array.from({ length: n }, (_, i) => i);

const chain = flow({ name: "chain", parameters: N, tags: ["prod"] }, async ({ n }) => {
  let value = 0;
  for (let i = 0; i < n; i++) value = await step(value);
  return value;
});
const pages = flow({ name: "pages", parameters: N }, async ({ n }) => {
  let words = 0;
  for (let i = 0; i < n; i++) words += (await fetchPage(i)).words;
  return { words };
});
const fanOut = flow({ name: "fan-out", parameters: N }, async ({ n }) => (await Promise.all(numbers(n).map((i) => step(i)))).length);
const mapped = flow({ name: "mapped", parameters: N }, async ({ n }) => (await step.map(numbers(n))).length);
const Approval = runInput({ name: "approval", schema: z.object({ approved: z.boolean() }) });
const mixed = flow({ name: "mixed", parameters: z.object({}), timeoutSeconds: 864_000 }, async () => {
  await chain({ n: 2 });
  await sleep("1 hour");
  await artifact.markdown("report", "# Report\n\nAll is well.");
  await emit({ type: "report.ready", detail: { words: 12 } });
  await concurrency("database", { occupy: 1 }, async () => fragile(1));
  const answer = await waitForInput(Approval, { timeout: "1 day" });
  await fragile(0);
  return answer;
});
const nightly = chain.deployment({
  name: "nightly",
  schedules: [interval("1 hour")],
  parameters: { n: 3 },
  concurrency: { limit: 1, overlap: "queue" },
});

const RUNS = {
  chain: [chain, { n: 100 }],
  pages: [pages, { n: 30 }],
  "fan-out": [fanOut, { n: 100 }],
  map: [mapped, { n: 5000 }],
  mixed: [mixed, {}],
} as const;

export type Logs = Readonly<Record<keyof typeof RUNS | "deployment" | "limit", readonly Entry[]>>;

/** Each log in order, from its first entry to its last. */
export async function realEntries(): Promise<Logs> {
  const backend = createMemoryBackend({ seed: 7, now: Date.UTC(2026, 10, 22) });
  const runtime = createRuntime(backend, {});
  runtime.worker.start();
  const client = clientOf(backend, runtime);
  const { log } = backend.ports;
  try {
    await client.setLimit("gpu", 1);
    await client.setLimit("database", 2);
    if (isDeployment(nightly)) await client.configure(nightly);
    const ids: Record<string, string> = {};
    for (const [name, [target, parameters]] of Object.entries(RUNS)) ids[name] = (await client.run(target as typeof chain, parameters as { n: number })).id;
    for (let hours = 0; hours < 50; hours++) await backend.advance(3_600_000, () => runtime.worker.settled());
    const logs: Record<string, readonly Entry[]> = {};
    for (const [name, id] of Object.entries(ids)) logs[name] = (await log.read(runActor(id))).map(fromQueue);
    logs["deployment"] = (await log.read(deploymentActor("nightly"))).map(fromQueue);
    logs["limit"] = (await log.read("limit:gpu")).map(fromQueue);
    return logs as Logs;
  } finally {
    await runtime.worker.stop();
    await backend.close();
  }
}

/** The ids that SQS gives to messages are longer than those of the mailbox in memory. */
function fromQueue(entry: Entry): Entry {
  const id = (text: string): string =>
    createHash("sha256")
      .update(text)
      .digest("hex")
      .slice(0, 32)
      .replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
  return { ...entry, physical: entry.physical.map(id) };
}
