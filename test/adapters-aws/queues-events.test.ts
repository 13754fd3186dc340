/** What flows emit, as EventBridge gets it. */
import { EventBridgeClient, PutEventsCommand } from "@aws-sdk/client-eventbridge";
import { mockClient } from "aws-sdk-client-mock";
import { beforeEach, expect, test } from "vitest";
import { createEvents } from "../../adapters/aws/events.ts";
import { NOON } from "../contract/samples.ts";
import { hastyParts } from "./queues-parts.ts";

const bus = mockClient(EventBridgeClient);
beforeEach(() => {
  bus.reset();
  bus.on(PutEventsCommand).resolves({});
});
const event = (id: string, detail = '{"a":1}') => ({ id, type: "report.ready", run: "r1", at: NOON, detail });
const batches = () => bus.commandCalls(PutEventsCommand).map((call) => call.args[0].input.Entries ?? []);

test("an event has the stack's source, its own type, and everything else in its detail", async () => {
  await createEvents(hastyParts()).emit(event("r1/emit-0"));
  expect(batches()).toEqual([
    [
      {
        EventBusName: "default",
        Source: "windhover.flows",
        DetailType: "report.ready",
        Detail: JSON.stringify({ id: "r1/emit-0", run: "r1", at: NOON, detail: '{"a":1}' }),
      },
    ],
  ]);
});

test("events of one tick share requests, within ten and 256 KB", async () => {
  const events = createEvents(hastyParts());
  await Promise.all(Array.from({ length: 12 }, (_, i) => events.emit(event(String(i)))));
  expect(batches().map((batch) => batch.length)).toEqual([10, 2]);
  bus.resetHistory();
  await Promise.all(Array.from({ length: 3 }, (_, i) => events.emit(event(String(i), "x".repeat(100_000)))));
  expect(batches().map((batch) => batch.length)).toEqual([2, 1]);
});

test("what the bus did not take is put again, what it refuses is an error, and each caller hears of its own", async () => {
  bus
    .on(PutEventsCommand)
    .resolvesOnce({
      Entries: [
        { EventId: "1" },
        { ErrorCode: "ThrottlingException" },
        { ErrorCode: "InternalFailure" },
        { ErrorCode: "MalformedDetail", ErrorMessage: "No." },
      ],
    })
    .resolves({});
  const events = createEvents(hastyParts());
  const settled = await Promise.allSettled(["a", "b", "c", "d"].map((id) => events.emit(event(id))));
  expect(settled.map(({ status }) => status)).toEqual(["fulfilled", "fulfilled", "fulfilled", "rejected"]);
  expect((settled[3] as PromiseRejectedResult).reason).toMatchObject({ code: "WH3107" });
  expect(
    batches()
      .flat()
      .map((entry) => JSON.parse(entry.Detail as string).id),
  ).toEqual(expect.arrayContaining(["a", "b", "c", "d", "b", "c"]));
  expect(batches().flat()).toHaveLength(6);
});
