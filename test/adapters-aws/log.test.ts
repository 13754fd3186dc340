/** The log's requests, and what it does where an emulator of its own accord never fails. */
import { randomBytes } from "node:crypto";
import { DynamoDBClient, GetItemCommand, PutItemCommand, QueryCommand } from "@aws-sdk/client-dynamodb";
import { GetObjectCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { mockClient } from "aws-sdk-client-mock";
import { afterEach, describe, expect, test } from "vitest";
import { createLog } from "../../adapters/aws/log.ts";
import { KEEP_MS, packed } from "../../adapters/aws/table.ts";
import type { Entry } from "../../engine/events.ts";
import type { Log } from "../../engine/ports.ts";
import { AWKWARD, entry } from "../contract/samples.ts";
import { partsOf, refusal } from "./parts.ts";

const table = mockClient(DynamoDBClient);
const bucket = mockClient(S3Client);
afterEach(() => {
  table.reset();
  bucket.reset();
});

const itemOf = (each: Entry) => ({ pk: { S: each.actor }, sk: { S: String(each.n).padStart(8, "0") }, z: packed(each) });
const logOf = (): Log => createLog(partsOf());
const tailed = async (log: Log, last: Entry): Promise<void> => {
  table.on(QueryCommand).resolves({ Items: [itemOf(last)] });
  await log.tail(last.actor);
  table.resetHistory();
};

describe("an append", () => {
  test("after a tail is one request: a put of an item that must not be there", async () => {
    const log = logOf();
    await tailed(log, entry("run:a", 41));
    table.on(PutItemCommand).resolves({});
    expect(await log.append(entry("run:a", 42))).toBe(true);
    expect(await log.append(entry("run:a", 43))).toBe(true);
    const requests = table.calls().map((call) => call.args[0]);
    expect(requests.map((request) => request.constructor.name)).toEqual(["PutItemCommand", "PutItemCommand"]);
    const { Item, ...rest } = (requests[0] as PutItemCommand).input;
    expect(rest).toEqual({ TableName: "flows-state", ConditionExpression: "attribute_not_exists(pk)" });
    expect(Item).toMatchObject({ pk: { S: "run:a" }, sk: { S: "00000042" } });
  });

  test("without a tail first looks, consistently, whether the entry before is there", async () => {
    const log = logOf();
    table.on(GetItemCommand).resolves({});
    expect(await log.append(entry("run:a", 7))).toBe(false);
    const look = table.commandCalls(GetItemCommand)[0]?.args[0].input;
    expect(look).toEqual({ TableName: "flows-state", Key: { pk: { S: "run:a" }, sk: { S: "00000006" } }, ConsistentRead: true, ProjectionExpression: "pk" });
    expect(table.commandCalls(PutItemCommand)).toHaveLength(0);
    table.on(GetItemCommand).resolves({ Item: { pk: { S: "run:a" } } });
    expect(await log.append(entry("run:a", 7))).toBe(true);
  });

  test("gives the entries of runs an end, and those of limits and deployments none", async () => {
    const log = logOf();
    const at = 1_800_000_000_001;
    for (const actor of ["run:a", "limit:gpu", "deployment:nightly"]) await log.append(entry(actor, 1, { at }));
    const ends = table.commandCalls(PutItemCommand).map((call) => call.args[0].input.Item?.["ttl"]);
    expect(ends).toEqual([{ N: String(Math.ceil((at + KEEP_MS) / 1000)) }, undefined, undefined]);
  });

  test("whose condition failed is no error, whatever else fails is one", async () => {
    const log = logOf();
    table.on(PutItemCommand).rejectsOnce(refusal("ConditionalCheckFailedException")).rejectsOnce(refusal("AccessDeniedException"));
    expect(await log.append(entry("run:a", 1))).toBe(false);
    await expect(log.append(entry("run:a", 1))).rejects.toMatchObject({ code: "WH3103" });
  });

  test("of an entry above 300 KB, packed, stores it in the bucket first; a large one that packs well stays in its item", async () => {
    const log = logOf();
    const order: string[] = [];
    bucket.on(PutObjectCommand).callsFake(() => void order.push("bucket"));
    table.on(PutItemCommand).callsFake(() => void order.push("table"));
    await log.append(entry("run:a", 1, { text: "well ".repeat(200_000) }));
    expect(order).toEqual(["table"]);
    const large = entry("run:a", 2, { text: randomBytes(400_000).toString("base64") });
    await log.append(large);
    expect(order).toEqual(["table", "bucket", "table"]);
    const item = table.commandCalls(PutItemCommand)[1]?.args[0].input.Item;
    expect(Object.keys(item ?? {}).sort()).toEqual(["pk", "ref", "sk", "ttl"]);
    const stored = bucket.commandCalls(PutObjectCommand)[0]?.args[0].input;
    expect(stored?.Key).toBe(`results/${item?.["ref"]?.S}`);
    table.on(QueryCommand).resolves({ Items: [item ?? {}] });
    bucket.on(GetObjectCommand).resolves({ Body: { transformToByteArray: async () => stored?.Body } as never });
    expect(await log.tail("run:a")).toEqual(large);
  });

  test("is not made when the bucket does not take what has to be there first", async () => {
    bucket.on(PutObjectCommand).rejects(refusal("NoSuchBucket"));
    await expect(logOf().append(entry("run:a", 1, { text: randomBytes(400_000).toString("base64") }))).rejects.toMatchObject({ code: "WH3104" });
    expect(table.calls()).toHaveLength(0);
  });
});

describe("a read", () => {
  test("of the tail is one consistent query for the last item", async () => {
    const log = logOf();
    table.on(QueryCommand).resolves({ Items: [itemOf(entry("run:a", 12))] });
    expect(await log.tail("run:a")).toEqual(entry("run:a", 12));
    expect(table.commandCalls(QueryCommand)[0]?.args[0].input).toEqual({
      TableName: "flows-state",
      ConsistentRead: true,
      ScanIndexForward: false,
      Limit: 1,
      KeyConditionExpression: "pk = :actor",
      ExpressionAttributeValues: { ":actor": { S: "run:a" } },
    });
  });

  test("of a long log goes from page to page, as large as DynamoDB makes them, and consistently", async () => {
    const entries = Array.from({ length: 9 }, (_, i) => entry("run:a", i + 1));
    const pages = [entries.slice(0, 4), [], entries.slice(4, 8), entries.slice(8)];
    let query = table.on(QueryCommand);
    for (const [i, page] of pages.entries())
      query = query.resolvesOnce({ Items: page.map(itemOf), ...(i < 3 && { LastEvaluatedKey: { pk: { S: "run:a" }, sk: { S: `after ${i}` } } }) });
    expect(await logOf().read("run:a")).toEqual(entries);
    const asked = table.commandCalls(QueryCommand).map((call) => call.args[0].input);
    expect(asked.map((input) => [input.ConsistentRead, input.Limit, input.ExclusiveStartKey?.["sk"]?.S])).toEqual([
      [true, undefined, undefined],
      [true, undefined, "after 0"],
      [true, undefined, "after 1"],
      [true, undefined, "after 2"],
    ]);
  });

  test("finds a gap between two pages, and one at the end of what was asked for", async () => {
    const there = (...numbers: readonly number[]) => ({ Items: numbers.map((n) => itemOf(entry("run:a", n))) });
    table
      .on(QueryCommand)
      .resolvesOnce({ ...there(1, 2), LastEvaluatedKey: { pk: { S: "run:a" }, sk: { S: "00000002" } } })
      .resolvesOnce(there(4));
    await expect(logOf().read("run:a")).rejects.toMatchObject({ code: "WH3005", message: expect.stringContaining("Entry 3 of the log of run:a") });
    table.reset();
    table.on(QueryCommand).resolvesOnce(there(1, 2)).resolvesOnce(there(4));
    await expect(logOf().read("run:a", 1, 3)).rejects.toMatchObject({ code: "WH3005" });
    table.reset();
    table.on(QueryCommand).resolvesOnce(there(1, 2)).resolvesOnce({});
    expect(await logOf().read("run:a", 1, 3)).toHaveLength(2);
  });

  test("refuses what a newer version wrote, in the table's format or in the entry's", async () => {
    table.on(QueryCommand).resolvesOnce({ Items: [{ ...itemOf(entry("run:a", 1)), z: { B: Uint8Array.of(9, 1, 2) } }] });
    await expect(logOf().tail("run:a")).rejects.toMatchObject({ code: "WH3006" });
    table.reset();
    table.on(QueryCommand).resolvesOnce({ Items: [itemOf({ ...entry("run:a", 1), version: 99 })] });
    await expect(logOf().read("run:a")).rejects.toMatchObject({ code: "WH3006" });
  });

  test("of a damaged item says which", async () => {
    table.on(QueryCommand).resolvesOnce({ Items: [{ pk: { S: "run:a" }, sk: { S: "00000003" }, z: { B: Uint8Array.of(1, 9, 9, 9) } }] });
    await expect(logOf().tail("run:a")).rejects.toMatchObject({ code: "WH3001", message: expect.stringContaining("Entry 3 of run:a") });
    table.reset();
    table.on(QueryCommand).resolvesOnce({ Items: [{ pk: { S: "run:a" }, sk: { S: "00000003" } }] });
    await expect(logOf().tail("run:a")).rejects.toMatchObject({ code: "WH3001" });
  });

  test("of text in any script is as it was written", async () => {
    const awkward = entry("run:a", 1, { text: AWKWARD.repeat(50) });
    table.on(QueryCommand).resolves({ Items: [itemOf(awkward)] });
    expect(await logOf().read("run:a")).toEqual([awkward]);
  });
});
