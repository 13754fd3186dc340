/**
 * What AWS asks for the standard shapes, on MiniStack: `npm run bill -- [part of a shape's name …] [--explain] [--baseline]`. A table, then a JSON line a shape. ITEMS says how
 * large the large map is. `--explain` says what each bill is made of, `--baseline` writes what `test/bill.test.ts` compares with.
 * Fees only: what is paid for what is kept (a month of it) and for the machine under the code stands apart. Compute is what the functions took here, in 1 GB and over an emulator on
 * a machine that does everything at once: the order of magnitude, no more.
 */
import { writeFileSync } from "node:fs";
import { COMPUTE, feesOf, pricedBy, STORAGE, total } from "../adapters/aws/prices.ts";
import type { Usage, UsageItem } from "../adapters/aws/usage.ts";
import { setup, teardown } from "../test/aws/test-run.ts";
import { BASELINE_ITEMS, rounded } from "./bill-baseline.ts";
import { explain } from "./bill-explain.ts";
import { measure, type Shape } from "./bill-shapes.ts";

const args = process.argv.slice(2);
const only = args.filter((arg) => !arg.startsWith("--"));
const baseline = args.includes("--baseline");
const items = baseline ? BASELINE_ITEMS : Number(process.env["ITEMS"] ?? 1_000_000);

setup();
const { environmentOf, ministack } = await import("../test/aws/ministack.ts");
const shapes: Shape[] = [];
try {
  const server = await ministack();
  Object.assign(process.env, environmentOf(server));
  const explained = explain();
  for await (const shape of measure(server.endpoint, { items, only, onShape: args.includes("--explain") ? explained.listen : undefined })) {
    shapes.push(shape);
    explained.print(shape.name);
  }
} finally {
  await teardown();
}

const usd = (amount: number): string => amount.toFixed(amount < 10 ? 3 : 1);
const COLUMNS = ["dynamodb", "sqs", "lambda", "s3", "scheduler", "logs"] as const;
/** Without what is free for everybody and for ever, where a goal counts on that. */
const owed = ({ usage, free }: Shape): Usage =>
  free ? Object.fromEntries(Object.entries(usage).map(([item, amount]) => [item, Math.max(0, amount - (free[item as UsageItem] ?? 0))])) : usage;
const table = [
  [
    "US dollars, us-east-1",
    "per",
    ...COLUMNS,
    "fees",
    "without the free 14 million of Scheduler",
    "told by the log",
    "goal",
    "Step Functions",
    "durable functions",
    "storage, a month",
    "compute",
  ],
];
for (const shape of shapes) {
  const { name, per, goal, usage, peers } = shape;
  const fees = feesOf(usage);
  const stepFunctions = peers ? usd(peers.stepFunctions) + (peers.stepFunctionsMost !== undefined ? ` to ${usd(peers.stepFunctionsMost)}` : "") : "–";
  const durable = peers?.durableFunctions === undefined ? "–" : usd(peers.durableFunctions);
  const services = COLUMNS.map((service) => (fees[service] === undefined ? "–" : usd(fees[service])));
  table.push([
    name,
    per,
    ...services,
    usd(total(feesOf(owed(shape)))),
    shape.free ? usd(total(fees)) : "–",
    shape.told === undefined ? "–" : usd(shape.told),
    goal === undefined ? "–" : `≤ ${goal.toFixed(2)}`,
    stepFunctions,
    durable,
    usd(pricedBy(STORAGE, usage)),
    usd(pricedBy(COMPUTE, usage)),
  ]);
}
const widths = (table[0] as string[]).map((_, i) => Math.max(...table.map((row) => (row[i] as string).length)));
for (const row of table) console.log(row.map((cell, i) => (i < 2 ? cell.padEnd(widths[i] as number) : cell.padStart(widths[i] as number))).join("  "));
for (const shape of shapes) {
  const { name, per, goal, usage, told, peers } = shape;
  const fees = feesOf(usage);
  const all = total(fees);
  console.log(
    JSON.stringify({
      bench: "bill",
      shape: name,
      per,
      fees_usd: total(feesOf(owed(shape))),
      fees_without_free_usd: all,
      told_usd: told,
      goal_usd: goal,
      by_service_usd: fees,
      usage,
      peers_usd: peers,
    }),
  );
}
if (baseline) {
  const fees = Object.fromEntries(shapes.map(({ name, usage }) => [name, rounded(feesOf(usage))]));
  writeFileSync("bench/bill-baseline.json", `${JSON.stringify(fees, null, 2)}\n`);
}
