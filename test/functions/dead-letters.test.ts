import { PutObjectCommand } from "@aws-sdk/client-s3";
import { GetQueueAttributesCommand, ReceiveMessageCommand, SendMessageBatchCommand } from "@aws-sdk/client-sqs";
import type { SQSRecord } from "aws-lambda";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import * as z from "zod";
import { readMail } from "../../adapters/aws/letters.ts";
import { claimTasks } from "../../engine/claims.ts";
import { decode } from "../../engine/codec.ts";
import type { WindhoverError } from "../../engine/errors.ts";
import type { Delivery } from "../../engine/messages.ts";
import { shared } from "../../engine/scope.ts";
import { type DeadMail, deadLettersOf, translated } from "../../functions/dead-letters.ts";
import { flow, onEvent, runInput, task, waitForInput } from "../../sdk/index.ts";
import { letter, record, STACK, start, TIME, World } from "./world.ts";

beforeEach(() => void vi.spyOn(process.stdout, "write").mockReturnValue(true));
afterEach(() => {
  vi.restoreAllMocks();
  shared.code.clear();
});

const Answer = runInput({ name: "answer", schema: z.string() });

/** Dead letters of the mailbox, one batch an actor, as an inbox gives them. */
function dead(world: World, records: readonly SQSRecord[]): { readonly deleted: string[]; readonly mailOf: () => DeadMail } {
  const deleted: string[] = [];
  const left = [...records];
  return {
    deleted,
    mailOf: () => ({
      inbox: {
        async receive() {
          const next = left.shift();
          if (!next) return [];
          const mail = await readMail(world.ports.results, next.body, 0);
          const delivery: Delivery = {
            actor: mail.actor,
            physical: next.messageId,
            receipt: next.receiptHandle,
            receives: 20,
            message: await translated(world.fn, mail),
          };
          return [delivery];
        },
      },
      mailbox: {
        send: (actor, message) => world.ports.mailbox.send(actor, message),
        acknowledge: async (deliveries) => void deleted.push(...deliveries.map(({ physical }) => physical)),
      },
    }),
  };
}

function quiet(world: World): World {
  world.sqs.on(ReceiveMessageCommand).resolves({}).on(GetQueueAttributesCommand).resolves({});
  return world;
}

