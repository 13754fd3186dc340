/** The contracts of what travels (mailbox, tasks, timers, secrets, log lines, events) over MiniStack, in real time: fresh queues for each case. */
import { ListSchedulesCommand } from "@aws-sdk/client-scheduler";
import { describe, expect, test } from "vitest";
import { createInbox } from "../../adapters/aws/inbox.ts";
import { groupOf, writeTimer } from "../../adapters/aws/letters.ts";
import { queueOf, type Received } from "../../adapters/aws/queue.ts";
import { createTaskQueue } from "../../adapters/aws/tasks.ts";
import { holdMessages } from "../../adapters/aws/visibility.ts";
import type { Delivery } from "../../engine/messages.ts";
import { environmentOf, ministack } from "../aws/ministack.ts";
import { missingPython } from "../aws/python.ts";
import { createPlace, type PlaceOptions, type QueueBackend } from "./aws-queues.ts";
import { eventually, type Subject } from "./backend.ts";
import { clockContract } from "./clock.ts";
import { eventsContract } from "./events.ts";
import { logsContract } from "./logs.ts";
import { ids, mailboxContract, receive } from "./mailbox.ts";
import { anyOrder } from "./mailbox-model.ts";
import { randomContract } from "./random.ts";
import { AWKWARD_NAME, LOOKALIKES, message, taskMessage } from "./samples.ts";
import { secretsContract } from "./secrets.ts";
import { tasksContract } from "./tasks.ts";
import { timersContract } from "./timers.ts";

const missing = process.env["CI"] ? undefined : missingPython();

const place =
  (options: Omit<PlaceOptions, "endpoint"> = {}) =>
  async (): Promise<QueueBackend> => {
    const server = await ministack();
    Object.assign(process.env, environmentOf(server));
    return createPlace({ endpoint: server.endpoint, ...options });
  };

const COUNTED = "SQS counts every receive, also one that was given back";
const NOT_TAKEN_BACK = "SQS cannot take back a delayed message: the actor ignores what it no longer waits for; of schedules see below";
const TEN = "SQS gives out at most ten messages of a group at once";

const SKIPS = {
  "tasks: what is released goes to somebody else and does not count as received": COUNTED,
  "tasks: a release takes back its own receive only: one that died before still counts": COUNTED,
  "timers: the same id again replaces the timer, earlier, later and with another message": NOT_TAKEN_BACK,
  "timers: the same timer set twice, as by an effect that is performed again, is one timer": NOT_TAKEN_BACK,
  "timers: a deleted timer does not fire, and deleting one that has fired or never was is no error": NOT_TAKEN_BACK,
  "timers: ids belong to their actor: the same id elsewhere is another timer": NOT_TAKEN_BACK,
  "timers: timers outlive the process that set them, and deleted ones stay deleted": NOT_TAKEN_BACK,
  "timers: many timers fire, and those of one actor in the order of their times": `a delay is a whole number of seconds, and what is due in the same one comes in any order; ${TEN}`,
  "mailbox: whatever is sent, received, released and acknowledged in whatever order: nothing is lost, doubled, out of order or in two hands":
    "SQS gives out fewer of a group than wait, where it gives other groups in the same answer: see below, with batches that are not whole",
  "mailbox: messages sent at once all arrive, once each, with physical ids of their own": TEN,
};

