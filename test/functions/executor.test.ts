import { ListVersionsByFunctionCommand } from "@aws-sdk/client-lambda";
import { PutObjectCommand } from "@aws-sdk/client-s3";
import { SendMessageBatchCommand } from "@aws-sdk/client-sqs";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { decode } from "../../engine/codec.ts";
import type { WindhoverError } from "../../engine/errors.ts";
import type { Message, TaskReport } from "../../engine/messages.ts";
import type { TaskItem, TaskMessage } from "../../engine/ports.ts";
import { shared } from "../../engine/scope.ts";
import { executorOf } from "../../functions/executor.ts";
import { flow, runContext, task } from "../../sdk/index.ts";
import { beforeCall, failures, letter, record, STACK, start, TIME, World } from "./world.ts";

beforeEach(() => void vi.spyOn(process.stdout, "write").mockReturnValue(true));
afterEach(() => {
  vi.restoreAllMocks();
  shared.code.clear();
});

const queue = STACK.pools["default"]?.arn as string;
const packed = (run: string, tasks: readonly Partial<TaskItem>[], build?: string): TaskMessage => ({
  id: `task-of-${run}`,
  actor: `run:${run}`,
  run: { runId: run, runName: run, flow: "f", parameters: "{}", tags: [], ...(build !== undefined && { build }) },
  tasks: tasks.map((item, i) => ({ call: `call-${i}`, attempt: 1, task: "double", args: JSON.stringify([i + 1]), ...item })),
});
const parcel = (message: TaskMessage, id: string, receives = 1) => record({ task: message }, { id, receives, queue });
/** The reports of the one message that there is. */
async function reported(world: World): Promise<readonly TaskReport[]> {
  const [only, ...others] = await mail(world);
  expect(others).toEqual([]);
  expect(only?.message.kind).toBe("done");
  return only?.message.kind === "done" ? only.message.reports : [];
}
async function mail(world: World): Promise<readonly { readonly actor: string; readonly message: Message }[]> {
  const all: { actor: string; message: Message }[] = [];
  for (let batch = await world.ports.inbox.receive(10); batch.length > 0; batch = await world.ports.inbox.receive(10)) {
    all.push(...batch);
    await world.backend.ports.mailbox.acknowledge(batch);
  }
  return all;
}
const double = () => task({ name: "double" }, async (n: number) => 2 * n);

