/**
 * Letters for those whom nobody hands any: the dead letters' function, tests, an operator's command. SQS gives ten letters of several actors at once; a turn takes those of one
 * actor. The others stay here in hand until the next call, and nobody else gets them meanwhile.
 */
import type { Delivery, Message } from "../../engine/messages.ts";
import type { Inbox } from "../../engine/ports.ts";
import { type EventLetter, readMail, type TickLetter, tickMessage } from "./letters.ts";
import type { Parts } from "./parts.ts";
import { queueOf, type Received } from "./queue.ts";
import { createResults } from "./results.ts";

export interface InboxParts extends Parts {
  /** The queue's address, where it is not the mailbox itself but its dead letters. */
  readonly receivedFrom?: string;
  /** How long to wait for a first letter. Default: 0. Unit: seconds. */
  readonly waitSeconds?: number;
  /** Makes a message of what came from outside. Without it a tick is taken as it is, and an event is a letter that cannot be read. */
  readonly translate?: (letter: TickLetter | EventLetter) => Message | Promise<Message>;
  /** Told of a letter that cannot be read, before it is deleted; if this throws, it is not deleted. Without it the letter stays in the queue. */
  readonly unreadable?: (letter: Received, error: unknown) => Promise<void>;
}

export interface AwsInbox extends Inbox {
  /** Gives back what is in hand and what nobody asked for. */
  close(): Promise<void>;
}

/** What is in hand of one actor. */
interface Hand {
  /** With a consumer, by receipt. */
  readonly given: Map<string, Delivery>;
  /** Received from SQS, not yet asked for, in order. */
  kept: Delivery[];
}

export function createInbox({ receivedFrom, waitSeconds = 0, translate, unreadable, ...parts }: InboxParts): AwsInbox {
  const queue = queueOf(parts, receivedFrom ?? parts.stack.mailbox.url);
  const results = createResults(parts);
  const hands = new Map<string, Hand>();
  /** By letter: how often SQS counted a receive here that reached no consumer. */
  const uncounted = new Map<string, number>();
  let asking: Promise<unknown> = Promise.resolve();

  const read = async (received: Received): Promise<void> => {
    let delivery: Delivery;
    try {
      const letter = await readMail(results, received.body, received.sentAt);
      const message = letter.kind === "message" ? letter.message : await outside(letter, translate);
      const { physical, receipt } = received;
      delivery = { actor: letter.actor, physical, receipt, receives: received.receives - (uncounted.get(physical) ?? 0), message };
    } catch (error) {
      if (!unreadable) throw error;
      await unreadable(received, error);
      return queue.remove(received.receipt);
    }
    const hand: Hand = hands.get(delivery.actor) ?? { given: new Map(), kept: [] };
    hands.set(delivery.actor, hand);
    hand.kept.push(delivery);
  };

  const give = (most: number): readonly Delivery[] => {
    for (const [actor, hand] of hands) {
      if (hand.given.size > 0 || hand.kept.length === 0) continue;
      const batch = hand.kept.splice(0, most);
      for (const delivery of batch) hand.given.set(delivery.receipt as string, delivery);
      // Whoever was served goes to the end.
      hands.delete(actor);
      hands.set(actor, hand);
      return batch;
    }
    return [];
  };

  /** Takes what is in hand by these very receipts; one who was taken for dead has others. */
  const take = (deliveries: readonly Delivery[]): readonly Delivery[] =>
    deliveries.filter(({ actor, receipt }) => receipt !== undefined && hands.get(actor)?.given.delete(receipt));

  // Whoever shares the queue in this process acknowledges through it.
  const unwatch = queue.watch((receipt) => {
    for (const [actor, hand] of hands) {
      const delivery = hand.given.get(receipt);
      if (!delivery) continue;
      uncounted.delete(delivery.physical);
      hand.given.delete(receipt);
      if (hand.given.size === 0 && hand.kept.length === 0) hands.delete(actor);
    }
  });

  const release = async (deliveries: readonly Delivery[]): Promise<void> => {
    const given = take(deliveries);
    const back = [...given];
    for (const actor of new Set(given.map((delivery) => delivery.actor))) {
      const hand = hands.get(actor) as Hand;
      // While one letter of a group is in hand, SQS gives out none of it.
      for (const delivery of hand.kept) uncounted.set(delivery.physical, (uncounted.get(delivery.physical) ?? 0) + 1);
      back.push(...hand.kept);
      hand.kept = [];
      if (hand.given.size === 0) hands.delete(actor);
    }
    await Promise.all(back.map(({ receipt }) => queue.hide(receipt as string, 0)));
  };

  return {
    release,
    receive(most) {
      // One request after the other: what the first brings may be all that the next one wants.
      const batch = asking.then(async () => {
        const inHand = give(most);
        if (inHand.length > 0) return inHand;
        const failed: unknown[] = [];
        for (const received of await queue.receive(10, waitSeconds)) await read(received).catch((error: unknown) => failed.push(error));
        if (failed.length > 0) throw failed[0];
        return give(most);
      });
      asking = batch.catch(() => {});
      return batch;
    },
    async close() {
      unwatch();
      const kept = [...hands.values()].flatMap((hand) => [...hand.given.values(), ...hand.kept]);
      hands.clear();
      await Promise.all(kept.map(({ receipt }) => queue.hide(receipt as string, 0)));
    },
  };
}

async function outside(letter: TickLetter | EventLetter, translate: InboxParts["translate"]): Promise<Message> {
  if (translate) return translate(letter);
  if (letter.kind === "tick") return tickMessage(letter);
  throw new TypeError(`An event for ${letter.actor} needs the code of its trigger.`);
}