describe("dead letters of the mailbox", () => {
  test("a start of which the process died is a crashed run, and its starter hears of it", async () => {
    const world = quiet(new World());
    const child = { ...start("child", "poison"), starter: { actor: "run:parent", call: "sub-1" } };
    const { deleted, mailOf } = dead(world, [letter("run:child", child, { id: "m1" })]);
    await deadLettersOf(world.fn, mailOf)({}, TIME);
    expect((await world.state("child")).row.type).toBe("CRASHED");
    expect((await world.ports.inbox.receive(10)).map(({ actor, message }) => [actor, message.kind])).toEqual([["run:parent", "ended"]]);
    expect(deleted).toEqual(["m1"]);
  });

  test("a message that an entry of the log has consumed, however old, has that entry's effects performed again, and the run goes on", async () => {
    const one = task({ name: "one", pool: "default" }, async () => 1);
    flow({ name: "f" }, async () => {
      await one();
      return waitForInput(Answer);
    });
    const world = quiet(new World());
    await world.orchestrator({ Records: [letter("run:a", start("a", "f"), { id: "m1" })] }, TIME);
    const [first] = await world.ports.tasks.receive("default", 1);
    await world.pump();
    await world.orchestrator({ Records: [letter("run:a", { kind: "pause", id: "p1" }, { id: "m2" })] }, TIME);
    expect((await world.entries("a")).length).toBeGreaterThan(1);
    const { deleted, mailOf } = dead(world, [letter("run:a", start("a", "f"), { id: "m1" })]);
    await deadLettersOf(world.fn, mailOf)({}, TIME);
    expect((await world.ports.tasks.receive("default", 1))[0]?.message).toEqual(first?.message);
    expect((await world.state("a")).row.type).toBe("PAUSED");
    expect(deleted).toEqual(["m1"]);
  });

  test("a message that none has consumed ends its run as crashed, without its code", async () => {
    let turns = 0;
    flow({ name: "f" }, async () => {
      turns++;
      return waitForInput(Answer);
    });
    const world = quiet(new World());
    await world.orchestrator({ Records: [letter("run:a", start("a", "f"), { id: "m1" })] }, TIME);
    const { mailOf } = dead(world, [letter("run:a", { kind: "input", id: "i1", name: "answer", value: '"x"' }, { id: "m9" })]);
    await deadLettersOf(world.fn, mailOf)({}, TIME);
    const { row, error } = await world.state("a");
    expect(row.type).toBe("CRASHED");
    expect((decode(error as string) as WindhoverError).code).toBe("WH1403");
    expect(turns).toBe(1);
  });

  test("an attempt that was lost inline goes to the queue; if it was the last one, the run ends as crashed", async () => {
    const lost = task({ name: "lost" }, async () => new Promise<never>(() => {}));
    const fragile = task({ name: "fragile", crashRetries: 0 }, async () => new Promise<never>(() => {}));
    flow({ name: "f" }, async () => lost());
    flow({ name: "g" }, async () => fragile());
    const world = quiet(new World());
    for (const [run, name] of [["a", "f"] as const, ["b", "g"] as const]) {
      void world.orchestrator({ Records: [letter(`run:${run}`, start(run, name), { id: `m-${run}` })] }, TIME);
      await vi.waitFor(async () => expect(await world.entries(run)).toHaveLength(1));
    }
    const { mailOf, deleted } = dead(world, [letter("run:a", start("a", "f"), { id: "m-a" }), letter("run:b", start("b", "g"), { id: "m-b" })]);
    await deadLettersOf(world.fn, mailOf)({}, TIME);
    expect((await world.state("a")).row.type).toBe("RUNNING");
    expect((await world.ports.tasks.receive("default", 1))[0]?.message.tasks).toMatchObject([{ task: "lost", attempt: 2 }]);
    expect((await world.state("b")).row.type).toBe("CRASHED");
    expect(deleted).toEqual(["m-a", "m-b"]);
  });

  test("a limit takes its message as usual, and an ended run answers", async () => {
    flow({ name: "quick" }, async () => 1);
    const world = quiet(new World());
    await world.orchestrator({ Records: [letter("run:a", start("a", "quick"), { id: "m1" })] }, TIME);
    const again = { ...start("a", "quick"), starter: { actor: "run:parent", call: "sub-1" } };
    const { mailOf } = dead(world, [letter("limit:l", { kind: "configure", id: "c", limit: 3 }, { id: "m2" }), letter("run:a", again, { id: "m3" })]);
    await deadLettersOf(world.fn, mailOf)({}, TIME);
    expect((await world.ports.log.tail("limit:l"))?.state).toMatchObject({ limit: 3 });
    expect((await world.state("a")).row.type).toBe("COMPLETED");
    expect((await world.ports.inbox.receive(10))[0]?.message).toMatchObject({ kind: "ended", state: "COMPLETED" });
  });

  test("an event for a deployment is a failed run that keeps it, because its function may be what the process died of", async () => {
    const ship = flow({ name: "ship" }, async () => {});
    const shop = ship.deployment({ name: "shop", triggers: [onEvent({ source: "shop" })] });
    const world = quiet(new World({ modules: [{ shop }] }));
    await world.orchestrator({ Records: [letter("deployment:shop", { kind: "resume", id: "r" }, { id: "m1" })] }, TIME);
    const event = { id: "e-1", source: "shop", "detail-type": "paid", detail: { order: 7 }, time: "2027-01-15T09:00:00Z" };
    const { mailOf } = dead(world, [record({ to: "deployment:shop", event: { trigger: 0, event } }, { id: "m2", group: "deployment:shop" })]);
    await deadLettersOf(world.fn, mailOf)({}, TIME);
    await world.pump();
    const [run] = await world.runs("ship");
    expect(run?.row).toMatchObject({ type: "FAILED", message: expect.stringContaining("received too often") });
  });

  test("one actor's failure does not keep the next from being taken", async () => {
    const world = quiet(
      new World({
        ports: (ports) => ({
          ...ports,
          log: { ...ports.log, read: async (actor: string) => (actor === "run:a" ? Promise.reject(new Error("gone")) : ports.log.read(actor)) },
        }),
      }),
    );
    const { mailOf, deleted } = dead(world, [letter("run:a", start("a", "x"), { id: "m1" }), letter("run:b", start("b", "x"), { id: "m2" })]);
    await deadLettersOf(world.fn, mailOf)({}, TIME);
    expect(deleted).toEqual(["m2"]);
  });
});

