/** What a run's row costs, and what a list asks. */
import { DynamoDBClient, PutItemCommand, QueryCommand } from "@aws-sdk/client-dynamodb";
import { mockClient } from "aws-sdk-client-mock";
import { beforeEach, describe, expect, test } from "vitest";
import { createIndex } from "../../adapters/aws/index-rows.ts";
import { itemSize } from "../../adapters/aws/item-size.ts";
import { packed } from "../../adapters/aws/table.ts";
import type { RunRow, StateType } from "../../engine/events.ts";
import type { RunFilter } from "../../engine/ports.ts";
import { artifactRow, deploymentRow, NOON, runRow } from "../contract/samples.ts";
import { partsOf, refusal } from "./parts.ts";

const table = mockClient(DynamoDBClient);
beforeEach(() => {
  table.reset();
  table.on(PutItemCommand).resolves({});
});

const DAY_MS = 86_400_000;
const ended = (id: string, type: StateType, more: Partial<RunRow> = {}): RunRow =>
  runRow(id, { state: { type, name: type, timestamp: NOON }, startedAt: NOON, endedAt: NOON, ...more });
const puts = () => table.commandCalls(PutItemCommand).map((call) => call.args[0].input);
const rows = () => puts().filter((input) => input.Item?.["sk"]?.S === "run");
const queries = () => table.commandCalls(QueryCommand).map((call) => call.args[0].input);

describe("a run's row", () => {
  test("is one put, whose condition keeps newer rows", async () => {
    await createIndex(partsOf()).putRun(runRow("quick-heron", { seq: 7 }));
    const { Item, ...rest } = rows()[0] ?? {};
    expect(rest).toEqual({
      TableName: "flows-runs",
      ConditionExpression: "attribute_not_exists(pk) OR seq < :seq",
      ExpressionAttributeValues: { ":seq": { N: "7" } },
    });
    expect(Item).toEqual({
      pk: { S: "quick-heron" },
      sk: { S: "run" },
      seq: { N: "7" },
      flow: { S: "digest" },
      at: { S: `00${NOON}#quick-heron` },
      state: { S: "RUNNING" },
      z: packed(runRow("quick-heron", { seq: 7 })),
    });
  });

  test("is in the index by state while somebody may have to look at it, and in that by parent if it has one", async () => {
    const index = createIndex(partsOf());
    const types: readonly StateType[] = ["SCHEDULED", "PENDING", "RUNNING", "PAUSED", "CANCELLING", "FAILED", "CRASHED", "CANCELLED", "COMPLETED"];
    for (const type of types) await index.putRun(ended(type, type));
    await index.putRun(ended("child", "COMPLETED", { parent: "quick-heron" }));
    const items = rows().map(({ Item }) => Item ?? {});
    expect(items.flatMap((item) => item["state"]?.S ?? [])).toEqual(types.slice(0, 7));
    expect(items.flatMap((item) => item["parent"]?.S ?? [])).toEqual(["quick-heron"]);
  });

  test("is far below a kilobyte, with what a run usually has", async () => {
    const full = ended("3tcji8zbndtxwh9s", "FAILED", {
      name: "patient-eider",
      flow: "import-customers",
      deployment: "nightly",
      parent: "nzow7n72tan7ydnr",
      tags: ["prod", "customers"],
      version: "1.4.0",
      scheduledTime: NOON,
      state: { type: "FAILED", name: "Failed", message: "TypeError: Cannot read properties of undefined (reading 'rows')", timestamp: NOON },
    });
    await createIndex(partsOf()).putRun(full);
    expect(itemSize(rows()[0]?.Item ?? {})).toBeLessThan(600);
  });

  test("goes away when the stack says so, counted from the run's end", async () => {
    const parts = partsOf();
    const kept = { ...parts, stack: { ...parts.stack, retention: { completedMs: DAY_MS, failedMs: 2 * DAY_MS } } };
    for (const [index, days] of [
      [createIndex(parts), [undefined, 90, 90, 180, 180]],
      [createIndex(kept), [undefined, 1, 1, 2, 2]],
    ] as const) {
      table.resetHistory();
      await index.putRun(runRow("running"));
      for (const type of ["COMPLETED", "CANCELLED", "FAILED", "CRASHED"] as const) await index.putRun(ended(type, type));
      expect(rows().map(({ Item }) => Item?.["ttl"]?.N)).toEqual(
        days.map((count) => (count === undefined ? undefined : String((NOON + count * DAY_MS) / 1000))),
      );
    }
  });

  test("that is older than the one there is no error, whatever else fails is one", async () => {
    const index = createIndex(partsOf());
    await index.putRun(runRow("r0"));
    table.reset();
    table.on(PutItemCommand).rejectsOnce(refusal("ConditionalCheckFailedException")).rejectsOnce(refusal("ResourceNotFoundException"));
    await index.putRun(runRow("r1"));
    await expect(index.putRun(runRow("r2"))).rejects.toMatchObject({ code: "WH3104" });
  });

  test("makes its flow known before it is written, once a process, and again if that failed", async () => {
    const index = createIndex(partsOf());
    table.on(PutItemCommand).rejectsOnce(refusal("InternalServerError")).resolves({});
    await expect(index.putRun(runRow("r1"))).rejects.toMatchObject({ code: "WH3106" });
    expect(rows()).toEqual([]);
    for (const id of ["r1", "r2", "r3"]) await index.putRun(runRow(id));
    await index.putRun(runRow("r4", { flow: "notify" }));
    expect(puts().map(({ Item }) => `${Item?.["pk"]?.S} ${Item?.["sk"]?.S}`)).toEqual([
      "#flows digest",
      "#flows digest",
      "r1 run",
      "r2 run",
      "r3 run",
      "#flows notify",
      "r4 run",
    ]);
  });
});

