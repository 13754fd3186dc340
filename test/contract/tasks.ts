/** TaskQueue: each message to one executor of its pool; a second receive means that the first one died. */
import { expect } from "vitest";
import type { TaskDelivery, TaskMessage } from "../../engine/ports.ts";
import { contract, eventually, type Make, type Skips, type Subject } from "./backend.ts";
import { AWKWARD, AWKWARD_NAME, LOOKALIKES, taskMessage } from "./samples.ts";

const ids = (deliveries: readonly TaskDelivery[]): readonly string[] => deliveries.map((delivery) => delivery.message.id).toSorted();

/** Receives until `count` messages are in hand. */
async function receive(subject: Subject, pool: string, count: number, most = 10): Promise<readonly TaskDelivery[]> {
  const inHand: TaskDelivery[] = [];
  return await eventually(subject, `${count} task messages received from ${pool}`, async () => {
    for (;;) {
      const batch = await subject.ports.tasks.receive(pool, most);
      if (batch.length === 0) return inHand.length >= count ? inHand : undefined;
      inHand.push(...batch);
    }
  });
}

export function tasksContract(make: Make, skips: Skips = {}): void {
  contract("tasks", make, skips, (check) => {
    check("an empty pool gives nothing", async ({ ports: { tasks } }) => {
      expect(await tasks.receive("default", 10)).toEqual([]);
    });

    check("what is enqueued is received once, as it was written", async (subject) => {
      const sent = taskMessage("t-1", ["a-0", "a-1"]);
      await subject.ports.tasks.enqueue("default", sent);
      const [got, ...rest] = await receive(subject, "default", 1);
      expect(rest).toEqual([]);
      expect(got).toMatchObject({ pool: "default", receives: 1, message: sent });
      expect(got?.physical).toEqual(expect.any(String));
    });

    check("pools are apart, also those with similar names", async (subject) => {
      for (const pool of [...LOOKALIKES, AWKWARD_NAME]) await subject.ports.tasks.enqueue(pool, taskMessage(pool));
      for (const pool of [...LOOKALIKES, AWKWARD_NAME]) {
        const got = await receive(subject, pool, 1);
        expect(ids(got)).toEqual([pool]);
        expect(got[0]?.pool).toBe(pool);
      }
    });

    check("never more than asked for", async (subject) => {
      for (let i = 0; i < 5; i++) await subject.ports.tasks.enqueue("default", taskMessage(`t-${i}`));
      const first = await subject.ports.tasks.receive("default", 2);
      expect(first.length).toBeLessThanOrEqual(2);
      const rest = await receive(subject, "default", 5 - first.length);
      expect(ids([...first, ...rest])).toEqual(["t-0", "t-1", "t-2", "t-3", "t-4"]);
    });

    check("executors that ask at the same time never get the same message", async (subject) => {
      const names = Array.from({ length: 30 }, (_, i) => `t-${i}`);
      await Promise.all(names.map((name) => subject.ports.tasks.enqueue("default", taskMessage(name))));
      const batches = await Promise.all(Array.from({ length: 10 }, () => subject.ports.tasks.receive("default", 2)));
      const rest = await receive(subject, "default", 30 - batches.flat().length);
      const all = [...batches.flat(), ...rest];
      expect(ids(all)).toEqual(names.toSorted());
      expect(new Set(all.map((each) => each.physical)).size).toBe(30);
    });

    check("executors in two processes share a pool without getting the same message", async (first) => {
      const second = await first.beside();
      for (let i = 0; i < 20; i++) await (i % 2 ? first : second).ports.tasks.enqueue("default", taskMessage(`t-${i}`));
      const got: TaskDelivery[] = [];
      for (let i = 0; i < 10; i++) got.push(...(await Promise.all([first.ports.tasks.receive("default", 1), second.ports.tasks.receive("default", 1)])).flat());
      expect(got).toHaveLength(20);
      expect(new Set(ids(got)).size).toBe(20);
    });

    check("what is acknowledged never comes again", async (subject) => {
      await subject.ports.tasks.enqueue("default", taskMessage("t-1"));
      const got = await receive(subject, "default", 1);
      await subject.ports.tasks.acknowledge(got);
      await subject.ports.tasks.release(got);
      await subject.ports.tasks.acknowledge(got);
      await subject.advance(1_000);
      expect(await subject.ports.tasks.receive("default", 10)).toEqual([]);
    });

    check("what is released goes to somebody else and does not count as received", async (subject) => {
      await subject.ports.tasks.enqueue("default", taskMessage("t-1"));
      for (let i = 0; i < 4; i++) {
        const got = await receive(subject, "default", 1);
        expect(got.map((each) => each.receives)).toEqual([1]);
        await subject.ports.tasks.release(got);
      }
    });

    check("some of a batch are acknowledged, the others released", async (subject) => {
      for (const id of ["t-1", "t-2", "t-3"]) await subject.ports.tasks.enqueue("default", taskMessage(id));
      const got = await receive(subject, "default", 3);
      await subject.ports.tasks.acknowledge(got.filter((each) => each.message.id === "t-2"));
      await subject.ports.tasks.release(got.filter((each) => each.message.id !== "t-2"));
      expect(ids(await receive(subject, "default", 2))).toEqual(["t-1", "t-3"]);
    });

    check("nothing is acknowledged and nothing released without harm", async ({ ports: { tasks } }) => {
      await tasks.acknowledge([]);
      await tasks.release([]);
      expect(await tasks.receive("default", 1)).toEqual([]);
    });

    check("two equal messages are two messages", async (subject) => {
      await subject.ports.tasks.enqueue("default", taskMessage("same"));
      await subject.ports.tasks.enqueue("default", taskMessage("same"));
      const got = await receive(subject, "default", 2);
      expect(ids(got)).toEqual(["same", "same"]);
      expect(new Set(got.map((each) => each.physical)).size).toBe(2);
    });

    check("a packed message comes back whole, awkward text included", async (subject) => {
      const packed: TaskMessage = {
        ...taskMessage(
          AWKWARD,
          Array.from({ length: 100 }, (_, i) => `${AWKWARD_NAME}-${i}`),
        ),
        tasks: Array.from({ length: 100 }, (_, i) => ({
          call: `c-${i}`,
          attempt: i + 1,
          task: AWKWARD_NAME,
          args: AWKWARD,
          deps: { "c-0": AWKWARD, "c-1": { ref: "abc", chars: 9 } },
          tags: [AWKWARD],
        })),
      };
      await subject.ports.tasks.enqueue("default", packed);
      expect((await receive(subject, "default", 1))[0]?.message).toEqual(packed);
    });

    check("a message is a copy: neither who enqueued it nor an executor can change it", async (subject) => {
      const sent = { ...taskMessage("t-1"), actor: "run:before" };
      await subject.ports.tasks.enqueue("default", sent);
      sent.actor = "run:changed";
      const first = await receive(subject, "default", 1);
      expect(first[0]?.message.actor).toBe("run:before");
      (first[0]?.message as { actor: string }).actor = "run:changed";
      await subject.ports.tasks.release(first);
      expect((await receive(subject, "default", 1))[0]?.message.actor).toBe("run:before");
    });

    check("after the process died, what waited is there, what was in hand comes again and counts, what was acknowledged does not", async (subject) => {
      for (const id of ["done", "held"]) await subject.ports.tasks.enqueue("default", taskMessage(id));
      const got = await receive(subject, "default", 2);
      await subject.ports.tasks.acknowledge(got.filter((each) => each.message.id === "done"));
      await subject.ports.tasks.enqueue("default", taskMessage("waiting"));
      const all = await receive(await subject.reopen(), "default", 2);
      expect(ids(all)).toEqual(["held", "waiting"]);
      const counts = Object.fromEntries(all.map((each) => [each.message.id, each.receives]));
      expect(counts).toEqual({ held: 2, waiting: 1 });
      expect(all.find((each) => each.message.id === "held")?.physical).toBe(got.find((each) => each.message.id === "held")?.physical);
    });

    check("a release takes back its own receive only: one that died before still counts", async (subject) => {
      await subject.ports.tasks.enqueue("default", taskMessage("t-1"));
      await receive(subject, "default", 1);
      const next = await subject.reopen();
      const second = await receive(next, "default", 1);
      expect(second.map((each) => each.receives)).toEqual([2]);
      await next.ports.tasks.release(second);
      expect((await receive(next, "default", 1)).map((each) => each.receives)).toEqual([2]);
    });

    check("one who was taken for dead takes nothing from the hand of its successor", async (subject) => {
      await subject.ports.tasks.enqueue("default", taskMessage("t-1"));
      const dead = await receive(subject, "default", 1);
      const next = await subject.reopen();
      const held = await receive(next, "default", 1);
      await next.ports.tasks.release(dead);
      expect(await next.ports.tasks.receive("default", 10)).toEqual([]);
      await next.ports.tasks.acknowledge(held);
      await next.advance(1_000);
      expect(await next.ports.tasks.receive("default", 10)).toEqual([]);
    });
  });
}