describe("dead letters of a pool", () => {
  const message = {
    id: "t",
    actor: "run:a",
    run: { runId: "a", runName: "a", flow: "f", parameters: "{}", tags: [] },
    tasks: [{ call: "c", attempt: 2, task: "x" }],
  };

  function pool(bodies: readonly string[]): World {
    const world = new World();
    const Messages = bodies.map((Body, i) => ({
      MessageId: `d${i}`,
      ReceiptHandle: `receipt-of-d${i}`,
      Body,
      Attributes: { ApproximateReceiveCount: "1", SentTimestamp: "0" },
    }));
    world.sqs
      .on(ReceiveMessageCommand)
      .resolves({})
      .on(ReceiveMessageCommand, { QueueUrl: STACK.pools["default"]?.deadLettersUrl })
      .resolvesOnce({ Messages })
      .resolves({})
      .on(SendMessageBatchCommand)
      .resolves({});
    return world;
  }

  test("a task is reported as crashed, a timer goes to its actor, what is not ours to the bucket; all are deleted", async () => {
    const timer = { actor: "run:a", at: 5, message: { kind: "fire", id: "fire:x", timer: "x" } };
    const world = pool([JSON.stringify({ task: message }), JSON.stringify({ timer }), "hello"]);
    await deadLettersOf(world.fn, () => ({ inbox: { receive: async () => [] }, mailbox: world.ports.mailbox }))({}, TIME);
    const mail = await world.ports.inbox.receive(10);
    expect(mail.map(({ message: { kind } }) => kind).sort()).toEqual(["crash", "fire"]);
    expect(mail.find(({ message: { kind } }) => kind === "crash")?.message).toMatchObject({ attempts: [{ call: "c", attempt: 2 }] });
    expect(world.s3.commandCalls(PutObjectCommand)[0]?.args[0].input.Key).toBe("dead-letters/tasks-dead/d2.json");
    expect([...world.deleted()].sort()).toEqual(["receipt-of-d0", "receipt-of-d1", "receipt-of-d2"]);
  });

  test("a task that has to be claimed is nobody's any more, unless a copy of it is in other hands: then those say what becomes of it", async () => {
    const tasks = [
      { call: "dropped", attempt: 1, task: "x", claim: true },
      { call: "copied", attempt: 1, task: "x", claim: true },
    ];
    const world = pool([JSON.stringify({ task: { ...message, tasks } })]);
    const copy = { physical: "copy", receives: 1, message: { ...message, tasks: [{ call: "copied", attempt: 1, task: "x", claim: true as const }] } };
    expect((await claimTasks(world.ports, copy)).run).toHaveLength(1);
    await deadLettersOf(world.fn, () => ({ inbox: { receive: async () => [] }, mailbox: world.ports.mailbox }))({}, TIME);
    expect((await world.ports.inbox.receive(10)).map(({ message: one }) => one)).toMatchObject([{ kind: "crash", attempts: [{ call: "dropped" }] }]);
    const late = { physical: "late copy", receives: 1, message: { ...message, tasks: [{ call: "dropped", attempt: 1, task: "x", claim: true as const }] } };
    expect(await claimTasks(world.ports, late)).toEqual({ run: [], crashed: [], leave: false });
  });
});
