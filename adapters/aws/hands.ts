/** Whose letters are in hand here: with a consumer, or received together with another actor's and not yet asked for. */
import type { Delivery } from "../../engine/messages.ts";

/** A letter that SQS gave us. */
export type Letter = Delivery & { readonly receipt: string };

interface Hand {
  /** With a consumer, by receipt. */
  readonly given: Map<string, Letter>;
  /** Not yet asked for, in order. */
  kept: Letter[];
}

export class Hands {
  readonly #hands = new Map<string, Hand>();
  /** By letter: how often SQS counted a receive here that reached no consumer. */
  readonly #uncounted = new Map<string, number>();

  /** A letter as it was received, with SQS's count of receives. */
  keep(letter: Letter): void {
    const hand: Hand = this.#hands.get(letter.actor) ?? { given: new Map(), kept: [] };
    this.#hands.set(letter.actor, hand);
    hand.kept.push({ ...letter, receives: letter.receives - (this.#uncounted.get(letter.physical) ?? 0) });
  }

  /** The first letters of an actor of whom no consumer has any. */
  give(most: number): readonly Letter[] {
    for (const [actor, hand] of this.#hands) {
      if (hand.given.size > 0 || hand.kept.length === 0) continue;
      const batch = hand.kept.splice(0, most);
      for (const letter of batch) hand.given.set(letter.receipt, letter);
      // Whoever was served goes to the end.
      this.#hands.delete(actor);
      this.#hands.set(actor, hand);
      return batch;
    }
    return [];
  }

  /**
   * A consumer gives these back. Returns what has to be visible again: of their actors also what nobody asked for, for while one letter of a group is in hand, SQS gives out none
   * of it. What we do not have in hand by this very receipt is left out: it is in another's.
   */
  release(deliveries: readonly Delivery[]): readonly Letter[] {
    const back: Letter[] = [];
    for (const { actor, receipt = "" } of deliveries) {
      const hand = this.#hands.get(actor);
      const letter = hand?.given.get(receipt);
      if (!hand || !letter) continue;
      back.push(letter, ...hand.kept);
      for (const { physical } of hand.kept) this.#uncounted.set(physical, (this.#uncounted.get(physical) ?? 0) + 1);
      hand.kept = [];
      this.#drop(letter);
    }
    return back;
  }

  /** Deleted: it never comes again. */
  done(receipt: string): void {
    for (const { given } of this.#hands.values()) {
      const letter = given.get(receipt);
      if (!letter) continue;
      this.#uncounted.delete(letter.physical);
      this.#drop(letter);
      return;
    }
  }

  /** Empties all hands. Returns what was in them. */
  empty(): readonly Letter[] {
    const all = [...this.#hands.values()].flatMap(({ given, kept }) => [...given.values(), ...kept]);
    this.#hands.clear();
    return all;
  }

  #drop({ actor, receipt }: Letter): void {
    const hand = this.#hands.get(actor);
    hand?.given.delete(receipt);
    if (hand?.given.size === 0 && hand.kept.length === 0) this.#hands.delete(actor);
  }
}
