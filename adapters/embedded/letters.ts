/** What is in the mail, as this process sees it: letters that wait, and letters in hand, by actor. No I/O here. */
import type { Delivery, Message } from "../../engine/messages.ts";

export interface Letter {
  readonly actor: string;
  readonly physical: string;
  /** The message as JSON; null while it lies in the database only. */
  body: string | null;
  /** Its row; 0 until it is written. */
  seq: number;
  /** Which sending of this process it is; 0 for another's, which is always written. */
  readonly sent: number;
  /** How often it was handed out. */
  receives: number;
  /** The same as the database knows it. */
  stored: number;
  /** An earlier process had it in hand, and did not come to an end with it. */
  readonly suspect: boolean;
  /** Names the hand that has it; null while it waits. */
  receipt: string | null;
}

/** Sent here, and not written yet. */
export const fresh = (actor: string, physical: string, body: string, sent: number): Letter => ({
  actor,
  physical,
  body,
  seq: 0,
  sent,
  receives: 0,
  stored: 0,
  suspect: false,
  receipt: null,
});

/** Found in the database. */
export const stored = (actor: string, physical: string, seq: number, receives: number): Letter => ({
  actor,
  physical,
  body: null,
  seq,
  sent: 0,
  receives,
  stored: receives,
  suspect: receives > 0,
  receipt: null,
});

export interface Slot {
  readonly actor: string;
  /** The claim is ours, and on disk. */
  ours: boolean;
  /** Taken over from a process that died: nothing of it is handed out before that is on disk. */
  inherited: boolean;
  /** In the order of sending. */
  readonly waiting: Letter[];
  readonly hand: Map<string, Letter>;
  /** In one of the two queues since then. Unit: milliseconds since 1970. */
  readySince: number | null;
}

export const newSlot = (actor: string): Slot => ({ actor, ours: false, inherited: false, waiting: [], hand: new Map(), readySince: null });

/** Rows come in the order of `seq`; what is not written yet comes after all that is. */
function isAfter(letter: Letter, other: Letter): boolean {
  if (letter.seq === 0 && other.seq === 0) return letter.sent > other.sent;
  return (letter.seq || Number.POSITIVE_INFINITY) > (other.seq || Number.POSITIVE_INFINITY);
}

/** Puts a letter at its place, which is nearly always the end. */
export function insert(waiting: Letter[], letter: Letter): void {
  let at = waiting.length;
  while (at > 0 && isAfter(waiting[at - 1] as Letter, letter)) at--;
  waiting.splice(at, 0, letter);
}

const isSuspect = (slot: Slot): boolean => slot.waiting.some(({ suspect }) => suspect);

export const deliver = ({ actor, physical, body, receives, receipt }: Letter): Delivery => ({
  actor,
  physical,
  message: JSON.parse(body as string) as Message,
  receives,
  receipt: receipt as string,
});

/**
 * Whose turn it is: first come, first served, but what an earlier process died with comes before all that, one at a time, so that whoever kills the process is the only one whose
 * count grows.
 */
export class Queues {
  readonly #fresh = new Set<Slot>();
  readonly #suspects = new Set<Slot>();
  #suspectInHand: Slot | null = null;

  /** True if the slot may be handed out now or later. */
  offer(slot: Slot, now: number): boolean {
    if (!slot.ours || slot.hand.size > 0 || slot.waiting.length === 0) return false;
    slot.readySince ??= now;
    if (isSuspect(slot)) this.#suspects.add(slot);
    else this.#fresh.add(slot);
    return true;
  }

  next(): Slot | null {
    const suspect = this.#suspectInHand ? undefined : first(this.#suspects);
    const slot = suspect ?? first(this.#fresh);
    if (!slot) return null;
    if (slot === suspect) this.#suspectInHand = slot;
    this.remove(slot);
    return slot;
  }

  /** Returns true when the next suspect may come. */
  done(slot: Slot): boolean {
    if (this.#suspectInHand !== slot) return false;
    this.#suspectInHand = null;
    return this.#suspects.size > 0;
  }

  remove(slot: Slot): void {
    slot.readySince = null;
    this.#fresh.delete(slot);
    this.#suspects.delete(slot);
  }

  get size(): number {
    return this.#fresh.size + this.#suspects.size;
  }

  *[Symbol.iterator](): Iterator<Slot> {
    yield* this.#fresh;
    yield* this.#suspects;
  }
}

function first<T>(set: ReadonlySet<T>): T | undefined {
  for (const each of set) return each;
  return undefined;
}
