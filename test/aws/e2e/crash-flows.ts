/**
 * Flows whose processes are killed. A task says in a file when it begins and when it is about to end, with its process: so a test can kill it in the middle, and count how often each
 * task ran. What it gives is new each time, so that of a result one can say which run of the task it came from.
 */
import { appendFileSync } from "node:fs";
import { flow, runContext, task } from "windhover";
import * as z from "zod";

export interface Line {
  readonly what: "begin" | "end";
  readonly pid: number;
  readonly run: string;
  /** The call, or the map's item. */
  readonly call: string;
  readonly task: string;
  readonly token: string;
}

/** A task's process is killed over and over: only a number that no test reaches is a budget here. */
const UNLUCKY = 50;

async function work(n: number): Promise<string> {
  const { runId, task: present } = runContext();
  const token = `${n}/${process.pid}/${process.hrtime.bigint()}`;
  const line = { pid: process.pid, run: runId, call: present?.id ?? "", task: present?.name ?? "", token };
  const write = (what: Line["what"]): void => appendFileSync(process.env["CRASH_FILE"] as string, `${JSON.stringify({ what, ...line } satisfies Line)}\n`);
  write("begin");
  await new Promise((resolve) => setTimeout(resolve, 30 + (n % 4) * 10));
  write("end");
  return token;
}

const inline = task({ name: "inline", crashRetries: UNLUCKY }, work);
const queued = task({ name: "queued", pool: "short", crashRetries: UNLUCKY }, work);
const mapped = task({ name: "mapped", crashRetries: UNLUCKY }, work);
const below = task({ name: "below", crashRetries: UNLUCKY }, work);

const count = z.object({ n: z.number() });
const numbers = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

export const chain = flow({ name: "chain", parameters: count }, async ({ n }) => {
  const tokens: string[] = [];
  for (const i of numbers(n)) tokens.push(await inline(i));
  return tokens;
});
export const byQueue = flow({ name: "by-queue", parameters: count }, async ({ n }) => {
  const tokens: string[] = [];
  for (const i of numbers(n)) tokens.push(await queued(i));
  return tokens;
});
export const fan = flow({ name: "fan", parameters: count }, ({ n }) => Promise.all(numbers(n).map((i) => inline(i))));
export const map = flow({ name: "map", parameters: count }, async ({ n }) => [...(await mapped.map(numbers(n)))]);
export const child = flow({ name: "child", parameters: count }, async ({ n }) => [await below(n), await below(n + 1)]);
export const family = flow({ name: "family", parameters: count }, async ({ n }) => {
  const tokens: string[] = [];
  for (const i of numbers(n)) tokens.push(...(await child({ n: 2 * i })));
  return tokens;
});
