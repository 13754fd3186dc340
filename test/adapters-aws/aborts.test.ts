/** How often an actor's abort marks are asked for: each look is on the bill. */
import { BatchWriteItemCommand, DynamoDBClient, QueryCommand } from "@aws-sdk/client-dynamodb";
import { mockClient } from "aws-sdk-client-mock";
import { afterEach, describe, expect, test } from "vitest";
import { createAborts } from "../../adapters/aws/aborts.ts";
import type { Role } from "../../adapters/aws/parts.ts";
import { partsOf, refusal, type TestParts } from "./parts.ts";

const table = mockClient(DynamoDBClient);
afterEach(() => void table.reset());

const looks = (): number => table.commandCalls(QueryCommand).length;
const marked = (...calls: readonly string[]) => ({ Items: calls.map((sk) => ({ sk: { S: sk } })) });

function start(role: Role) {
  const parts: TestParts = partsOf({ role });
  table.on(QueryCommand).resolves({});
  return { aborts: createAborts(parts), clock: parts.clock };
}

describe("a watch", () => {
  test("asks one query for all calls of its actor, whatever their number", async () => {
    const { aborts, clock } = start("executor");
    for (let i = 0; i < 100; i++) aborts.watch("run:a", `step-${i}`, () => {});
    await clock.advance(0);
    expect(looks()).toBe(1);
    expect(table.commandCalls(QueryCommand)[0]?.args[0].input).toEqual({
      TableName: "flows-state",
      KeyConditionExpression: "pk = :actor",
      ExpressionAttributeValues: { ":actor": { S: "abort/run:a" } },
      ProjectionExpression: "sk",
    });
    aborts.watch("run:b", "step-0", () => {});
    await clock.advance(0);
    expect(looks()).toBe(2);
  });

  test("looks at once in an executor, and ever more seldom, but every five seconds at least", async () => {
    const { aborts, clock } = start("executor");
    aborts.watch("run:a", "c-0", () => {});
    const at: number[] = [];
    for (let ms = 0; ms <= 40_000; ms += 250) {
      await clock.advance(ms === 0 ? 0 : 250);
      if (looks() > at.length) at.push(ms);
    }
    const pauses = at.slice(1).map((ms, i) => ms - (at[i] as number));
    expect(at[0]).toBe(0);
    expect(pauses[0]).toBe(1000);
    expect(pauses).toEqual(pauses.toSorted((a, b) => a - b));
    expect(Math.max(...pauses)).toBeLessThanOrEqual(5250);
    expect(Math.max(...pauses)).toBeGreaterThanOrEqual(4750);
  });

  test("in the orchestrator costs nothing while inline steps are done within a second, and looks though each step of a long turn is short", async () => {
    const { aborts, clock } = start("orchestrator");
    const step = async (ms: number): Promise<void> => {
      const stops = ["c-0", "!cancel", "!pause/0"].map((call) => aborts.watch("run:a", call, () => {}));
      await clock.advance(ms);
      for (const stop of stops) stop();
    };
    for (let i = 0; i < 100; i++) await step(5);
    expect(looks()).toBe(0);
    for (let i = 0; i < 100; i++) await step(100);
    expect(looks()).toBeGreaterThanOrEqual(3);
    expect(looks()).toBeLessThanOrEqual(6);
    // A later turn of the same run begins anew.
    await clock.advance(60_000);
    const before = looks();
    await step(5);
    expect(looks()).toBe(before);
  });

  test("learns of a mark by a look that outlasts it, and the next watch of that call fires", async () => {
    const { aborts, clock } = start("executor");
    let answer: (found: object) => void = () => {};
    table.on(QueryCommand).callsFake(() => new Promise((resolve) => (answer = resolve)));
    let fired = 0;
    const stop = aborts.watch("run:a", "!cancel", () => fired++);
    await clock.advance(0);
    stop();
    answer(marked("!cancel"));
    await clock.advance(0);
    expect(fired).toBe(0);
    aborts.watch("run:a", "!cancel", () => fired++);
    await clock.advance(0);
    expect(fired).toBe(1);
    expect(looks()).toBe(1);
  });

  test("goes on when a look fails", async () => {
    const { aborts, clock } = start("executor");
    table.on(QueryCommand).rejectsOnce(refusal("ThrottlingException")).resolves(marked("*"));
    let fired = 0;
    aborts.watch("run:a", "c-0", () => fired++);
    await clock.advance(0);
    expect(fired).toBe(0);
    await clock.advance(2000);
    expect(fired).toBe(1);
  });

  test("asks no more once it has fired, was stopped, or the backend is closed", async () => {
    const { aborts, clock } = start("executor");
    table.on(QueryCommand).resolves(marked("c-0"));
    aborts.watch("run:a", "c-0", () => {});
    aborts.watch("run:b", "c-1", () => {})();
    await clock.advance(60_000);
    expect(looks()).toBe(1);
    let fired = 0;
    aborts.watch("run:c", "c-0", () => fired++);
    aborts.close();
    aborts.watch("run:d", "c-0", () => fired++);
    await clock.advance(60_000);
    expect([looks(), fired]).toEqual([1, 0]);
  });
});

