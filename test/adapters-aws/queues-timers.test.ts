/** Which timers are delayed messages, which are schedules, and what these look like. */
import { CreateScheduleCommand, DeleteScheduleCommand, SchedulerClient } from "@aws-sdk/client-scheduler";
import { SendMessageBatchCommand, SQSClient } from "@aws-sdk/client-sqs";
import { mockClient } from "aws-sdk-client-mock";
import { beforeEach, describe, expect, test } from "vitest";
import { createTimers } from "../../adapters/aws/timers.ts";
import { message, NOON } from "../contract/samples.ts";
import { refusal } from "./parts.ts";
import { hastyParts } from "./queues-parts.ts";

const sqs = mockClient(SQSClient);
const scheduler = mockClient(SchedulerClient);
beforeEach(() => {
  sqs.reset();
  scheduler.reset();
  sqs.on(SendMessageBatchCommand).resolves({});
  scheduler.on(CreateScheduleCommand).resolves({});
  scheduler.on(DeleteScheduleCommand).resolves({});
});

const MINUTE = 60_000;
const sent = () =>
  sqs.commandCalls(SendMessageBatchCommand).flatMap(({ args: [{ input }] }) =>
    (input.Entries ?? []).map(({ DelaySeconds, MessageBody, MessageGroupId }) => ({
      queue: input.QueueUrl?.split("/").at(-1),
      DelaySeconds,
      MessageBody,
      MessageGroupId,
    })),
  );
const made = () => scheduler.commandCalls(CreateScheduleCommand).map((call) => call.args[0].input);
const deleted = () => scheduler.commandCalls(DeleteScheduleCommand).map((call) => call.args[0].input);
const timerOf = (at: number) => `{"timer":{"actor":"run:a","at":${at},"message":{"kind":"cancel","id":"fire"}}}`;

describe("setting a timer", () => {
  test("of a quarter of an hour or less sends a delayed message to the default pool, in whole seconds, rounded up", async () => {
    const timers = createTimers(hastyParts());
    for (const left of [1, 1_000, 1_001, 15 * MINUTE]) await timers.set("run:a", `t-${left}`, NOON + left, message("fire"));
    expect(sent()).toEqual(
      [1, 1, 2, 900].map((DelaySeconds, i) => ({
        queue: "flows-tasks",
        DelaySeconds,
        MessageBody: timerOf(NOON + ([1, 1_000, 1_001, 15 * MINUTE][i] as number)),
      })),
    );
    expect(made()).toEqual([]);
  });

  test("of a longer time makes a schedule of one shot, a minute early, which deletes itself", async () => {
    const at = NOON + 3 * 86_400_000 + 1_234;
    await createTimers(hastyParts()).set("run:a", "t", at, message("fire"));
    expect(sent()).toEqual([]);
    expect(made()).toEqual([
      {
        GroupName: "flows",
        Name: expect.stringMatching(/^timer-[a-z2-7]{26}$/),
        ScheduleExpression: `at(${new Date(at - MINUTE).toISOString().slice(0, 19)})`,
        FlexibleTimeWindow: { Mode: "OFF" },
        ActionAfterCompletion: "DELETE",
        Target: { Arn: "arn:aws:sqs:us-east-1:000000000000:flows-tasks", RoleArn: "arn:aws:iam::000000000000:role/flows", Input: timerOf(at) },
      },
    ]);
  });

  test("names a schedule after actor and id", async () => {
    const timers = createTimers(hastyParts());
    for (const [actor, id] of [
      ["run:a", "t"],
      ["run:a", "t"],
      ["run:a", "u"],
      ["run:at", ""],
    ] as const)
      await timers.set(actor, id, NOON + 86_400_000, message("fire"));
    const [first, again, ...others] = made().map((input) => input.Name);
    expect(again).toBe(first);
    expect(new Set([first, ...others]).size).toBe(3);
  });

  test("whose schedule exists already is a success; one that is throttled is tried again", async () => {
    const parts = hastyParts();
    scheduler.on(CreateScheduleCommand).rejectsOnce(refusal("ThrottlingException")).rejects(refusal("ConflictException"));
    await createTimers(parts).set("run:a", "t", NOON + 86_400_000, message("fire"));
    expect(made()).toHaveLength(2);
    scheduler.on(CreateScheduleCommand).rejects(refusal("ValidationException"));
    await expect(createTimers(parts).set("run:a", "t", NOON + 86_400_000, message("fire"))).rejects.toMatchObject({ code: "WH3107" });
  });

  test("whose time is past sends to the mailbox", async () => {
    await createTimers(hastyParts()).set("run:a", "t", NOON, message("fire"));
    expect(sent()).toEqual([{ queue: "flows-mailbox.fifo", MessageGroupId: "run:a", MessageBody: '{"to":"run:a","message":{"kind":"cancel","id":"fire"}}' }]);
  });
});

describe("deleting a timer", () => {
  test("deletes the schedule under the same name, also one that another process made", async () => {
    const timers = createTimers(hastyParts());
    await timers.set("run:a", "t", NOON + 86_400_000, message("fire"));
    await createTimers(hastyParts()).delete("run:a", "t");
    expect(deleted()).toEqual([{ GroupName: "flows", Name: made()[0]?.Name }]);
  });

  test("that has fired or never was is no error; to be denied is one", async () => {
    scheduler.on(DeleteScheduleCommand).rejectsOnce(refusal("ResourceNotFoundException")).rejects(refusal("AccessDeniedException"));
    const timers = createTimers(hastyParts());
    await timers.delete("run:a", "t");
    await expect(timers.delete("run:a", "t")).rejects.toMatchObject({ code: "WH3103" });
  });

  test("that this process knows to be a message asks for nothing", async () => {
    const timers = createTimers(hastyParts());
    await timers.set("run:a", "t", NOON + MINUTE, message("fire"));
    await timers.delete("run:a", "t");
    expect(deleted()).toEqual([]);
  });
});

describe("forwarding a timer's message", () => {
  const forward = (left: number) => createTimers(hastyParts()).forward({ actor: "run:a", at: NOON + left, message: message("fire") });

  test("that is due goes to the mailbox", async () => {
    await forward(0);
    await forward(-MINUTE);
    expect(sent().map(({ queue }) => queue)).toEqual(["flows-mailbox.fifo", "flows-mailbox.fifo"]);
  });

  test("that comes early is delayed again for the rest, and for a quarter of an hour at a time", async () => {
    await forward(MINUTE);
    await forward(86_400_000);
    expect(sent()).toEqual([
      { queue: "flows-tasks", DelaySeconds: 60, MessageBody: timerOf(NOON + MINUTE) },
      { queue: "flows-tasks", DelaySeconds: 900, MessageBody: timerOf(NOON + 86_400_000) },
    ]);
  });
});
