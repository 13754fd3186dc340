/**
 * What a handler holds. Queues hide a message for as long as their function may run; a handler that holds messages for long shortens that to a minute and renews it, so that
 * its death is noticed within that minute.
 */
import { type QueueParts, queueOf } from "./queue.ts";

/** How long a held message stays hidden after its holder died, unless the stack says otherwise. Unit: seconds. */
export const HELD_SECONDS = 60;
/** Unit: milliseconds. */
export const RENEW_EVERY_MS = 20_000;
/** The longest that a group waits after failures. Unit: seconds. */
const LONGEST_PAUSE_SECONDS = 60;

/** A message as SQS delivered it. Deliveries and task deliveries are such. */
export interface HeldMessage {
  readonly receipt?: string;
  readonly receives: number;
}

export interface Hold {
  /** From now on the messages are hidden for a minute at a time, again and again. Resolves when they are so for the first time. More than once is no more than once. */
  renew(): Promise<void>;
  /** These were deleted, or belong to somebody else now: they are no longer renewed. */
  drop(messages: readonly HeldMessage[]): void;
  /**
   * After a failure: these come again, at once the first time, later and later after more failures. Give all messages of a group: while one of it is hidden, SQS gives out none.
   * They are dropped.
   */
  giveBack(messages: readonly HeldMessage[]): Promise<void>;
  /** Ends the renewing. What is still held stays hidden for its rest. */
  end(): void;
}

export interface HoldParts extends QueueParts {
  /** The address of the queue. */
  readonly url: string;
  readonly messages: readonly HeldMessage[];
  /** How long a renewal hides them; the next one comes after a third of it. Default: {@link HELD_SECONDS}. Unit: seconds. */
  readonly heldSeconds?: number | undefined;
  /** Renewing begins by itself after so long: 0 is at once. Without it, with {@link Hold.renew} only. Unit: milliseconds. */
  readonly afterMs?: number;
}

/**
 * @example
 * const hold = holdMessages({ clients, clock, random, url: stack.mailbox.url, messages: deliveries, afterMs: 2000 });
 * try { await turn(host, actor, deliveries); } catch (error) { await hold.giveBack(deliveries); } finally { hold.end(); }
 */
export function holdMessages({ url, messages, afterMs, heldSeconds = HELD_SECONDS, ...parts }: HoldParts): Hold {
  const { clock } = parts;
  const everyMs = Math.min(RENEW_EVERY_MS, (heldSeconds * 1000) / 3);
  const queue = queueOf(parts, url);
  const held = new Set(messages.flatMap(({ receipt }) => (receipt === undefined ? [] : [receipt])));
  const ending = new AbortController();
  let first: Promise<void> | undefined;

  // One that fails is tried again with the next renewal, and there are two of them before the message comes back.
  const hide = async (): Promise<void> => void (await Promise.allSettled([...held].map((receipt) => queue.hide(receipt, heldSeconds))));
  const goOn = async (): Promise<void> => {
    for (;;) {
      await clock.wait(everyMs, ending.signal);
      if (ending.signal.aborted || held.size === 0) return;
      await hide();
    }
  };
  const renew = async (): Promise<void> => {
    if (ending.signal.aborted) return;
    if (!first) {
      first = hide();
      void first.then(goOn);
    }
    await first;
  };
  if (afterMs === 0) void renew();
  else if (afterMs !== undefined) void clock.wait(afterMs, ending.signal).then(renew);

  const drop = (done: readonly HeldMessage[]): void => {
    for (const { receipt } of done) if (receipt !== undefined) held.delete(receipt);
  };

  return {
    renew,
    drop,
    async giveBack(back) {
      drop(back);
      const receives = Math.max(1, ...back.map((message) => message.receives));
      const seconds = receives === 1 ? 0 : Math.min(LONGEST_PAUSE_SECONDS, 2 ** (receives - 2));
      await Promise.all(back.map(async ({ receipt }) => receipt !== undefined && queue.hide(receipt, seconds)));
    },
    end: () => ending.abort(),
  };
}
