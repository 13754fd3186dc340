/** How long what a handler holds stays hidden. */
import { ChangeMessageVisibilityBatchCommand, SQSClient } from "@aws-sdk/client-sqs";
import { mockClient } from "aws-sdk-client-mock";
import { beforeEach, describe, expect, test } from "vitest";
import { type HeldMessage, holdMessages } from "../../adapters/aws/visibility.ts";
import { partsOf } from "./parts.ts";

const sqs = mockClient(SQSClient);
beforeEach(() => {
  sqs.reset();
  sqs.on(ChangeMessageVisibilityBatchCommand).resolves({});
});

/** Each change since it was last asked: receipt and seconds. */
const changes = () => {
  const all = sqs.commandCalls(ChangeMessageVisibilityBatchCommand).flatMap((call) => call.args[0].input.Entries ?? []);
  sqs.resetHistory();
  return all.map(({ ReceiptHandle, VisibilityTimeout }) => `${ReceiptHandle} ${VisibilityTimeout}`);
};
const held = (receipt: string, receives = 1): HeldMessage => ({ receipt, receives });
const hold = (messages: readonly HeldMessage[], afterMs?: number) => {
  const parts = partsOf();
  return { clock: parts.clock, hold: holdMessages({ ...parts, url: parts.stack.mailbox.url, messages, ...(afterMs !== undefined && { afterMs }) }) };
};

describe("holding", () => {
  test("costs nothing until it is needed", async () => {
    const { clock, hold: quick } = hold([held("a")], 2_000);
    await clock.advance(1_900);
    quick.end();
    await clock.advance(60_000);
    expect(changes()).toEqual([]);
  });

  test("hides for a minute at a time once it takes longer, every twenty seconds, until it ends", async () => {
    const { clock, hold: slow } = hold([held("a"), held("b")], 2_000);
    await clock.advance(2_000);
    expect(changes()).toEqual(["a 60", "b 60"]);
    await clock.advance(19_000);
    expect(changes()).toEqual([]);
    await clock.advance(1_000);
    expect(changes()).toEqual(["a 60", "b 60"]);
    slow.end();
    await clock.advance(60_000);
    expect(changes()).toEqual([]);
  });

  test("hides for as long as the stack says, and renews it twice in that time", async () => {
    const { clock, stack, clients, random } = partsOf();
    const short = holdMessages({ clock, clients, random, url: stack.mailbox.url, messages: [held("a")], heldSeconds: 6, afterMs: 0 });
    await clock.advance(0);
    expect(changes()).toEqual(["a 6"]);
    await clock.advance(6_000);
    expect(changes()).toEqual(["a 6", "a 6", "a 6"]);
    short.end();
  });

  test("begins when it is told to, once", async () => {
    const { clock, hold: inline } = hold([held("a")]);
    await clock.advance(60_000);
    expect(changes()).toEqual([]);
    inline.renew();
    inline.renew();
    await clock.advance(0);
    expect(changes()).toEqual(["a 60"]);
    inline.end();
  });

  test("leaves alone what is done", async () => {
    const { clock, hold: batch } = hold([held("a"), held("b")], 0);
    await clock.advance(0);
    changes();
    batch.drop([held("a")]);
    await clock.advance(20_000);
    expect(changes()).toEqual(["b 60"]);
    batch.drop([held("b")]);
    await clock.advance(60_000);
    expect(changes()).toEqual([]);
    expect(clock.next()).toBeUndefined();
  });

  test("goes on when a renewal fails", async () => {
    sqs.on(ChangeMessageVisibilityBatchCommand).rejectsOnce(new Error("No.")).resolves({});
    const { clock, hold: batch } = hold([held("a")], 0);
    await clock.advance(20_000);
    expect(changes()).toEqual(["a 60", "a 60"]);
    batch.end();
  });
});

describe("giving back", () => {
  test("shows all of a group at once, and later and later after more failures", async () => {
    for (const [receives, seconds] of [
      [1, 0],
      [2, 1],
      [3, 2],
      [5, 8],
      [20, 60],
    ] as const) {
      const messages = [held("a", receives), held("b"), held("c")];
      await hold(messages).hold.giveBack(messages);
      expect(changes()).toEqual([`a ${seconds}`, `b ${seconds}`, `c ${seconds}`]);
    }
  });

  test("is the last word: nothing is renewed after it", async () => {
    const messages = [held("a"), held("b")];
    const { clock, hold: batch } = hold(messages, 0);
    await batch.giveBack(messages.slice(0, 1));
    await clock.advance(20_000);
    expect(changes()).toEqual(["a 60", "b 60", "a 0", "b 60"]);
    batch.end();
  });
});
