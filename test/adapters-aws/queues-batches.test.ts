/** How many requests SQS gets, with what in them, and what becomes of those that it refuses. */
import {
  ChangeMessageVisibilityBatchCommand,
  DeleteMessageBatchCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  type SendMessageBatchCommandInput,
  SQSClient,
} from "@aws-sdk/client-sqs";
import { mockClient } from "aws-sdk-client-mock";
import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import { createBatcher } from "../../adapters/aws/batcher.ts";
import { createMailbox } from "../../adapters/aws/mailbox.ts";
import { queueOf } from "../../adapters/aws/queue.ts";
import { isThrottled } from "../../adapters/aws/throttling.ts";
import { message } from "../contract/samples.ts";
import { refusal } from "./parts.ts";
import { hastyParts } from "./queues-parts.ts";

const sqs = mockClient(SQSClient);
beforeEach(() => {
  sqs.reset();
  sqs.on(SendMessageBatchCommand).resolves({});
  sqs.on(DeleteMessageBatchCommand).resolves({});
  sqs.on(ChangeMessageVisibilityBatchCommand).resolves({});
});

const URL = "http://127.0.0.1/000000000000/flows-mailbox.fifo";
const inputs = (): SendMessageBatchCommandInput[] => sqs.commandCalls(SendMessageBatchCommand).map((call) => call.args[0].input);
const entries = () => inputs().map((input) => input.Entries ?? []);
const bodies = () => entries().map((batch) => batch.map((entry) => entry.MessageBody));
/** SQS's answer that refuses the entries with these bodies. */
const refusing = (input: SendMessageBatchCommandInput, failure: { Code: string; SenderFault: boolean }, ...refused: readonly string[]) => ({
  Failed: (input.Entries ?? [])
    .filter((entry) => refused.includes(entry.MessageBody as string))
    .map((entry) => ({ Id: entry.Id as string, Message: failure.Code, ...failure })),
  Successful: [],
});