describe("aws on MiniStack", () => {
  if (missing !== undefined) {
    test("the queues' ports", (context) => context.skip(missing));
    return;
  }
  mailboxContract(place(), SKIPS);
  tasksContract(place({ pools: [...LOOKALIKES, AWKWARD_NAME] }), SKIPS);
  timersContract(place(), SKIPS);
  secretsContract(place({ tables: true }), SKIPS);
  logsContract(place(), SKIPS);
  eventsContract(place({ bus: true }), SKIPS);
  clockContract(place(), SKIPS);
  randomContract(place(), SKIPS);

  describe("what SQS does in its own way", () => {
    const check = (title: string, promise: (subject: Subject, backend: QueueBackend) => Promise<void>, options: Omit<PlaceOptions, "endpoint"> = {}): void => {
      test(title, async () => {
        const backend = await place(options)();
        try {
          await promise(backend as unknown as Subject, backend);
        } finally {
          await backend.close();
        }
      });
    };

    check("whatever is done in whatever order: nothing is lost, doubled, out of order or in two hands", (subject) => anyOrder(subject, { whole: false }));

    check("many messages to few actors, sent at once, all arrive in their order", async (subject) => {
      const names = Array.from({ length: 100 }, (_, i) => String(i));
      await Promise.all(names.map((name, i) => subject.ports.mailbox.send(`run:${i % 5}`, message(name))));
      const got: Delivery[] = [];
      while (got.length < 100) {
        const batch = await receive(subject, 1);
        got.push(...batch);
        await subject.ports.mailbox.acknowledge(batch);
      }
      for (let i = 0; i < 5; i++) expect(ids(got.filter(({ actor }) => actor === `run:${i}`))).toEqual(names.filter((name) => Number(name) % 5 === i));
    });

    check("many timers fire, each once and none before its time", async (subject, { ports: { clock, timers } }) => {
      const from = clock.now();
      await Promise.all(Array.from({ length: 40 }, (_, i) => timers.set(`run:${i}`, "t", from + i * 50, message(String(i)))));
      const got: string[] = [];
      await eventually(subject, "40 timers", async () => {
        for (let batch = await subject.ports.inbox.receive(10); batch.length > 0; batch = await subject.ports.inbox.receive(10)) {
          for (const { actor } of batch) {
            expect(clock.now() - from).toBeGreaterThanOrEqual(Number(actor.slice(4)) * 50);
            got.push(actor);
          }
        }
        return got.length === 40 ? got : undefined;
      });
      expect(new Set(got).size).toBe(40);
    });

    check(
      "a long timer is a schedule: set twice it is one, any process deletes it, and it sends its message when it is due",
      async (subject, backend) => {
        const { clock, timers } = backend.ports;
        const { clients, stack } = backend.parts;
        const schedules = async () => (await clients.scheduler.send(new ListSchedulesCommand({ GroupName: stack.scheduleGroup }))).Schedules?.length ?? 0;
        const at = clock.now() + 3_000;
        for (let i = 0; i < 2; i++) await timers.set("run:a", "kept", at, message("kept"));
        await timers.set("run:a", "gone", at, message("gone"));
        expect(await schedules()).toBe(2);
        const other = await backend.beside();
        await other.ports.timers.delete("run:a", "gone");
        await other.ports.timers.delete("run:a", "never was");
        await other.close();
        expect(await schedules()).toBe(1);
        const got = await receive(subject, 1);
        expect(got.map((each) => each.message)).toEqual([message("kept")]);
        expect(clock.now()).toBeGreaterThanOrEqual(at);
        await timers.delete("run:a", "kept");
      },
      { timers: { longMs: 1_000, earlyMs: 1_000 } },
    );

    check("a timer's message on the default pool goes on to the mailbox, and the tasks beside it are tasks", async (subject, { ports, parts }) => {
      const queue = queueOf(parts, parts.stack.pools["default"]?.url as string);
      const timer = { actor: "run:a", at: ports.clock.now() - 1, message: message("due") };
      await queue.send({ body: await writeTimer(ports.results, timer) });
      await queue.send({ body: await writeTimer(ports.results, { ...timer, at: ports.clock.now() + 1_000, message: message("early") }) });
      await ports.tasks.enqueue("default", taskMessage("t-1"));
      const tasks = await createTaskQueue(parts).receive("default", 10);
      expect(tasks.map((each) => each.message.id)).toEqual(["t-1"]);
      const due = await receive(subject, 1);
      expect(ids(due)).toEqual(["due"]);
      await ports.mailbox.acknowledge(due);
      await ports.tasks.acknowledge(tasks);
      // The other one was delayed again, on the same queue.
      const early = await eventually(subject, "the early timer", async () => {
        expect(await ports.tasks.receive("default", 10)).toEqual([]);
        const batch = await ports.inbox.receive(10);
        return batch.length > 0 ? batch : undefined;
      });
      expect(ids(early)).toEqual(["early"]);
    });

    check("what is too large for a queue lies in the bucket, and comes in its turn", async (subject) => {
      const large = { kind: "input", id: "large", name: "note", value: "żółć".repeat(100_000) } as const;
      const { mailbox, tasks, timers } = subject.ports;
      await Promise.all([mailbox.send("run:a", large), mailbox.send("run:a", message("after"))]);
      const got = await receive(subject, 2);
      expect(got.map((each) => each.message)).toEqual([large, message("after")]);
      await mailbox.acknowledge(got);
      const packed = { ...taskMessage("t-1"), actor: `run:${"x".repeat(300_000)}` };
      await tasks.enqueue("default", packed);
      expect((await tasks.receive("default", 1))[0]?.message).toEqual(packed);
      await timers.set("run:a", "t", subject.ports.clock.now() + 500, large);
      expect((await receive(subject, 1))[0]?.message).toEqual(large);
    });

    check("ticks and events come from outside; what is not ours is handed out and deleted", async (_, { ports, parts }) => {
      const queue = queueOf(parts, parts.stack.mailbox.url);
      const actor = "deployment:nightly";
      const outside = [
        { to: actor, tick: { schedule: 1, nominal: "2026-11-22T02:00:00Z" } },
        { to: actor, event: { trigger: 2, event: { id: "e-1", source: "aws.s3", "detail-type": "Object Created", detail: { key: "a" } } } },
        { order: 7 },
      ];
      for (const body of outside) await queue.send({ body: JSON.stringify(body), group: groupOf(actor) });
      const foreign: Received[] = [];
      const inbox = createInbox({
        ...parts,
        translate: (letter) => (letter.kind === "event" ? message(`${letter.trigger} ${letter.event.id}`) : message(new Date(letter.nominal).toISOString())),
        unreadable: async (letter) => void foreign.push(letter),
      });
      expect(ids(await inbox.receive(10))).toEqual(["2026-11-22T02:00:00.000Z", "2 e-1"]);
      expect(foreign.map(({ body }) => body)).toEqual(['{"order":7}']);
      await inbox.close();
      expect((await createInbox({ ...parts, translate: () => message("again") }).receive(10)).map((each) => each.receives)).toEqual([2, 2]);
      expect(await ports.inbox.receive(10)).toEqual([]);
    });

    check("what a handler holds is hidden for as long as it holds it, and comes again at once when it gives it back", async (subject, { ports, parts }) => {
      for (const name of ["1", "2", "3"]) await ports.mailbox.send("run:a", message(name));
      const got = await receive(subject, 3);
      const hold = holdMessages({ ...parts, url: parts.stack.mailbox.url, messages: got, afterMs: 0 });
      expect(await ports.inbox.receive(10)).toEqual([]);
      await hold.giveBack(got);
      hold.end();
      const again = await createInbox(parts).receive(10);
      expect(ids(again)).toEqual(["1", "2", "3"]);
      expect(again.map((each) => each.receives)).toEqual([2, 2, 2]);
    });
  });
});
