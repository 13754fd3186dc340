/** Parts of a run's cost that the standard shapes do not have: `test/bill.test.ts` compares those with what was counted. */
import { describe, expect, test } from "vitest";
import { runCost } from "../../adapters/aws/run-cost.ts";
import type { Effect, Entry, RunEvent } from "../../engine/events.ts";
import { STACK } from "../functions/world.ts";

const QUEUE = STACK.pools["default"] as (typeof STACK.pools)[string];
const stack = {
  ...STACK,
  orchestratorMemoryMb: 2048,
  pools: {
    default: { ...QUEUE, memoryMb: 1024 },
    quick: { ...QUEUE, timeoutSeconds: 60, memoryMb: 512 },
    boxes: { ...QUEUE, container: { cluster: "c", taskDefinition: "t", subnets: [], securityGroups: [], concurrency: 1 } },
  },
};
const MINUTE = 60_000;
const started: RunEvent = { type: "started", flow: "f", name: "run", parameters: "{}", seed: "s", flags: [] };
const called = (call: string, more: object = {}): RunEvent => ({ type: "called", call, kind: "task", name: "t", args: "[]", ...more });

/** One turn for each, with a message of its own. */
function log(...turns: readonly { readonly at?: number; readonly events: readonly RunEvent[]; readonly effects?: readonly Effect[] }[]): Entry[] {
  return turns.map(({ at = 0, events, effects = [] }, i) => ({
    actor: "run:r",
    n: i + 1,
    at,
    nonce: `x.${i}`,
    version: 1,
    physical: [`m${i}`],
    events,
    effects,
    state: null as never,
  }));
}
const requests = async (entries: readonly Entry[]) =>
  Object.fromEntries(Object.entries((await runCost(entries, stack)).services).map(([service, cost]) => [service, cost.requests]));

describe("what a run has cost, by its log", () => {
  test("a turn is a message sent, received and deleted, an invocation, a look at the tail and an entry", async () => {
    expect(await requests(log({ events: [started] }))).toEqual({ dynamodb: 2, sqs: 3, lambda: 1 });
  });

  test("a task's time is paid with its pool's memory, however many of a message run side by side", async () => {
    const effects: Effect[] = ["a-0", "a-1"].map((call) => ({ do: "task", call, attempt: 1, pool: "quick" }));
    const settled = ["a-0", "a-1"].map((call): RunEvent => ({ type: "settled", call, ok: true, value: "1", ran: [1000, 3000] }));
    const { gbSeconds, services } = await runCost(log({ events: [started, called("a-0"), called("a-1")], effects }, { at: 4000, events: settled }), stack);
    expect(gbSeconds).toBe(1);
    // Two turns, and one batch of a pool whose messages need not be hidden anew.
    expect(services["sqs"]?.requests).toBe(3 + 3 + 3);
    expect(services["lambda"]).toMatchObject({ requests: 3, gbSeconds: 1 });
  });

  test("a claim of an attempt is a write of its own, where one is claimed", async () => {
    const tasks = (claim?: true): Effect[] => ["a-0", "a-1"].map((call) => ({ do: "task", call, attempt: 1, ...(claim && { claim }) }));
    const entries = (effects: Effect[]) => log({ events: [started, called("a-0"), called("a-1")], effects });
    const [without, claimed] = [await requests(entries(tasks())), await requests(entries(tasks(true)))];
    expect(claimed).toEqual({ ...without, dynamodb: (without["dynamodb"] ?? 0) + 2 });
  });

  test("inline code is paid with the orchestrator's memory", async () => {
    const [first, second] = log({ events: [started, called("a-0")], effects: [{ do: "inline", call: "a-0", attempt: 1 }] }, { at: 500, events: [] });
    const turn = [first as Entry, { ...(second as Entry), physical: ["m0"] }];
    expect((await runCost(turn, stack)).gbSeconds).toBe(1);
  });

  test("what runs in a container is told in seconds: a container works for several runs", async () => {
    const effects: Effect[] = [{ do: "task", call: "a-0", attempt: 1, pool: "boxes" }];
    const settled: RunEvent = { type: "settled", call: "a-0", ok: true, value: "1", ran: [0, 90_000] };
    expect(await runCost(log({ events: [started, called("a-0")], effects }, { at: 90_000, events: [settled] }), stack)).toMatchObject({
      containerSeconds: 90,
      gbSeconds: 0,
    });
  });

  test("a timer within fifteen minutes is a message by way of the default pool's queue; one beyond is a schedule first", async () => {
    const timer = (at: number) => log({ events: [started], effects: [{ do: "timer", id: "t", at }] }, { at, events: [] });
    const none = await requests(log({ events: [started] }, { events: [] }));
    const soon = await requests(timer(MINUTE));
    expect((soon["sqs"] ?? 0) - (none["sqs"] ?? 0)).toBe(4);
    expect(soon["scheduler"]).toBeUndefined();
    expect((await requests(timer(60 * MINUTE)))["scheduler"]).toBe(1);
  });

  test("a long timer that was deleted in time costs nothing; a short one arrives all the same", async () => {
    const deleted = (at: number) => log({ events: [started], effects: [{ do: "timer", id: "t", at }] }, { events: [], effects: [{ do: "untimer", id: "t" }] });
    const none = await requests(log({ events: [started] }, { events: [] }));
    expect(await requests(deleted(60 * MINUTE))).toEqual(none);
    expect((await requests(deleted(MINUTE)))["sqs"]).toBe((none["sqs"] ?? 0) + 4 + 3);
  });

  test("what is too large for the log is put into the bucket once, and read", async () => {
    const value = { ref: "x".repeat(43), chars: 5000 };
    const settled: RunEvent = { type: "settled", call: "a-0", ok: true, value };
    expect((await requests(log({ events: [started, called("a-0")] }, { events: [settled, { type: "returned", ok: true, value }] })))["s3"]).toBe(2);
  });

  test("who asks a limit pays for its turn", async () => {
    const effects: Effect[] = [{ do: "send", to: "limit:l", message: { kind: "release", id: "i", request: "r" } as never }];
    const none = await requests(log({ events: [started] }));
    expect(await requests(log({ events: [started], effects }))).toEqual({
      dynamodb: (none["dynamodb"] ?? 0) + 2,
      sqs: (none["sqs"] ?? 0) + 3,
      lambda: 2,
    });
  });
});