describe("an executor", () => {
  test("runs what is in a message side by side, and reports what came of it in one", async () => {
    double();
    const world = new World();
    expect(await world.executor({ Records: [parcel(packed("a", [{}, {}, {}]), "t1")] }, TIME)).toEqual({ batchItemFailures: [] });
    expect((await reported(world)).map((report) => report.ok && decode(report.value as string))).toEqual([2, 4, 6]);
  });

  test("never runs what was received before: the run hears of a crash", async () => {
    let ran = 0;
    task({ name: "double" }, async () => void ran++);
    const world = new World();
    await world.executor({ Records: [parcel(packed("a", [{}]), "t1", 2)] }, TIME);
    expect(ran).toBe(0);
    expect((await mail(world))[0]?.message).toMatchObject({ kind: "crash", attempts: [{ call: "call-0", attempt: 1 }] });
  });

  test("gives back only the message that it could not report", async () => {
    double();
    const world = new World({
      ports: beforeCall("mailbox", "send", (actor) => {
        if (actor === "run:b") throw new Error("the mailbox does not answer");
      }),
    });
    // In a tick each: what is reported together fails together.
    const records = [parcel(packed("a", [{}]), "t1"), parcel(packed("c", [{}]), "t2")];
    const answers = [await world.executor({ Records: records }, TIME), await world.executor({ Records: [parcel(packed("b", [{}]), "t3")] }, TIME)];
    expect(answers.map((answer) => [...failures(answer)])).toEqual([[], ["t3"]]);
    expect((await mail(world)).map(({ actor }) => actor).sort()).toEqual(["run:a", "run:c"]);
  });

  test("holds its message before it runs a task, where its pool has longer than a minute: the process may die of it at once", async () => {
    let before: unknown;
    task({ name: "double" }, async () => {
      before = world.hidden();
    });
    const world = new World();
    await world.executor({ Records: [parcel(packed("a", [{}]), "t1")] }, TIME);
    expect(before).toEqual({ "receipt-of-t1": 60 });
  });

  test("runs nothing beside what was in a process that died: that is sent again, to come in a batch of its own", async () => {
    const order: string[] = [];
    task({ name: "double" }, async (n: number) => void order.push(`double ${n}`));
    task({ name: "suspect" }, async (n: number) => void order.push(`suspect ${n}`));
    const suspect = (n: number, more: Partial<TaskMessage> = {}) => ({
      ...packed(`s${n}`, [{ task: "suspect", attempt: 2, alone: true, args: `[${n}]` }]),
      ...more,
    });
    const world = new World();
    await world.executor({ Records: [parcel(suspect(1), "s1"), parcel(packed("a", [{}]), "t1"), parcel(suspect(2), "s2")] }, TIME);
    expect(order).toEqual(["double 1"]);
    expect([...world.deleted()].sort()).toEqual(["receipt-of-s1", "receipt-of-s2"]);
    const again = await world.ports.tasks.receive("default", 10);
    expect(again.map(({ message, receives }) => [message.actor, message.earlier, receives])).toEqual([
      ["run:s1", ["s1"], 1],
      ["run:s2", ["s2"], 1],
    ]);
    // Among their like one of them runs; after some tries, also behind others.
    await world.executor({ Records: [parcel(suspect(1), "s1"), parcel(suspect(2), "s2")] }, TIME);
    await world.executor({ Records: [parcel(suspect(3, { earlier: ["x", "y", "z"] }), "s3"), parcel(packed("b", [{}]), "t2")] }, TIME);
    expect(order).toEqual(["double 1", "suspect 1", "double 1", "suspect 3"]);
  });

  test("fails a task that would outlive the invocation, shortly before its end", async () => {
    let reason: unknown;
    task({ name: "double" }, async () => {
      const signal = runContext().task?.signal;
      signal?.addEventListener("abort", () => {
        reason = signal.reason;
      });
      return new Promise<never>(() => {});
    });
    const world = new World();
    const work = world.executor({ Records: [parcel(packed("a", [{}]), "t1")] }, { getRemainingTimeInMillis: () => 60_000 });
    await vi.waitFor(() => expect(world.hidden()).not.toEqual({}));
    await world.backend.advance(57_000);
    expect(await work).toEqual({ batchItemFailures: [] });
    const [report] = await reported(world);
    expect(report).toMatchObject({ ok: false, verdict: { again: true } });
    expect(report?.ok === false && decode(report.error as string)).toMatchObject({ code: "WH3120" });
    expect((reason as WindhoverError).code).toBe("WH3120");
  });

  test("forwards timers: what is due to the mailbox, the rest is delayed again", async () => {
    const world = new World();
    world.sqs.on(SendMessageBatchCommand).resolves({});
    const now = world.ports.clock.now();
    const timer = (at: number, id: string) =>
      record({ timer: { actor: "run:a", at, message: { kind: "fire", id: `fire:${id}`, timer: id } } }, { id, queue, receives: 3 });
    expect(await world.executor({ Records: [timer(now, "due"), timer(now + 20_500, "early")] }, TIME)).toEqual({ batchItemFailures: [] });
    expect((await mail(world)).map(({ message }) => message.id)).toEqual(["fire:due"]);
    const [sent] = world.sqs.commandCalls(SendMessageBatchCommand).flatMap(({ args }) => args[0].input.Entries ?? []);
    expect(sent).toMatchObject({ DelaySeconds: 21, MessageBody: expect.stringContaining("early") });
  });

  test("keeps what is not ours in the bucket", async () => {
    const world = new World();
    expect(await world.executor({ Records: [record("hello", { id: "x", queue })] }, TIME)).toEqual({ batchItemFailures: [] });
    expect(world.s3.commandCalls(PutObjectCommand)[0]?.args[0].input.Key).toBe("dead-letters/tasks/x.json");
  });

  test("hands a task of an older build's run to that build", async () => {
    task({ name: "double" }, async () => "new code");
    const world = new World({ build: "new" });
    const seen: string[] = [];
    world.versions({
      old: (records) => {
        seen.push(...records.map(({ messageId }) => messageId));
        return { batchItemFailures: [] };
      },
    });
    await world.executor({ Records: [parcel(packed("a", [{}], "old"), "t1")] }, TIME);
    expect(seen).toEqual(["t1"]);
    expect(await mail(world)).toEqual([]);
  });

  test("reports a crash where that build is gone", async () => {
    double();
    const world = new World({ build: "new" });
    world.versions({ new: () => ({ batchItemFailures: [] }) });
    await world.executor({ Records: [parcel(packed("a", [{}], "old"), "t1")] }, TIME);
    expect((await mail(world))[0]?.message).toMatchObject({ kind: "crash", why: expect.stringContaining("WH3121") });
  });

  test("looks for a build again that was not there: while a deploy was under way, the next one's tasks were crashes for as long as the process lived", async () => {
    double();
    const world = new World({ build: "old" });
    world.versions({ old: () => ({ batchItemFailures: [] }) });
    const come = async (id: string) => {
      await world.executor({ Records: [parcel(packed("a", [{}], "next"), id)] }, TIME);
      return [(await mail(world)).map(({ message: { kind } }) => kind), world.lambda.commandCalls(ListVersionsByFunctionCommand).length];
    };
    expect(await come("t1")).toEqual([["crash"], 1]);
    world.versions({ old: () => ({ batchItemFailures: [] }), next: () => ({ batchItemFailures: [] }) });
    await world.backend.advance(59_000);
    expect(await come("t2")).toEqual([["crash"], 1]);
    await world.backend.advance(1000);
    expect(await come("t3")).toEqual([[], 2]);
  });

  test("holds a message for as long as the stack says", async () => {
    double();
    const world = new World({ stack: { ...STACK, heldSeconds: 9 } });
    await world.executor({ Records: [parcel(packed("a", [{}]), "t1")] }, TIME);
    expect(world.hidden()).toEqual({ "receipt-of-t1": 9 });
  });
});

