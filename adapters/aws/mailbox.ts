/** The mailbox of all actors: one FIFO queue, in which each actor is a message group. */
import type { Mailbox } from "../../engine/ports.ts";
import { groupOf, writeMail } from "./letters.ts";
import type { Parts } from "./parts.ts";
import { queueOf } from "./queue.ts";
import { createResults } from "./results.ts";

export interface MailboxParts extends Parts {
  /** The address of the queue that letters were received from, where it is not the mailbox itself but its dead letters. */
  readonly receivedFrom?: string;
}

/** A delivery without a receipt is deleted by whoever delivered it: in Lambda the event source mapping does so when the handler returns, at no charge. */
export function createMailbox({ receivedFrom, ...parts }: MailboxParts): Mailbox {
  const queue = queueOf(parts, parts.stack.mailbox.url);
  const source = queueOf(parts, receivedFrom ?? parts.stack.mailbox.url);
  const results = createResults(parts);
  /** By actor, the last letter that waits for its message to be in the bucket: later ones go behind it. */
  const held = new Map<string, Promise<void>>();
  return {
    send(actor, message) {
      const group = groupOf(actor);
      const body = writeMail(results, actor, message);
      const before = held.get(actor);
      if (typeof body === "string" && !before) return queue.send({ body, group });
      const sent = Promise.all([body, before?.catch(() => {})]).then(([text]) => queue.send({ body: text, group }));
      held.set(actor, sent);
      const letGo = (): void => {
        if (held.get(actor) === sent) held.delete(actor);
      };
      sent.then(letGo, letGo);
      return sent;
    },
    async acknowledge(deliveries) {
      const receipts = deliveries.flatMap(({ receipt }) => (receipt === undefined ? [] : [receipt]));
      await Promise.all(receipts.map((receipt) => source.remove(receipt)));
    },
  };
}
