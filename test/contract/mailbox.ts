/** Mailbox and Inbox: each actor's messages in order, to one consumer at a time, until they are acknowledged. */
import { expect } from "vitest";
import type { Delivery, Message } from "../../engine/messages.ts";
import { contract, eventually, type Make, type Skips, type Subject } from "./backend.ts";
import { anyOrder } from "./mailbox-model.ts";
import { AWKWARD, AWKWARD_NAME, LOOKALIKES, message } from "./samples.ts";

export const ids = (deliveries: readonly Delivery[]): readonly string[] => deliveries.map((delivery) => delivery.message.id);

/** Receives until `count` messages are in hand. */
export async function receive(subject: Subject, count: number, most = 10): Promise<readonly Delivery[]> {
  const inHand: Delivery[] = [];
  return await eventually(subject, `${count} messages received, after ${count - 1} at most`, async () => {
    for (;;) {
      const batch = await subject.ports.inbox.receive(most);
      if (batch.length === 0) return inHand.length >= count ? inHand : undefined;
      inHand.push(...batch);
    }
  });
}

async function send(subject: Subject, actor: string, ...names: readonly string[]): Promise<void> {
  for (const name of names) await subject.ports.mailbox.send(actor, message(name));
}

export function mailboxContract(make: Make, skips: Skips = {}): void {
  contract("mailbox", make, skips, (check) => {
    check("an empty mailbox gives an empty batch", async ({ ports: { inbox } }) => {
      expect(await inbox.receive(10)).toEqual([]);
    });

    check("a batch holds all that waits for one actor, in the order of sending, received once", async (subject) => {
      await send(subject, "run:a", "1", "2", "3");
      const batch = await receive(subject, 3);
      expect(ids(batch)).toEqual(["1", "2", "3"]);
      expect(batch.map(({ actor, receives, message: sent }) => ({ actor, receives, sent }))).toEqual(
        ["1", "2", "3"].map((name) => ({ actor: "run:a", receives: 1, sent: message(name) })),
      );
    });

    check("a batch is never larger than asked for, and the rest waits until it is done", async (subject) => {
      await send(subject, "run:a", "1", "2", "3", "4", "5");
      const first = await subject.ports.inbox.receive(2);
      expect(ids(first)).toEqual(["1", "2"]);
      expect(await subject.ports.inbox.receive(2)).toEqual([]);
      await subject.ports.mailbox.acknowledge(first);
      const second = await subject.ports.inbox.receive(2);
      expect(ids(second)).toEqual(["3", "4"]);
      await subject.ports.mailbox.acknowledge(second);
      expect(ids(await receive(subject, 1))).toEqual(["5"]);
    });

    check("many messages keep their order over many batches", async (subject) => {
      const names = Array.from({ length: 137 }, (_, i) => `m-${i}`);
      await send(subject, "run:a", ...names);
      const got: string[] = [];
      while (got.length < names.length) {
        const batch = await receive(subject, 1);
        got.push(...ids(batch));
        await subject.ports.mailbox.acknowledge(batch);
      }
      expect(got).toEqual(names);
      expect(await subject.ports.inbox.receive(10)).toEqual([]);
    });

    check("a batch is of one actor", async (subject) => {
      for (const name of ["1", "2", "3"]) for (const actor of ["run:a", "run:b", "limit:c"]) await send(subject, actor, name);
      const seen: string[] = [];
      for (let i = 0; i < 3; i++) {
        const batch = await eventually(subject, "a batch", async () => ((b) => (b.length ? b : undefined))(await subject.ports.inbox.receive(10)));
        expect(ids(batch)).toEqual(["1", "2", "3"]);
        expect(new Set(batch.map((each) => each.actor)).size).toBe(1);
        seen.push((batch[0] as Delivery).actor);
      }
      expect(seen.toSorted()).toEqual(["limit:c", "run:a", "run:b"]);
    });

    check("an actor in hand is not given to a second consumer, other actors are", async (subject) => {
      await send(subject, "run:a", "1", "2");
      const held = await receive(subject, 2);
      await send(subject, "run:a", "3");
      await send(subject, "run:b", "4");
      const other = await receive(subject, 1);
      expect(other.map((each) => each.actor)).toEqual(["run:b"]);
      expect(await subject.ports.inbox.receive(10)).toEqual([]);
      await subject.ports.mailbox.acknowledge(held);
      expect(ids(await receive(subject, 1))).toEqual(["3"]);
    });

    check("consumers that ask at the same time never get the same actor", async (subject) => {
      for (const actor of ["run:a", "run:b", "run:c"]) await send(subject, actor, "1", "2");
      const batches = await Promise.all(Array.from({ length: 8 }, () => subject.ports.inbox.receive(1)));
      const actors = batches.flat().map((each) => each.actor);
      expect(actors.toSorted()).toEqual(["run:a", "run:b", "run:c"]);
      expect(ids(batches.flat())).toEqual(["1", "1", "1"]);
    });

    check("an actor in the hand of one process is not given to another", async (first) => {
      const second = await first.beside();
      await send(first, "run:a", "1", "2");
      await send(second, "run:b", "3");
      const batches = await Promise.all([
        first.ports.inbox.receive(10),
        second.ports.inbox.receive(10),
        first.ports.inbox.receive(10),
        second.ports.inbox.receive(10),
      ]);
      const got = batches.filter((batch) => batch.length > 0).map(ids);
      expect(got.toSorted()).toEqual([["1", "2"], ["3"]]);
      await send(second, "run:a", "4");
      expect(await second.ports.inbox.receive(10)).toEqual([]);
      await first.ports.mailbox.acknowledge((batches[0] as Delivery[]).concat(batches[2] as Delivery[]));
      await second.ports.mailbox.acknowledge((batches[1] as Delivery[]).concat(batches[3] as Delivery[]));
      expect(ids(await receive(second, 1))).toEqual(["4"]);
    });

    check("what is sent while a batch is in hand comes in the next batch", async (subject) => {
      await send(subject, "run:a", "1");
      const first = await receive(subject, 1);
      await send(subject, "run:a", "2", "3");
      await subject.ports.mailbox.acknowledge(first);
      expect(ids(await receive(subject, 2))).toEqual(["2", "3"]);
    });

    check("what is released comes again: the same sending, counted, and before what was sent later", async (subject) => {
      await send(subject, "run:a", "1", "2");
      const first = await receive(subject, 2);
      await send(subject, "run:a", "3");
      await subject.ports.inbox.release(first);
      const second = await receive(subject, 3);
      expect(ids(second)).toEqual(["1", "2", "3"]);
      expect(second.map((each) => each.receives)).toEqual([2, 2, 1]);
      expect(second.slice(0, 2).map((each) => each.physical)).toEqual(first.map((each) => each.physical));
      await subject.ports.inbox.release(second);
      expect((await receive(subject, 3)).map((each) => each.receives)).toEqual([3, 3, 2]);
    });

    check("the released end of a batch comes again, the acknowledged beginning does not", async (subject) => {
      await send(subject, "run:a", "1", "2", "3");
      const batch = await receive(subject, 3);
      await subject.ports.mailbox.acknowledge(batch.slice(0, 1));
      expect(await subject.ports.inbox.receive(10), "two are still in hand").toEqual([]);
      await subject.ports.inbox.release(batch.slice(1));
      const again = await receive(subject, 2);
      expect(ids(again)).toEqual(["2", "3"]);
      await subject.ports.mailbox.acknowledge(again);
      expect(await subject.ports.inbox.receive(10)).toEqual([]);
    });

    check("what is acknowledged never comes again", async (subject) => {
      await send(subject, "run:a", "1", "2");
      const batch = await receive(subject, 2);
      await subject.ports.mailbox.acknowledge(batch);
      await subject.ports.inbox.release(batch);
      await subject.ports.mailbox.acknowledge(batch);
      await subject.advance(1_000);
      expect(await subject.ports.inbox.receive(10)).toEqual([]);
    });

    check("nothing is acknowledged and nothing released without harm", async (subject) => {
      await subject.ports.mailbox.acknowledge([]);
      await subject.ports.inbox.release([]);
      await send(subject, "run:a", "1");
      expect(ids(await receive(subject, 1))).toEqual(["1"]);
    });

    check("deliveries of several actors are acknowledged and released together", async (subject) => {
      await send(subject, "run:a", "1");
      await send(subject, "run:b", "2");
      const both = await receive(subject, 2);
      await subject.ports.inbox.release(both);
      const again = await receive(subject, 2);
      expect(ids(again).toSorted()).toEqual(["1", "2"]);
      await subject.ports.mailbox.acknowledge(again);
      expect(await subject.ports.inbox.receive(10)).toEqual([]);
    });

    check("two equal messages are two messages", async (subject) => {
      await send(subject, "run:a", "same", "same");
      await send(subject, "run:b", "same");
      const all = await receive(subject, 3);
      expect(ids(all)).toEqual(["same", "same", "same"]);
      expect(new Set(all.map((each) => each.physical)).size).toBe(3);
    });

    check("messages sent at once all arrive, once each, with physical ids of their own", async (subject) => {
      const names = Array.from({ length: 100 }, (_, i) => `m-${i}`);
      await Promise.all(names.map((name, i) => send(subject, `run:${i % 5}`, name)));
      const all = await receive(subject, 100, 100);
      expect(ids(all).toSorted()).toEqual(names.toSorted());
      expect(new Set(all.map((each) => each.physical)).size).toBe(100);
    });

    check("an actor that always has mail does not starve another", async (subject) => {
      await send(subject, "run:busy", "0", "1");
      await send(subject, "run:quiet", "quiet");
      const served = new Set<string>();
      for (let i = 0; i < 20 && !served.has("run:quiet"); i++) {
        const batch = await subject.ports.inbox.receive(1);
        for (const delivery of batch) served.add(delivery.actor);
        await send(subject, "run:busy", `more-${i}`);
        await subject.ports.mailbox.acknowledge(batch);
      }
      expect(served).toContain("run:quiet");
    });

    check("awkward text comes back as it was, in messages and in actors' names", async (subject) => {
      const actor = `limit:${AWKWARD_NAME}`;
      const sent: Message = { kind: "input", id: AWKWARD, name: AWKWARD_NAME, value: AWKWARD.repeat(400) };
      await subject.ports.mailbox.send(actor, sent);
      const [got] = await receive(subject, 1);
      expect(got).toMatchObject({ actor, message: sent });
    });

    check("actors with similar names have mailboxes of their own", async (subject) => {
      for (const name of LOOKALIKES) await send(subject, `limit:${name}`, name);
      const all = await receive(subject, LOOKALIKES.length);
      for (const delivery of all) expect(delivery.actor).toBe(`limit:${delivery.message.id}`);
      expect(ids(all).toSorted()).toEqual(LOOKALIKES.toSorted());
    });

    check("a message is a copy: neither its sender nor a consumer can change it", async (subject) => {
      const sent = { kind: "input", id: "1", name: "note", value: "before" } as { kind: "input"; id: string; name: string; value: string };
      await subject.ports.mailbox.send("run:a", sent);
      sent.value = "changed";
      const first = await receive(subject, 1);
      expect(first[0]?.message).toMatchObject({ value: "before" });
      (first[0]?.message as { value: string }).value = "changed";
      await subject.ports.inbox.release(first);
      expect((await receive(subject, 1))[0]?.message).toMatchObject({ value: "before" });
    });

    check("after the process died, what was sent is there, what was in hand comes again and counts, what was acknowledged does not", async (subject) => {
      await send(subject, "run:a", "done");
      await subject.ports.mailbox.acknowledge(await receive(subject, 1));
      await send(subject, "run:a", "in hand 1", "in hand 2");
      const held = await receive(subject, 2);
      await send(subject, "run:a", "waiting");
      await send(subject, "run:b", "other");
      const next = await subject.reopen();
      const all = await receive(next, 4);
      const ofA = all.filter((each) => each.actor === "run:a");
      expect(ids(ofA)).toEqual(["in hand 1", "in hand 2", "waiting"]);
      expect(ofA.map((each) => each.receives)).toEqual([2, 2, 1]);
      expect(ofA.slice(0, 2).map((each) => each.physical)).toEqual(held.map((each) => each.physical));
      expect(ids(all.filter((each) => each.actor === "run:b"))).toEqual(["other"]);
    });

    check("one who was taken for dead takes nothing from the hand of its successor", async (subject) => {
      await send(subject, "run:a", "1", "2");
      const dead = await receive(subject, 2);
      const next = await subject.reopen();
      const held = await receive(next, 2);
      await next.ports.inbox.release(dead);
      expect(await next.ports.inbox.receive(10), "the successor has them in hand").toEqual([]);
      await next.ports.mailbox.acknowledge(held);
      await next.advance(1_000);
      expect(await next.ports.inbox.receive(10)).toEqual([]);
    });

    check("whatever is sent, received, released and acknowledged in whatever order: nothing is lost, doubled, out of order or in two hands", (subject) =>
      anyOrder(subject),
    );
  });
}