describe("an attempt that has to be claimed", () => {
  const ran: number[] = [];
  beforeEach(() => {
    ran.length = 0;
    task({ name: "double" }, async (n: number) => void ran.push(n));
  });
  const claimed = (run: string, tasks: readonly Partial<TaskItem>[] = [{}]): TaskMessage =>
    packed(
      run,
      tasks.map((item) => ({ claim: true, ...item })),
    );
  const come = async (world: World, ...records: ReturnType<typeof parcel>[]) => [...failures(await world.executor({ Records: records }, TIME))];

  test("runs once, however often its message was sent: whoever comes second says nothing, and is done", async () => {
    const world = new World();
    expect(await come(world, parcel(claimed("a"), "sent"), parcel(claimed("a"), "copy"))).toEqual([]);
    expect(await come(world, parcel(claimed("a"), "third"))).toEqual([]);
    expect(ran).toEqual([1]);
    expect((await mail(world)).map(({ message: { kind } }) => kind)).toEqual(["done"]);
  });

  test("is a crash when the message of its claimer comes again, and only then", async () => {
    const world = new World();
    await come(world, parcel(claimed("a"), "sent"));
    expect((await mail(world)).map(({ message: { kind } }) => kind)).toEqual(["done"]);
    expect(await come(world, parcel(claimed("a"), "copy", 2), parcel(claimed("a"), "sent", 2))).toEqual([]);
    expect((await mail(world)).map(({ message }) => message)).toMatchObject([{ kind: "crash", attempts: [{ call: "call-0", attempt: 1 }] }]);
    expect(ran).toEqual([1]);
  });

  test("runs when its message was received before and nobody has begun it, as after a throttled invocation", async () => {
    const world = new World();
    await come(world, parcel(claimed("a"), "sent", 3));
    expect(ran).toEqual([1]);
    expect((await mail(world)).map(({ message: { kind } }) => kind)).toEqual(["done"]);
  });

  test("leaves a message alone that was handed out twice at once: it comes again if its claimer dies", async () => {
    const world = new World();
    await come(world, parcel(claimed("a"), "sent"));
    const before = world.hidden();
    expect(await come(world, parcel(claimed("a"), "sent"))).toEqual(["sent"]);
    expect(world.hidden()).toEqual(before);
    expect(ran).toEqual([1]);
  });

  test("has a claim of its own each time that it is tried, and each piece of a map has one", async () => {
    const world = new World();
    await come(
      world,
      parcel(claimed("a", [{ attempt: 1 }]), "1"),
      parcel(claimed("a", [{ attempt: 2 }]), "2"),
      parcel(claimed("a", [{ attempt: 2 }]), "2-copy"),
    );
    expect(ran).toHaveLength(2);
    const piece = (id: number) => claimed("b", [{ args: "[[7],[8]]", piece: { id, from: 0, to: 2 } }]);
    await come(world, parcel(piece(0), "p0"), parcel(piece(0), "p0-copy"), parcel(piece(1), "p1"));
    expect(ran.slice(2).sort()).toEqual([7, 7, 8, 8]);
  });

  test("of a packed message that comes again: what had begun has crashed, what had not runs, what a copy has claimed is left to that", async () => {
    const world = new World();
    await come(world, parcel(claimed("a", [{ call: "begun" }]), "sent"), parcel(claimed("a", [{ call: "copied" }]), "copy"));
    await mail(world);
    await come(world, parcel(claimed("a", [{ call: "begun" }, { call: "copied" }, { call: "new", args: "[9]" }]), "sent", 2));
    expect(ran).toEqual([1, 1, 9]);
    expect((await mail(world)).map(({ message }) => message)).toMatchObject([
      { kind: "crash", attempts: [{ call: "begun" }] },
      { kind: "done", reports: [{ call: "new" }] },
    ]);
  });

  test("is a crash for the copy of it that was sent again to run alone, if it had been claimed before: no other message of it is left", async () => {
    const world = new World();
    const alone = (run: string) => claimed(run, [{ alone: true, args: "[5]" }]);
    await come(world, parcel(packed("x", [{}]), "x"), parcel(alone("a"), "sent"));
    const [again] = await world.ports.tasks.receive("default", 10);
    expect(again?.message.earlier).toEqual(["sent"]);
    expect(ran).toEqual([1]);
    // Its first receiver had been taken for dead, and goes on.
    await come(world, parcel(alone("a"), "sent"));
    await mail(world);
    await come(world, parcel(again?.message as TaskMessage, "again"));
    expect((await mail(world)).map(({ message }) => message)).toMatchObject([{ kind: "crash", attempts: [{ call: "call-0" }] }]);
    // A copy of another origin has nothing to say.
    await come(world, parcel({ ...alone("a"), earlier: ["copy"] }, "copy again"));
    expect(await mail(world)).toEqual([]);
    expect(ran).toEqual([1, 5]);
  });

  test("is not said to have crashed where its build is gone, while a copy of it runs", async () => {
    const world = new World({ build: "new" });
    world.versions({ new: () => ({ batchItemFailures: [] }) });
    const old = { ...claimed("a"), run: { ...claimed("a").run, build: "old" } };
    await come(world, parcel(claimed("a"), "copy"));
    await mail(world);
    await come(world, parcel(old, "sent"));
    expect(await mail(world)).toEqual([]);
    await come(world, parcel(old, "copy", 2));
    expect((await mail(world))[0]?.message).toMatchObject({ kind: "crash", why: expect.stringContaining("WH3121") });
  });
});

test("a flow runs to its end between the two functions", async () => {
  const twice = double();
  flow({ name: "sum" }, async () => (await Promise.all([1, 2, 3].map((n) => twice(n)))).reduce((a, b) => a + b));
  const world = new World();
  await world.orchestrator({ Records: [letter("run:a", start("a", "sum"), { id: "m1" })] }, TIME);
  await world.pump({ executor: executorOf(world.fn, { forward: async () => {} }) });
  expect(decode((await world.state("a")).result as string)).toBe(12);
});
