import { DeleteItemCommand, DynamoDBClient, GetItemCommand, PutItemCommand, QueryCommand } from "@aws-sdk/client-dynamodb";
import { mockClient } from "aws-sdk-client-mock";
import { afterEach, describe, expect, test } from "vitest";
import { createRegistry } from "../../adapters/aws/registry.ts";
import { isHashed, sortKey } from "../../adapters/aws/table.ts";
import { NOON } from "../contract/samples.ts";
import { partsOf, refusal } from "./parts.ts";

const table = mockClient(DynamoDBClient);
afterEach(() => void table.reset());
const partitions = () => new Set(table.commandCalls(PutItemCommand).map((call) => call.args[0].input.Item?.["pk"]?.S));

describe("a setting", () => {
  test("is an item under its kind, with an end if it expires, and is read consistently", async () => {
    const registry = createRegistry(partsOf());
    await registry.put("variable", "region", { value: '"eu"', updatedAt: NOON, expiresAt: NOON + 1500 });
    const item = table.commandCalls(PutItemCommand)[0]?.args[0].input.Item ?? {};
    expect(item).toMatchObject({ pk: { S: "registry/variable" }, sk: { S: "region" }, ttl: { N: String(NOON / 1000 + 2) } });
    table.on(GetItemCommand).resolves({ Item: item });
    expect(await registry.get("variable", "region")).toEqual({ value: '"eu"', updatedAt: NOON, expiresAt: NOON + 1500 });
    expect(table.commandCalls(GetItemCommand)[0]?.args[0].input).toEqual({
      TableName: "flows-state",
      Key: { pk: { S: "registry/variable" }, sk: { S: "region" } },
      ConsistentRead: true,
    });
  });

  test("that expired is as good as absent before DynamoDB has deleted it", async () => {
    const parts = partsOf();
    const registry = createRegistry(parts);
    await registry.put("cache", "a", { value: "1", updatedAt: NOON, expiresAt: NOON + 1500 });
    const item = table.commandCalls(PutItemCommand)[0]?.args[0].input.Item ?? {};
    table.on(GetItemCommand).resolves({ Item: item });
    table
      .on(QueryCommand)
      .resolvesOnce({ Items: [item] })
      .resolves({});
    await parts.clock.advance(1500);
    expect(await registry.get("cache", "a")).toBeNull();
    expect(await registry.list("cache")).toEqual([]);
  });

  test("is deleted by null", async () => {
    await createRegistry(partsOf()).put("limit", "gpu", null);
    expect(table.commandCalls(DeleteItemCommand)[0]?.args[0].input.Key).toEqual({ pk: { S: "registry/limit" }, sk: { S: "gpu" } });
  });

  test("that cannot be read or written is an error that names it", async () => {
    table.rejects(refusal("AccessDeniedException"));
    const registry = createRegistry(partsOf());
    for (const failed of [
      registry.get("variable", "region"),
      registry.put("variable", "region", null),
      registry.put("variable", "region", { value: "1", updatedAt: NOON }),
    ])
      await expect(failed).rejects.toMatchObject({ code: "WH3103", message: expect.stringContaining("the variable region") });
    await expect(registry.list("variable")).rejects.toMatchObject({ code: "WH3103" });
  });
});

test("caches, which grow hot, are spread over sixteen partitions, and listed from all of them", async () => {
  table.on(QueryCommand).resolves({});
  const registry = createRegistry(partsOf());
  for (let i = 0; i < 500; i++) await registry.put("cache", `fetch-page/${i}`, { value: "1", updatedAt: NOON });
  expect(partitions()).toEqual(new Set([..."0123456789abcdef"].map((digit) => `registry/cache/${digit}`)));
  await registry.list("cache");
  expect(new Set(table.commandCalls(QueryCommand).map((call) => call.args[0].input.ExpressionAttributeValues?.[":kind"]?.S))).toEqual(partitions());
});

test("a list goes on to its last page", async () => {
  const item = (key: string) => ({ pk: { S: "registry/variable" }, sk: { S: key }, z: { B: new Uint8Array() } });
  const registry = createRegistry(partsOf());
  await registry.put("variable", "a", { value: "1", updatedAt: NOON });
  const z = table.commandCalls(PutItemCommand)[0]?.args[0].input.Item?.["z"] ?? { B: new Uint8Array() };
  table
    .on(QueryCommand)
    .resolvesOnce({ Items: [{ ...item("b"), z }], LastEvaluatedKey: { pk: { S: "registry/variable" }, sk: { S: "b" } } })
    .resolvesOnce({ Items: [{ ...item("a"), z }] });
  expect((await registry.list("variable")).map(({ key }) => key)).toEqual(["a", "b"]);
  expect(table.commandCalls(QueryCommand)[1]?.args[0].input.ExclusiveStartKey).toEqual({ pk: { S: "registry/variable" }, sk: { S: "b" } });
});

test("a text that is no sort key (empty, too long, or made to look like a hash) is hashed, and no two texts have one key", () => {
  const texts = ["", "a", "é".repeat(449), "é".repeat(451), "a".repeat(2000), "a".repeat(2001), sortKey(""), "sha256:", "*"];
  const keys = texts.map(sortKey);
  expect(new Set(keys).size).toBe(texts.length);
  for (const key of keys) expect(Buffer.byteLength(key)).toBeLessThanOrEqual(900);
  expect(texts.filter((text) => isHashed(sortKey(text)))).toEqual(["", "é".repeat(451), "a".repeat(2000), "a".repeat(2001), sortKey(""), "sha256:"]);
});
