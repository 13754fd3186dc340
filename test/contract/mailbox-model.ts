/** Random programs over a mailbox, held against a model of it: what waits for each actor, and what is in whose hand. */
import fc from "fast-check";
import { expect } from "vitest";
import type { Delivery } from "../../engine/messages.ts";
import type { Subject } from "./backend.ts";
import { message } from "./samples.ts";

/** `whole: false`: a backend may give out fewer of an actor's letters than wait for it, but some, and the first ones. */
export async function anyOrder(subject: Pick<Subject, "ports">, { whole = true }: { readonly whole?: boolean } = {}): Promise<void> {
  const { mailbox, inbox } = subject.ports;
  const step = fc.oneof(
    { weight: 3, arbitrary: fc.record({ do: fc.constant("send" as const), actor: fc.nat(2) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant("receive" as const), most: fc.integer({ min: 1, max: 4 }) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constantFrom("acknowledge" as const, "release" as const), batch: fc.nat(5) }) },
  );
  let round = 0;
  const promise = fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
    round += 1;
    const waiting = new Map<string, { readonly id: string; readonly received: number }[]>();
    const inHand: (readonly Delivery[])[] = [];
    let sent = 0;
    const take = async (most: number): Promise<number> => {
      const batch = await inbox.receive(most);
      const actor = batch[0]?.actor;
      if (actor === undefined) {
        const free = [...waiting].filter(([name, letters]) => letters.length > 0 && !inHand.some((held) => held[0]?.actor === name));
        expect(free, "mail that nobody has in hand was not given").toEqual([]);
        return 0;
      }
      expect(
        inHand.some((held) => held[0]?.actor === actor),
        "one actor in two hands",
      ).toBe(false);
      const all = Math.min(most, waiting.get(actor)?.length ?? 0);
      if (whole) expect(batch.length).toBe(all);
      else expect(batch.length).toBeLessThanOrEqual(all);
      const expected = waiting
        .get(actor)
        ?.splice(0, batch.length)
        .map((letter) => ({ id: letter.id, receives: letter.received + 1 }));
      expect(batch.map((each) => ({ id: each.message.id, receives: each.receives }))).toEqual(expected);
      inHand.push(batch);
      return batch.length;
    };
    try {
      for (const each of steps) {
        if (each.do === "send") {
          const actor = `run:${round}-${each.actor}`;
          const id = `${round}-${sent++}`;
          await mailbox.send(actor, message(id));
          waiting.set(actor, [...(waiting.get(actor) ?? []), { id, received: 0 }]);
        } else if (each.do === "receive") await take(each.most);
        else {
          const [batch] = inHand.splice(each.batch, 1);
          if (!batch) continue;
          if (each.do === "acknowledge") await mailbox.acknowledge(batch);
          else {
            await inbox.release(batch);
            waiting.get((batch[0] as Delivery).actor)?.unshift(...batch.map((delivery) => ({ id: delivery.message.id, received: delivery.receives })));
          }
        }
      }
      for (const batch of inHand.splice(0)) await mailbox.acknowledge(batch);
      while ((await take(4)) > 0) for (const batch of inHand.splice(0)) await mailbox.acknowledge(batch);
    } finally {
      // Whatever went wrong, the next and smaller program begins with an empty mailbox.
      for (const batch of inHand) await mailbox.acknowledge(batch);
      for (let rest = await inbox.receive(10); rest.length > 0; rest = await inbox.receive(10)) await mailbox.acknowledge(rest);
    }
  });
  await fc.assert(promise, { numRuns: 60 });
}
