import { describe, expect, test } from "vitest";
import type { AnsweredRequest } from "../../adapters/aws/clients.ts";
import { type Item, itemSize } from "../../adapters/aws/item-size.ts";
import { Meter } from "../../adapters/aws/meter.ts";
import { addUsage, subtractUsage, timesUsage, type Usage } from "../../adapters/aws/usage.ts";

const text = (bytes: number): string => "x".repeat(bytes);
const item = (more: Item = {}): Item => ({ pk: { S: "run:a" }, sk: { S: "00000001" }, ...more });
const refused = (name: string): Error => Object.assign(new Error(name), { name });

type Asked = Partial<AnsweredRequest> & Pick<AnsweredRequest, "operation">;
function counted(meter: Meter, service: AnsweredRequest["service"], ...requests: readonly Asked[]): Usage {
  const before = meter.usage;
  for (const request of requests) meter.count({ service, input: {}, output: {}, ...request });
  return subtractUsage(meter.usage, before);
}
const units = (usage: Usage): readonly [number, number] => [usage["dynamodb.writeUnits"] ?? 0, usage["dynamodb.readUnits"] ?? 0];

describe("the size of an item", () => {
  test("is names and values in UTF-8, and binary as it is", () => {
    expect(itemSize({ pk: { S: "ab" }, é: { S: "€" }, z: { B: new Uint8Array(7) } })).toBe(2 + 2 + 2 + 3 + 1 + 7);
  });
  test("has a byte for two digits of a number, one more, and one for its sign", () => {
    expect(itemSize({ n: { N: "1700000000000" } })).toBe(1 + 1 + 1); // Zeros at the end are not significant.
    expect(itemSize({ n: { N: "1700000000123" } })).toBe(1 + 7 + 1);
    expect(itemSize({ n: { N: "-12.50" } })).toBe(1 + 2 + 1 + 1);
  });
  test("counts lists and maps with three bytes and one an element", () => {
    expect(itemSize({ a: { L: [{ S: "xy" }, { NULL: true }] } })).toBe(1 + 3 + (1 + 2) + (1 + 1));
    expect(itemSize({ a: { M: { b: { BOOL: true } } } })).toBe(1 + 3 + (1 + 1 + 1));
    expect(itemSize({ a: { SS: ["ab", "c"] } })).toBe(1 + 3);
  });
});

describe("DynamoDB writes", () => {
  const put = (Item: Item, more: Partial<AnsweredRequest> = {}): Asked => ({ operation: "PutItem", input: { TableName: "t", Item }, ...more });

  test("are rounded up to a kilobyte", () => {
    const meter = new Meter();
    expect(units(counted(meter, "dynamodb", put(item())))).toEqual([1, 0]);
    const room = 1024 - itemSize(item({ z: { S: "" } }));
    expect(units(counted(meter, "dynamodb", put(item({ z: { S: text(room) } }))))).toEqual([1, 0]);
    expect(units(counted(meter, "dynamodb", put(item({ z: { S: text(room + 1) } }))))).toEqual([2, 0]);
  });
  test("cost the same when their condition fails, and nothing when they were throttled", () => {
    const meter = new Meter();
    const large = item({ z: { S: text(3000) } });
    expect(units(counted(meter, "dynamodb", put(large, { error: refused("ConditionalCheckFailedException") })))).toEqual([3, 0]);
    expect(units(counted(meter, "dynamodb", put(large, { error: refused("ProvisionedThroughputExceededException") })))).toEqual([0, 0]);
  });
  test("go by what is replaced, where that is larger", () => {
    const meter = new Meter({ remember: true });
    expect(units(counted(meter, "dynamodb", put(item({ z: { S: text(3000) } })), put(item())))).toEqual([6, 0]);
  });
  test("cost once more for each index that the item is in, and twice in one whose key changes", () => {
    const indexes = {
      t: [
        { index: "byFlow", keys: ["flow", "at"] },
        { index: "byState", keys: ["state", "at"] },
      ],
    };
    const meter = new Meter({ indexes, remember: true });
    const row = (state?: string): Item => item({ flow: { S: "f" }, at: { S: "1" }, ...(state !== undefined && { state: { S: state } }) });
    expect(units(counted(meter, "dynamodb", put(row("RUNNING"))))).toEqual([3, 0]); // The table and both indexes.
    expect(units(counted(meter, "dynamodb", put(row("FAILED"))))).toEqual([4, 0]); // Taken out of byState and put in again.
    expect(units(counted(meter, "dynamodb", put(row())))).toEqual([3, 0]); // Taken out of byState.
    expect(units(counted(meter, "dynamodb", { operation: "DeleteItem", input: { TableName: "t", Key: item() } }))).toEqual([2, 0]);
    expect(meter.usage["dynamodb.storedBytes"] ?? 0).toBe(0);
  });
  test("of a batch cost each by itself, of a transaction double", () => {
    const meter = new Meter();
    const batch = { RequestItems: { t: [{ PutRequest: { Item: item() } }, { PutRequest: { Item: item({ z: { S: text(1500) } }) } }] } };
    expect(units(counted(meter, "dynamodb", { operation: "BatchWriteItem", input: batch }))).toEqual([3, 0]);
    const TransactItems = [{ Put: { TableName: "t", Item: item() } }, { ConditionCheck: { TableName: "t", Key: item() } }];
    expect(units(counted(meter, "dynamodb", { operation: "TransactWriteItems", input: { TransactItems } }))).toEqual([4, 0]);
  });
  test("are taken from the answer when it says what was consumed", () => {
    const told = { ConsumedCapacity: { TableName: "t", CapacityUnits: 7 } };
    expect(units(counted(new Meter(), "dynamodb", put(item(), { output: told })))).toEqual([7, 0]);
  });
});

