/** Timers: a message in an actor's mailbox at its time or soon after, at least once, never before. */
import { expect } from "vitest";
import type { Message } from "../../engine/messages.ts";
import { contract, type Make, type Skips, type Subject } from "./backend.ts";
import { ids, receive } from "./mailbox.ts";
import { AWKWARD, AWKWARD_NAME, LOOKALIKES, message } from "./samples.ts";

/** A timer in so many milliseconds. */
async function set(subject: Subject, actor: string, id: string, inMs: number, sent: Message = message(id)): Promise<void> {
  await subject.ports.timers.set(actor, id, subject.ports.clock.now() + inMs, sent);
}

export function timersContract(make: Make, skips: Skips = {}): void {
  contract("timers", make, skips, (check) => {
    check("a timer sends its message when it is due, not before", async (subject) => {
      await set(subject, "run:a", "t-1", 3_000);
      expect(await subject.ports.inbox.receive(10)).toEqual([]);
      await subject.advance(1_500);
      expect(await subject.ports.inbox.receive(10)).toEqual([]);
      await subject.advance(1_600);
      const got = await receive(subject, 1);
      expect(got[0]).toMatchObject({ actor: "run:a", message: message("t-1"), receives: 1 });
    });

    check("a time that is past fires at once", async (subject) => {
      await set(subject, "run:a", "t-1", -3_600_000);
      await subject.ports.timers.set("run:a", "t-2", 0, message("t-2"));
      expect(new Set(ids(await receive(subject, 2)))).toEqual(new Set(["t-1", "t-2"]));
    });

    check("the same id again replaces the timer, earlier, later and with another message", async (subject) => {
      await set(subject, "run:later", "t", 500, message("old"));
      await set(subject, "run:later", "t", 4_000, message("new"));
      await set(subject, "run:sooner", "t", 600_000, message("old"));
      await set(subject, "run:sooner", "t", 500, message("new"));
      await subject.advance(1_500);
      const sooner = await receive(subject, 1);
      expect(new Set(sooner.map((each) => `${each.actor} ${each.message.id}`))).toEqual(new Set(["run:sooner new"]));
      await subject.ports.mailbox.acknowledge(sooner);
      await subject.advance(3_000);
      expect(new Set((await receive(subject, 1)).map((each) => `${each.actor} ${each.message.id}`))).toEqual(new Set(["run:later new"]));
    });

    check("the same timer set twice, as by an effect that is performed again, is one timer", async (subject) => {
      const at = subject.ports.clock.now() + 1_000;
      await subject.ports.timers.set("run:a", "t", at, message("t"));
      await subject.ports.timers.set("run:a", "t", at, message("t"));
      await subject.ports.timers.delete("run:a", "t");
      await subject.advance(2_000);
      expect(await subject.ports.inbox.receive(10)).toEqual([]);
    });

    check("a deleted timer does not fire, and deleting one that has fired or never was is no error", async (subject) => {
      await set(subject, "run:a", "gone", 1_000);
      await set(subject, "run:a", "kept", 1_000);
      await subject.ports.timers.delete("run:a", "gone");
      await subject.ports.timers.delete("run:a", "never was");
      await subject.advance(2_000);
      const got = await receive(subject, 1);
      expect(new Set(ids(got))).toEqual(new Set(["kept"]));
      await subject.ports.timers.delete("run:a", "kept");
      await subject.ports.timers.delete("run:a", "gone");
    });

    check("an id that has fired can be set again", async (subject) => {
      await set(subject, "run:a", "t", 500, message("first"));
      await subject.advance(1_000);
      await subject.ports.mailbox.acknowledge(await receive(subject, 1));
      await set(subject, "run:a", "t", 500, message("second"));
      await subject.advance(1_000);
      expect(new Set(ids(await receive(subject, 1)))).toEqual(new Set(["second"]));
    });

    check("ids belong to their actor: the same id elsewhere is another timer", async (subject) => {
      for (const name of LOOKALIKES) await set(subject, `limit:${name}`, "t", 500, message(`of ${name}`));
      await subject.ports.timers.delete(`limit:${LOOKALIKES[0]}`, "t");
      await subject.advance(1_000);
      const got = await receive(subject, LOOKALIKES.length - 1);
      expect([...new Set(ids(got))].toSorted()).toEqual(
        LOOKALIKES.slice(1)
          .map((name) => `of ${name}`)
          .toSorted(),
      );
      for (const each of got) expect(`limit:${each.message.id.slice(3)}`).toBe(each.actor);
    });

    check("many timers fire, and those of one actor in the order of their times", async (subject) => {
      const delays = Array.from({ length: 40 }, (_, i) => ((i * 17) % 40) * 50);
      for (const delay of delays) await set(subject, `run:${delay % 200 === 0 ? "a" : "b"}`, `t-${delay}`, delay, message(String(delay)));
      await subject.advance(3_000);
      const got = await receive(subject, 40, 100);
      expect([...new Set(ids(got))].toSorted()).toEqual(delays.map(String).toSorted());
      const ofB = got.filter((each) => each.actor === "run:b").map((each) => Number(each.message.id));
      expect(ofB).toEqual(ofB.toSorted((a, b) => a - b));
    });

    check("awkward text comes back as it was", async (subject) => {
      const sent: Message = { kind: "input", id: AWKWARD, name: AWKWARD_NAME, value: AWKWARD };
      await set(subject, `limit:${AWKWARD_NAME}`, AWKWARD_NAME, 500, sent);
      await subject.advance(1_000);
      expect((await receive(subject, 1))[0]).toMatchObject({ actor: `limit:${AWKWARD_NAME}`, message: sent });
    });

    check("a message is a copy: who set the timer cannot change it", async (subject) => {
      const sent = { kind: "input", id: "1", name: "note", value: "before" } as { kind: "input"; id: string; name: string; value: string };
      await set(subject, "run:a", "t", 500, sent);
      sent.value = "changed";
      await subject.advance(1_000);
      expect((await receive(subject, 1))[0]?.message).toMatchObject({ value: "before" });
    });

    check("timers outlive the process that set them, and deleted ones stay deleted", async (subject) => {
      await set(subject, "run:a", "short", 500);
      await set(subject, "run:a", "long", 5_000);
      await set(subject, "run:a", "deleted", 500);
      await subject.ports.timers.delete("run:a", "deleted");
      const next = await subject.reopen();
      await next.advance(2_000);
      const first = await receive(next, 1);
      expect(new Set(ids(first))).toEqual(new Set(["short"]));
      await next.ports.mailbox.acknowledge(first);
      await next.advance(4_000);
      expect(new Set(ids(await receive(next, 1)))).toEqual(new Set(["long"]));
    });

    check("a timer that fired just before the process died is in the mailbox", async (subject) => {
      await set(subject, "run:a", "t", 500);
      await subject.advance(1_000);
      expect(new Set(ids(await receive(await subject.reopen(), 1)))).toEqual(new Set(["t"]));
    });
  });
}