describe("sending", () => {
  test("what is sent in one tick goes out in requests of ten", async () => {
    const queue = queueOf(hastyParts(), URL);
    await Promise.all(Array.from({ length: 23 }, (_, i) => queue.send({ body: String(i), group: `g-${i}` })));
    expect(entries().map((batch) => batch.length)).toEqual([10, 10, 3]);
    expect(bodies().flat()).toEqual(Array.from({ length: 23 }, (_, i) => String(i)));
    for (const batch of entries()) expect(new Set(batch.map((entry) => entry.Id)).size).toBe(batch.length);
  });

  test("a request holds no more than a mebibyte", async () => {
    const queue = queueOf(hastyParts(), URL);
    const body = "ż".repeat(100_000);
    await Promise.all(Array.from({ length: 12 }, (_, i) => queue.send({ body, group: `g-${i}` })));
    expect(entries().map((batch) => batch.length)).toEqual([5, 5, 2]);
  });

  test("of a group there is one message in a request, and the next goes out when it has arrived", async () => {
    const queue = queueOf(hastyParts(), URL);
    await Promise.all(["a1", "a2", "b1", "a3", "b2"].map((body) => queue.send({ body, group: body.slice(0, 1) })));
    expect(bodies()).toEqual([["a1", "b1"], ["a2", "b2"], ["a3"]]);
  });

  test("the mailbox gives each actor a group and each sending an id of its own", async () => {
    const mailbox = createMailbox(hastyParts());
    for (const actor of ["run:a", "run:a", "limit:two words", "limit:żółć", `deployment:${"x".repeat(128)}`]) await mailbox.send(actor, message("same"));
    const sent = entries().flat();
    const [first, second, ...odd] = sent.map((entry) => entry.MessageGroupId as string);
    expect([first, second]).toEqual(["run:a", "run:a"]);
    for (const group of odd) expect(group).toMatch(/^hash:[a-z2-7]{26}$/);
    expect(new Set(odd).size).toBe(3);
    expect(new Set(sent.map((entry) => entry.MessageDeduplicationId)).size).toBe(5);
    expect(sent[0]?.MessageBody).toBe('{"to":"run:a","message":{"kind":"cancel","id":"same"}}');
  });

  test("what is refused for its number is sent again with the same id, before later ones of its group; nobody else waits", async () => {
    const parts = hastyParts();
    const queue = queueOf(parts, URL);
    let refusals = 2;
    sqs.on(SendMessageBatchCommand).callsFake((input) => (refusals-- > 0 ? refusing(input, { Code: "ThrottlingException", SenderFault: true }, "a1") : {}));
    const order: string[] = [];
    await Promise.all(["a1", "b1", "a2"].map((body) => queue.send({ body, group: body.slice(0, 1) }).then(() => order.push(body))));
    expect(bodies()).toEqual([["a1", "b1"], ["a1"], ["a1"], ["a2"]]);
    expect(order).toEqual(["b1", "a1", "a2"]);
    const ids = entries().flatMap((batch) => batch.filter((entry) => entry.MessageBody === "a1").map((entry) => entry.MessageDeduplicationId));
    expect(new Set(ids).size).toBe(1);
    expect(parts.waits).toHaveLength(2);
  });

  test("an entry that can never be sent fails alone, with what SQS said", async () => {
    const queue = queueOf(hastyParts(), URL);
    sqs.on(SendMessageBatchCommand).callsFake((input) => refusing(input, { Code: "InvalidMessageContents", SenderFault: true }, "bad"));
    const settled = await Promise.allSettled(["good", "bad", "other"].map((body) => queue.send({ body, group: body })));
    expect(settled.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    expect((settled[1] as PromiseRejectedResult).reason).toMatchObject({ code: "WH3107", message: expect.stringContaining("InvalidMessageContents") });
    expect(inputs()).toHaveLength(1);
  });

  test.each([
    "RequestThrottled",
    "AWS.SimpleQueueService.RequestThrottled",
    "com.amazonaws.sqs#RequestThrottled",
    "RequestThrottledException",
    "ThrottlingException",
    "KmsThrottled",
    "KMS.ThrottlingException",
    "OverLimit",
    "AWS.SimpleQueueService.OverLimit",
  ])("throttling is tried again under the name %s, after longer and longer waits", async (name) => {
    const parts = hastyParts();
    const refused = refusal(name, { $fault: "client", $metadata: { httpStatusCode: 403 } });
    sqs.on(SendMessageBatchCommand).rejectsOnce(refused).rejectsOnce(refused).rejectsOnce(refused).resolves({});
    await queueOf(parts, URL).send({ body: "a", group: "a" });
    expect(inputs()).toHaveLength(4);
    const [first = 0, second = 0, third = 0] = parts.waits;
    expect(first).toBeGreaterThanOrEqual(50);
    expect(second).toBeGreaterThanOrEqual(100);
    expect(third).toBeGreaterThanOrEqual(200);
    expect(third).toBeLessThanOrEqual(400);
  });

  test("throttling without end fails in the end, and other failures at once", async () => {
    const parts = hastyParts();
    sqs.on(SendMessageBatchCommand).rejects(refusal("RequestThrottled"));
    await expect(queueOf(parts, URL).send({ body: "a", group: "a" })).rejects.toMatchObject({ code: "WH3105" });
    expect(inputs()).toHaveLength(9);
    sqs.on(SendMessageBatchCommand).rejects(refusal("AccessDenied", { $metadata: { httpStatusCode: 403 } }));
    await expect(queueOf(parts, URL).send({ body: "b", group: "a" })).rejects.toMatchObject({ code: "WH3103" });
    expect(inputs()).toHaveLength(10);
  });

  test("names that only look like throttling are none", () => {
    for (const name of ["AccessDenied", "QueueDoesNotExist", "InvalidParameterValue", "MessageNotInflight"]) expect(isThrottled(refusal(name))).toBe(false);
    expect(isThrottled(refusal("Anything", { $metadata: { httpStatusCode: 429 } }))).toBe(true);
    expect(isThrottled("RequestThrottled")).toBe(false);
  });
});

describe("receiving, deleting, giving back", () => {
  test("a receive asks for counts and times, and is tried again when it is throttled", async () => {
    sqs
      .on(ReceiveMessageCommand)
      .rejectsOnce(refusal("RequestThrottled"))
      .resolves({
        Messages: [{ MessageId: "m", ReceiptHandle: "r", Body: "{}", Attributes: { ApproximateReceiveCount: "3", SentTimestamp: "17" } }],
      });
    const got = await queueOf(hastyParts(), URL).receive(50, 5);
    expect(got).toEqual([{ physical: "m", receipt: "r", body: "{}", receives: 3, sentAt: 17 }]);
    const asked = sqs.commandCalls(ReceiveMessageCommand).map((call) => call.args[0].input);
    expect(asked[0]).toMatchObject({ MaxNumberOfMessages: 10, WaitTimeSeconds: 5, MessageSystemAttributeNames: ["ApproximateReceiveCount", "SentTimestamp"] });
    expect(asked[1]?.ReceiveRequestAttemptId).toBe(asked[0]?.ReceiveRequestAttemptId);
  });

  test("deletions share a request, as do changes of visibility", async () => {
    const queue = queueOf(hastyParts(), URL);
    await Promise.all(Array.from({ length: 12 }, (_, i) => queue.remove(`r-${i}`)));
    await Promise.all(Array.from({ length: 12 }, (_, i) => queue.hide(`r-${i}`, i)));
    expect(sqs.commandCalls(DeleteMessageBatchCommand).map((call) => call.args[0].input.Entries?.length)).toEqual([10, 2]);
    const hidden = sqs.commandCalls(ChangeMessageVisibilityBatchCommand).flatMap((call) => call.args[0].input.Entries ?? []);
    expect(hidden.map(({ ReceiptHandle, VisibilityTimeout }) => [ReceiptHandle, VisibilityTimeout])).toEqual(
      Array.from({ length: 12 }, (_, i) => [`r-${i}`, i]),
    );
  });

  test.each([
    { Code: "ReceiptHandleIsInvalid", Message: "The input receipt handle is invalid." },
    { Code: "AWS.SimpleQueueService.MessageNotInflight", Message: "The message is not in flight." },
    { Code: "InvalidParameterValue", Message: "Value x for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired." },
    {
      Code: "InvalidParameterValue",
      Message: "Reason: Message does not exist or is not available for visibility timeout change.",
    },
  ])("what is gone or in another's hand is neither deleted nor hidden, and that is no error: $Message", async (failure) => {
    const Failed = [{ Id: "0", SenderFault: true, ...failure }];
    sqs.on(DeleteMessageBatchCommand).resolves({ Failed });
    sqs.on(ChangeMessageVisibilityBatchCommand).resolves({ Failed });
    const queue = queueOf(hastyParts(), URL);
    await queue.remove("r");
    await queue.hide("r", 0);
  });

  test("of several changes of one message's visibility the last one counts: it goes out when the one before has arrived", async () => {
    const queue = queueOf(hastyParts(), URL);
    let underWay = 0;
    sqs.on(ChangeMessageVisibilityBatchCommand).callsFake(async () => {
      expect(++underWay).toBe(1);
      await new Promise((resolve) => setImmediate(resolve));
      underWay -= 1;
      return {};
    });
    await Promise.all([queue.hide("r", 60), queue.hide("r", 0)]);
    const seconds = sqs.commandCalls(ChangeMessageVisibilityBatchCommand).map((call) => call.args[0].input.Entries?.[0]?.VisibilityTimeout);
    expect(seconds).toEqual([60, 0]);
  });

  test("a deletion that fails otherwise is an error", async () => {
    sqs.on(DeleteMessageBatchCommand).resolves({ Failed: [{ Id: "0", SenderFault: true, Code: "AccessDenied", Message: "No." }] });
    await expect(queueOf(hastyParts(), URL).remove("r")).rejects.toMatchObject({ code: "WH3103" });
  });

  test("the mailbox deletes what has a receipt, and leaves the rest to whoever delivered it", async () => {
    const mailbox = createMailbox(hastyParts());
    const delivery = { actor: "run:a", physical: "p", message: message("1"), receives: 1 };
    await mailbox.acknowledge([{ ...delivery, receipt: "r" }, delivery]);
    const deleted = sqs.commandCalls(DeleteMessageBatchCommand).flatMap((call) => call.args[0].input.Entries ?? []);
    expect(deleted.map((entry) => entry.ReceiptHandle)).toEqual(["r"]);
  });
});

test("whatever fails and whenever it is added: each entry settles once, groups keep their order, bounds are kept", async () => {
  const entry = fc.record({ group: fc.option(fc.constantFrom("a", "b", "c"), { nil: undefined }), size: fc.nat(60), refusals: fc.nat(3), pause: fc.boolean() });
  const promise = fc.asyncProperty(fc.array(entry, { maxLength: 40 }), async (plan) => {
    const done: number[] = [];
    const left = plan.map(({ refusals }) => refusals);
    const add = createBatcher<number, number>({
      ...hastyParts(),
      most: 5,
      bytes: 100,
      size: (i) => plan[i]?.size ?? 0,
      group: (i) => plan[i]?.group,
      async perform(batch) {
        expect(batch.length).toBeLessThanOrEqual(5);
        if (batch.length > 1) expect(batch.reduce((sum, i) => sum + (plan[i]?.size ?? 0), 0)).toBeLessThanOrEqual(100);
        const groups = batch.flatMap((i) => plan[i]?.group ?? []);
        expect(new Set(groups).size).toBe(groups.length);
        return batch.map((i) => {
          left[i] = (left[i] as number) - 1;
          if ((left[i] as number) >= 0) return { ok: false, error: refusal("ThrottlingException") };
          done.push(i);
          return { ok: true, value: i };
        });
      },
    });
    const added: Promise<number>[] = [];
    for (const [i, { pause }] of plan.entries()) {
      added.push(add(i));
      if (pause) await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await Promise.all(added)).toEqual(plan.map((_, i) => i));
    expect(done.toSorted((a, b) => a - b)).toEqual(plan.map((_, i) => i));
    for (const group of ["a", "b", "c"]) {
      const ofGroup = done.filter((i) => plan[i]?.group === group);
      expect(ofGroup).toEqual(ofGroup.toSorted((a, b) => a - b));
    }
  });
  await fc.assert(promise, { numRuns: 200 });
});