describe("DynamoDB reads", () => {
  test("are rounded up to four kilobytes, and cost half when they need not be consistent", () => {
    const meter = new Meter();
    const get = (ConsistentRead: boolean, Item?: Item): Asked => ({ operation: "GetItem", input: { TableName: "t", ConsistentRead }, output: { Item } });
    expect(units(counted(meter, "dynamodb", get(true)))).toEqual([0, 1]); // What is not there costs as well.
    expect(units(counted(meter, "dynamodb", get(false, item())))).toEqual([0, 0.5]);
    expect(units(counted(meter, "dynamodb", get(true, item({ z: { S: text(5000) } }))))).toEqual([0, 2]);
  });
  test("of a query are added up before they are rounded", () => {
    const query = {
      operation: "Query",
      input: { TableName: "t", ConsistentRead: true },
      output: { Items: Array.from({ length: 10 }, () => item({ z: { S: text(700) } })) },
    };
    expect(units(counted(new Meter(), "dynamodb", query))).toEqual([0, 2]);
  });
  test("through a projection are paid for whole", () => {
    const meter = new Meter({ remember: true });
    counted(meter, "dynamodb", { operation: "PutItem", input: { TableName: "t", Item: item({ z: { S: text(9000) } }) } });
    expect(units(counted(meter, "dynamodb", { operation: "GetItem", input: { TableName: "t", ConsistentRead: true }, output: { Item: item() } }))).toEqual([
      0, 3,
    ]);
  });
});

describe("SQS", () => {
  const QueueUrl = "https://sqs.us-east-1.amazonaws.com/1/mailbox.fifo";
  test("a batch is one request for each 64 KB of all its messages", () => {
    const batch = (size: number): Asked => ({
      operation: "SendMessageBatch",
      input: { QueueUrl, Entries: Array.from({ length: 10 }, () => ({ MessageBody: text(size) })) },
    });
    expect(counted(new Meter(), "sqs", batch(100))).toEqual({ "sqs.fifoRequests": 1 });
    expect(counted(new Meter(), "sqs", batch(6553))).toEqual({ "sqs.fifoRequests": 1 });
    expect(counted(new Meter(), "sqs", batch(6554))).toEqual({ "sqs.fifoRequests": 2 });
  });
  test("standard and FIFO queues are told apart; an empty answer and a deletion are requests; a refusal is none", () => {
    const standard = { QueueUrl: "https://sqs.us-east-1.amazonaws.com/1/tasks" };
    const usage = counted(
      new Meter(),
      "sqs",
      { operation: "ReceiveMessage", input: standard },
      { operation: "DeleteMessageBatch", input: { ...standard, Entries: [] } },
      { operation: "SendMessage", input: { ...standard, MessageBody: text(70_000) } },
      { operation: "ReceiveMessage", input: { QueueUrl }, output: { Messages: [{ Body: text(10) }] } },
      { operation: "SendMessage", input: { QueueUrl, MessageBody: "x" }, error: refused("RequestThrottled") },
    );
    expect(usage).toEqual({ "sqs.standardRequests": 4, "sqs.fifoRequests": 1 });
  });
});

