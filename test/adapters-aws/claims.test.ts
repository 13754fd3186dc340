import { DynamoDBClient, GetItemCommand, PutItemCommand } from "@aws-sdk/client-dynamodb";
import { mockClient } from "aws-sdk-client-mock";
import { afterEach, describe, expect, test } from "vitest";
import { createClaims } from "../../adapters/aws/claims.ts";
import { NOON } from "../contract/samples.ts";
import { partsOf, refusal } from "./parts.ts";

const table = mockClient(DynamoDBClient);
afterEach(() => void table.reset());
const Key = { pk: { S: "claim/run:a" }, sk: { S: "call-0#1" } };

describe("a claim", () => {
  test("is one conditional put, in its run's partition, and lives longer than any message", async () => {
    expect(await createClaims(partsOf()).take("run:a", "call-0#1", "mine")).toBe("mine");
    expect(table.commandCalls(PutItemCommand).map(({ args }) => args[0].input)).toEqual([
      {
        TableName: "flows-state",
        Item: { ...Key, mark: { S: "mine" }, ttl: { N: String(NOON / 1000 + 60 * 86_400) } },
        ConditionExpression: "attribute_not_exists(pk)",
      },
    ]);
    expect(table.commandCalls(GetItemCommand)).toEqual([]);
  });

  test("that is there is read consistently: another's, or our own whose answer was lost", async () => {
    const claims = createClaims(partsOf());
    table.on(PutItemCommand).rejects(refusal("ConditionalCheckFailedException"));
    for (const mark of ["another's", "mine"]) {
      table.on(GetItemCommand).resolves({ Item: { ...Key, mark: { S: mark } } });
      expect(await claims.take("run:a", "call-0#1", "mine")).toBe(mark);
    }
    expect(table.commandCalls(GetItemCommand)[0]?.args[0].input).toEqual({ TableName: "flows-state", Key, ConsistentRead: true });
  });

  test("that went away between the two requests is put again", async () => {
    table.on(PutItemCommand).rejectsOnce(refusal("ConditionalCheckFailedException")).resolves({}).on(GetItemCommand).resolves({});
    expect(await createClaims(partsOf()).take("run:a", "call-0#1", "mine")).toBe("mine");
    expect(table.commandCalls(PutItemCommand)).toHaveLength(2);
  });

  test("that cannot be put or read is an error that names it: nothing is taken for claimed", async () => {
    table.on(PutItemCommand).rejects(refusal("AccessDeniedException"));
    await expect(createClaims(partsOf()).take("run:a", "call-0#1", "mine")).rejects.toMatchObject({
      code: "WH3103",
      message: expect.stringContaining("call-0#1"),
    });
    table.on(PutItemCommand).rejects(refusal("ConditionalCheckFailedException")).on(GetItemCommand).rejects(refusal("InternalServerError"));
    await expect(createClaims(partsOf()).take("run:a", "call-0#1", "mine")).rejects.toMatchObject({ code: "WH3106" });
  });
});
