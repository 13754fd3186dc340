/**
 * Letters for those whom nobody hands any: the dead letters' function, tests, an operator's command. SQS gives ten letters of several actors at once; a turn takes those of one
 * actor. The others stay here in hand until the next call, and nobody else gets them meanwhile.
 */
import type { Message } from "../../engine/messages.ts";
import type { Inbox } from "../../engine/ports.ts";
import { Hands, type Letter } from "./hands.ts";
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

export function createInbox({ receivedFrom, waitSeconds = 0, translate, unreadable, ...parts }: InboxParts): AwsInbox {
  const queue = queueOf(parts, receivedFrom ?? parts.stack.mailbox.url);
  const results = createResults(parts);
  const hands = new Hands();
  // Whoever shares the queue in this process acknowledges through it.
  const unwatch = queue.watch((receipt) => hands.done(receipt));
  let asking: Promise<unknown> = Promise.resolve();

  const read = async (received: Received): Promise<void> => {
    const { physical, receipt, receives } = received;
    try {
      const letter = await readMail(results, received.body, received.sentAt);
      const message = letter.kind === "message" ? letter.message : await outside(letter, translate);
      hands.keep({ actor: letter.actor, physical, receipt, receives, message });
    } catch (error) {
      if (!unreadable) throw error;
      await unreadable(received, error);
      await queue.remove(receipt);
    }
  };

  const giveBack = async (letters: readonly Letter[]): Promise<void> => {
    await Promise.all(letters.map(({ receipt }) => queue.hide(receipt, 0)));
  };

  return {
    receive(most) {
      // One request after the other: what the first brings may be all that the next one wants.
      const batch = asking.then(async () => {
        const inHand = hands.give(most);
        if (inHand.length > 0) return inHand;
        const failed: unknown[] = [];
        for (const received of await queue.receive(10, waitSeconds)) await read(received).catch((error: unknown) => failed.push(error));
        if (failed.length > 0) throw failed[0];
        return hands.give(most);
      });
      asking = batch.catch(() => {});
      return batch;
    },
    release: (deliveries) => giveBack(hands.release(deliveries)),
    async close() {
      unwatch();
      await giveBack(hands.empty());
    },
  };
}

async function outside(letter: TickLetter | EventLetter, translate: InboxParts["translate"]): Promise<Message> {
  if (translate) return translate(letter);
  if (letter.kind === "tick") return tickMessage(letter);
  throw new TypeError(`An event for ${letter.actor} needs the code of its trigger.`);
}