describe("the others", () => {
  test("S3: what writes or lists is dear, what reads is cheap, deleting is free, and what is not found was read", () => {
    const missing = Object.assign(refused("NoSuchKey"), { $metadata: { httpStatusCode: 404 } });
    const usage = counted(
      new Meter(),
      "s3",
      { operation: "PutObject", input: { Bucket: "b", Body: text(50) } },
      { operation: "ListObjectsV2" },
      { operation: "GetObject" },
      { operation: "HeadObject", error: missing },
      { operation: "DeleteObject" },
    );
    expect(usage).toEqual({ "s3.puts": 2, "s3.gets": 2, "s3.storedBytes": 50 });
  });
  test("Scheduler: a one-time schedule costs when it fires, one that is deleted before does not", () => {
    const create = (Name: string): Asked => ({ operation: "CreateSchedule", input: { Name, ScheduleExpression: "at(2026-11-22T21:00:00)" } });
    const usage = counted(new Meter(), "scheduler", create("a"), create("b"), { operation: "DeleteSchedule", input: { Name: "a" } });
    expect(usage).toEqual({ "scheduler.invocations": 1 });
  });
  test("EventBridge counts each event by 64 KB; Secrets Manager, Lambda and Logs count requests and bytes", () => {
    const meter = new Meter();
    expect(counted(meter, "events", { operation: "PutEvents", input: { Entries: [{ Detail: "{}" }, { Detail: text(70_000) }] } })).toEqual({
      "events.custom": 3,
    });
    expect(counted(meter, "secrets", { operation: "GetSecretValue" })).toEqual({ "secrets.requests": 1 });
    expect(counted(meter, "lambda", { operation: "Invoke" }, { operation: "ListVersionsByFunction" })).toEqual({ "lambda.requests": 1 });
    expect(counted(meter, "logs", { operation: "PutLogEvents", input: { logEvents: [{ message: text(10) }] } })).toEqual({ "logs.bytes": 36 });
  });
  test("a request that no rule knows is shown as unknown, not left out", () => {
    expect(counted(new Meter(), "dynamodb", { operation: "ExecuteStatement" })).toEqual({ "unknown.requests": 1 });
  });
});

test("a usage adds up, subtracts and survives JSON", () => {
  const one: Usage = { "s3.puts": 2, "sqs.fifoRequests": 1 };
  const two: Usage = { "s3.puts": 1, "lambda.requests": 4 };
  const sum = addUsage(one, two);
  expect(sum).toEqual({ "s3.puts": 3, "sqs.fifoRequests": 1, "lambda.requests": 4 });
  expect(subtractUsage(sum, two)).toEqual(one);
  expect(timesUsage(two, 10)).toEqual({ "s3.puts": 10, "lambda.requests": 40 });
  expect(JSON.parse(JSON.stringify(sum))).toEqual(sum);
});

test("what a request cost, and for what size, is told to whoever asks", () => {
  const charges: string[] = [];
  const meter = new Meter({ onCharge: ({ service, operation, of, bytes }) => charges.push(`${service} ${operation} ${of} ${bytes}`) });
  counted(meter, "dynamodb", { operation: "PutItem", input: { TableName: "t", Item: { pk: { S: "a" } } } });
  expect(charges).toEqual(["dynamodb PutItem t 3"]);
});