describe("a list of runs", () => {
  const asked = async (filter: RunFilter): Promise<readonly string[]> => {
    table.reset();
    table.on(QueryCommand).resolves({});
    table
      .on(QueryCommand, { TableName: "flows-runs", ExpressionAttributeValues: { ":flows": { S: "#flows" } } })
      .resolves({ Items: [{ flow: { S: "digest" } }, { flow: { S: "notify" } }] });
    await createIndex(partsOf()).runs(filter);
    return queries().map(
      (query) => `${query.IndexName ?? "table"} ${(query.ExpressionAttributeValues?.[":key"] ?? query.ExpressionAttributeValues?.[":flows"])?.S}`,
    );
  };

  test("asks the index that knows most about its filter", async () => {
    expect(await asked({ parent: "r1", flow: "digest", states: ["FAILED"] })).toEqual(["byParent r1"]);
    expect(await asked({ flow: "digest" })).toEqual(["byFlow digest"]);
    expect(await asked({ flow: "digest", states: ["RUNNING"] })).toEqual(["byState RUNNING"]);
    expect(await asked({ flow: "digest", states: ["FAILED"] })).toEqual(["byFlow digest"]);
    expect(await asked({ states: ["FAILED", "CRASHED"] })).toEqual(["byState FAILED", "byState CRASHED"]);
    expect(await asked({ states: ["FAILED", "COMPLETED"] })).toEqual(["table #flows", "byFlow digest", "byFlow notify"]);
    expect(await asked({ tag: "prod" })).toEqual(["table #flows", "byFlow digest", "byFlow notify"]);
  });

  test("asks for a span of time, newest first, and no more rows than it may need", async () => {
    await asked({ flow: "digest", since: NOON, until: NOON + 5, limit: 20 });
    expect(queries()[0]).toMatchObject({
      KeyConditionExpression: "#key = :key AND #at BETWEEN :low AND :high",
      ExpressionAttributeValues: { ":low": { S: `00${NOON}` }, ":high": { S: `00${NOON + 5}$` } },
      ScanIndexForward: false,
      Limit: 22,
    });
    expect(await asked({ flow: "digest", since: NOON, until: NOON - 1 })).toEqual([]);
  });

  test("that hardly anything passes ends after ten thousand rows, with a cursor that goes on behind them", async () => {
    table.reset();
    let place = NOON;
    const page = (limit: number) =>
      Array.from({ length: limit }, () => {
        const row = runRow("r", { createdAt: place-- });
        return { pk: { S: "r" }, at: { S: `00${row.createdAt}#r` }, z: packed(row) };
      });
    table.on(QueryCommand).callsFake((input) => ({ Items: page(input.Limit), LastEvaluatedKey: { pk: { S: "r" } } }));
    const index = createIndex(partsOf());
    const first = await index.runs({ flow: "digest", tag: "rare" });
    expect(first.rows).toEqual([]);
    table.resetHistory();
    await index.runs({ flow: "digest", tag: "rare", cursor: first.cursor as string });
    expect(queries()[0]?.ExpressionAttributeValues?.[":high"]?.S).toBe(`00${NOON - 9999}#r`);
  });
});

describe("rows beside runs", () => {
  test("of deployments keep newer ones, artifacts are replaced and have an end", async () => {
    const index = createIndex(partsOf());
    await index.putDeployment(deploymentRow("nightly", { seq: 4 }));
    await index.putArtifact(artifactRow("r1", "report"));
    const [deployment, artifact] = puts();
    expect(deployment).toMatchObject({
      Item: { pk: { S: "#deployments" }, sk: { S: "nightly" }, seq: { N: "4" } },
      ConditionExpression: "attribute_not_exists(pk) OR seq < :seq",
    });
    expect(artifact).toMatchObject({ Item: { pk: { S: "r1" }, sk: { S: "artifact/r1/call-0/report" }, ttl: { N: String((NOON + 400 * DAY_MS) / 1000) } } });
    expect(artifact).not.toHaveProperty("ConditionExpression");
    await index.putArtifact(artifactRow("r1", "progress", { seq: 3 }));
    expect(puts()[2]).toMatchObject({ Item: { seq: { N: "3" } }, ConditionExpression: "attribute_not_exists(seq) OR seq < :seq" });
  });
});