describe("the question whether a call is marked", () => {
  test("is asked once for all tasks of a packed message, and shares the look of their watches", async () => {
    const { aborts, clock } = start("executor");
    aborts.watch("run:a", "step-0", () => {});
    const all = Promise.all(Array.from({ length: 1000 }, (_, i) => aborts.marked("run:a", `step-${i}`)));
    await clock.advance(0);
    expect((await all).some(Boolean)).toBe(false);
    expect(await aborts.marked("run:a", "step-1000")).toBe(false);
    expect(looks()).toBe(1);
  });

  test("is asked again after a second, and never again once the answer is yes", async () => {
    const { aborts, clock } = start("executor");
    expect(await aborts.marked("run:a", "c-0")).toBe(false);
    await clock.advance(1000);
    table.on(QueryCommand).resolves(marked("c-0"));
    expect(await aborts.marked("run:a", "c-0")).toBe(true);
    await clock.advance(60_000);
    expect(await aborts.marked("run:a", "c-0")).toBe(true);
    expect(looks()).toBe(2);
  });

  test("is an error when it cannot be answered", async () => {
    const { aborts } = start("executor");
    table.on(QueryCommand).rejects(refusal("AccessDeniedException"));
    await expect(aborts.marked("run:a", "c-0")).rejects.toMatchObject({ code: "WH3103" });
  });
});

describe("marks", () => {
  test("are written 25 at a time, each once, with an end", async () => {
    const { aborts } = start("executor");
    table.on(BatchWriteItemCommand).resolves({});
    await aborts.mark("run:a", [...Array.from({ length: 60 }, (_, i) => `c-${i}`), "c-0"]);
    const batches = table.commandCalls(BatchWriteItemCommand).map((call) => call.args[0].input.RequestItems?.["flows-state"] ?? []);
    expect(batches.map((batch) => batch.length)).toEqual([25, 25, 10]);
    expect(batches[0]?.[0]?.PutRequest?.Item).toEqual({ pk: { S: "abort/run:a" }, sk: { S: "c-0" }, ttl: { N: expect.stringMatching(/^\d{10}$/) } });
    await aborts.mark("run:a", "all");
    expect(table.commandCalls(BatchWriteItemCommand)[3]?.args[0].input.RequestItems?.["flows-state"]?.[0]?.PutRequest?.Item?.["sk"]).toEqual({ S: "*" });
  });

  test("that are taken back are deleted, each once, and not looked for here any more", async () => {
    const { aborts } = start("orchestrator");
    table.on(BatchWriteItemCommand).resolves({});
    await aborts.mark("run:a", ["c-0"]);
    await aborts.unmark("run:a", ["c-0", "c-0"]);
    expect(table.commandCalls(BatchWriteItemCommand)[1]?.args[0].input.RequestItems).toEqual({
      "flows-state": [{ DeleteRequest: { Key: { pk: { S: "abort/run:a" }, sk: { S: "c-0" } } } }],
    });
    expect(await aborts.marked("run:a", "c-0")).toBe(false);
    await aborts.unmark("run:a", []);
    expect(table.commandCalls(BatchWriteItemCommand)).toHaveLength(2);
  });

  test("set here a moment ago are not doubted by a read that does not show them yet, and those taken back elsewhere are forgotten", async () => {
    const { aborts, clock } = start("executor");
    table.on(BatchWriteItemCommand).resolves({});
    expect(await aborts.marked("run:a", "c-0")).toBe(false);
    await aborts.mark("run:a", ["c-0"]);
    await clock.advance(1000);
    expect(await aborts.marked("run:a", "c-1")).toBe(false);
    expect(looks()).toBe(2);
    expect(await aborts.marked("run:a", "c-0")).toBe(true);
    await clock.advance(60_000);
    expect(await aborts.marked("run:a", "c-1")).toBe(false);
    expect(await aborts.marked("run:a", "c-0")).toBe(false);
  });

  test("that DynamoDB left unwritten are written again, and after long an error", async () => {
    const { aborts, clock } = start("executor");
    const left = { UnprocessedItems: { "flows-state": [{ PutRequest: { Item: { pk: { S: "abort/run:a" }, sk: { S: "c-1" } } } }] } };
    table.on(BatchWriteItemCommand).resolvesOnce(left).resolves({});
    const done = aborts.mark("run:a", ["c-0", "c-1"]);
    await clock.advance(10_000);
    await done;
    expect(table.commandCalls(BatchWriteItemCommand)[1]?.args[0].input.RequestItems).toEqual(left.UnprocessedItems);
    table.on(BatchWriteItemCommand).resolves(left);
    const given = expect(aborts.mark("run:a", ["c-1"])).rejects.toMatchObject({ code: "WH3105" });
    await clock.advance(60_000);
    await given;
  });
});
