import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { feesOf, total } from "../adapters/aws/prices.ts";
import { BASELINE_ITEMS, type Baseline, dearer } from "../bench/bill-baseline.ts";
import { measure, type Shape } from "../bench/bill-shapes.ts";
import { batchUsage, idleQueueUsage } from "../bench/pollers.ts";
import { environmentOf, ministack } from "./aws/ministack.ts";
import { missingPython } from "./aws/python.ts";

const reason = missingPython();
if (reason && process.env["CI"]) throw new Error(reason);

describe.skipIf(reason)(`the bill${reason ? ` (${reason})` : ""}`, () => {
  const shapes: Shape[] = [];
  const before = { ...process.env };
  beforeAll(async () => {
    const server = await ministack();
    Object.assign(process.env, environmentOf(server));
    for await (const shape of measure(server.endpoint, { items: BASELINE_ITEMS })) shapes.push(shape);
  });
  afterAll(() => {
    process.env = before;
  });

  test("no shape got more than 5 % dearer than bench/bill-baseline.json says", () => {
    const baseline = JSON.parse(readFileSync(new URL("../bench/bill-baseline.json", import.meta.url), "utf8")) as Baseline;
    expect(dearer(baseline, Object.fromEntries(shapes.map(({ name, usage }) => [name, feesOf(usage)])))).toEqual([]);
  });

  test("a run's own log tells what it has cost: within 10 % of what was counted", () => {
    const compared = shapes.filter(({ told }) => told !== undefined);
    expect(compared.map(({ name }) => name)).toEqual(shapes.map(({ name }) => name).filter((name) => name !== "idle stack"));
    for (const { name, usage, told = 0 } of compared) expect(Math.abs(told / total(feesOf(usage)) - 1), name).toBeLessThan(0.1);
  });

  test("every shape is cheaper than the same shape on Step Functions and on durable functions", () => {
    for (const { name, usage, peers } of shapes)
      if (peers) expect(total(feesOf(usage)), name).toBeLessThan(Math.min(peers.stepFunctions, peers.durableFunctions ?? Number.POSITIVE_INFINITY));
  });
});

describe("comparing bills", () => {
  const before: Baseline = { chain: { dynamodb: 0.6, sqs: 0.1 }, map: { s3: 1 } };
  test("5 % more is let through", () => {
    expect(dearer(before, { ...before, chain: { dynamodb: 0.635, sqs: 0.1 } })).toEqual([]);
  });
  test("beyond that it says what got dearer, the most first", () => {
    expect(dearer(before, { ...before, chain: { dynamodb: 0.62, sqs: 0.2, logs: 0.001 } })).toEqual([
      "chain: $0.821 instead of $0.700 (+17.3 %): sqs +$0.100, dynamodb +$0.0200, logs +$0.00100",
    ]);
  });
  test("a shape that one of the two does not have is told", () => {
    expect(dearer(before, { chain: before["chain"] ?? {}, fan: {} })).toEqual(["map: was not measured", "fan: is not in the baseline"]);
  });
});

describe("what Lambda's pollers ask for", () => {
  test("a batch is a receive for each 64 KB, an invocation, and a deletion if anything is left to delete", () => {
    expect(batchUsage("https://sqs/tasks", 100, 10)).toEqual({ "sqs.standardRequests": 2, "lambda.requests": 1 });
    expect(batchUsage("https://sqs/tasks", 70_000, 0)).toEqual({ "sqs.standardRequests": 2, "lambda.requests": 1 });
    expect(batchUsage("https://sqs/mailbox.fifo", 100, 1)).toEqual({ "sqs.fifoRequests": 2, "lambda.requests": 1 });
  });
  test("an idle FIFO queue is asked 15 times a minute, a standard one 6 times", () => {
    expect(idleQueueUsage("https://sqs/tasks", 1)).toEqual({ "sqs.standardRequests": 6 });
    expect(idleQueueUsage("https://sqs/mailbox.fifo", 1)).toEqual({ "sqs.fifoRequests": 15 });
  });
});
