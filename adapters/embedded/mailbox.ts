/**
 * Mailboxes. A message is a row; who may handle an actor's is decided by its claim, one row an actor, taken and dropped in the transactions in which messages come and go:
 *
 * - Whoever sends the first message to an actor claims it, if it receives at all, in the same transaction: a new run costs no extra commit.
 * - Mail that nobody claims is claimed by whoever sees it, on disk before it is handed out.
 * - A claim ends when the last delivery is acknowledged and no mail is left; when the code is not known here (`decline`); when mail of it has waited too long
 *   while there are others who might have time; and when its owner dies (see `processes.ts`).
 *
 * What this process sends to an actor that it has claimed is handed out before it is written: the log's entry that consumes it can only be written after it.
 */
import { deadMessage } from "../../engine/dead-letter.ts";
import type { Delivery, Message } from "../../engine/messages.ts";
import type { Clock, Inbox, Mailbox } from "../../engine/ports.ts";
import type { Database, Row } from "./database.ts";
import type { Journal, Section } from "./journal.ts";
import { deliver, fresh, insert, type Letter, newSlot, Queues, type Slot, stored } from "./letters.ts";
import { MailRows } from "./mail-rows.ts";
import type { Membership } from "./membership.ts";
import { Bell } from "./signal.ts";
import { Texts } from "./texts.ts";

/** After this, mail that we have no time for is offered to other processes. Unit: milliseconds. */
const YIELD_MS = 250;

export class EmbeddedMailbox implements Mailbox, Inbox, Section {
  readonly bell = new Bell();
  readonly #rows: MailRows;
  readonly #journal: Journal;
  readonly #clock: Clock;
  readonly #membership: Membership;
  readonly #slots = new Map<string, Slot>();
  readonly #queues = new Queues();
  readonly #texts = new Texts((seq) => this.#journal.guard(() => this.#rows.body(seq)));
  /** Letters in hand or waiting here, by physical id. */
  readonly #letters = new Map<string, Letter>();
  readonly #declined = new Set<string>();
  #sent = 0;
  #handed = 0;
  #lastSeq = 0;
  #orphans = -1;
  #yielding = false;
  #yielded = false;
  // What is noted for the next transaction.
  readonly #inserts = new Set<Letter>();
  #deletes: number[] = [];
  #counts = new Set<Letter>();
  #wanted = new Set<string>();
  #idle = new Set<Slot>();
  #givenUp = new Set<string>();
  #gained = new Set<Slot>();

  constructor(database: Database, journal: Journal, clock: Clock, membership: Membership) {
    this.#rows = new MailRows(database);
    this.#journal = journal;
    this.#clock = clock;
    this.#membership = membership;
  }

  /** Resolves when the message is on disk. */
  async send(actor: string, message: Message): Promise<void> {
    this.#journal.check();
    this.post(actor, JSON.stringify(message));
    this.#journal.mark(this, "now");
    await this.#journal.durable();
  }

  /** Notes a message for the next transaction, or for the one that is being written. */
  post(actor: string, body: string): void {
    const sent = ++this.#sent;
    const letter = fresh(actor, `${this.#membership.id}-${sent.toString(36)}`, body, sent);
    this.#inserts.add(letter);
    if (!this.#membership.joined || this.#declined.has(actor)) return;
    const slot = this.#slot(actor);
    this.#letters.set(letter.physical, letter);
    slot.waiting.push(letter);
    this.#offer(slot);
  }

  async receive(most: number): Promise<readonly Delivery[]> {
    this.#journal.check();
    if (!this.#membership.joined) this.#membership.join();
    if (this.#queues.size === 0) {
      this.#journal.glance();
      if (this.#yielded) this.#journal.guard(() => this.catchUp());
      if (this.#wanted.size > 0) this.#journal.flush();
    }
    const slot = this.#queues.next();
    if (!slot) return [];
    const letters = slot.waiting.splice(0, most);
    const certain = slot.inherited || letters.some((letter) => letter.receives > 0);
    for (const letter of letters) {
      letter.receives++;
      letter.receipt = `${this.#membership.id}.${++this.#handed}`;
      slot.hand.set(letter.physical, letter);
      this.#counts.add(letter);
      this.#texts.need(letter);
    }
    if (letters.length === 0) return [];
    // That it was handed out is noted for all; what came back once is not handed out again before the count is on disk, so that nothing kills us for ever.
    this.#journal.mark(this, certain ? "now" : "soon");
    const deliveries = letters.map(deliver);
    if (certain) await this.#journal.durable();
    return deliveries;
  }

  async acknowledge(deliveries: readonly Delivery[]): Promise<void> {
    this.#journal.check();
    for (const delivery of deliveries) {
      const held = this.#held(delivery);
      if (!held) continue;
      const [slot, letter] = held;
      slot.hand.delete(letter.physical);
      this.#forget(letter);
      this.#counts.delete(letter);
      if (letter.seq > 0) this.#deletes.push(letter.seq);
      else this.#inserts.delete(letter);
      this.#settle(slot);
    }
    if (deliveries.length > 0) this.#journal.mark(this, "soon");
  }

  async release(deliveries: readonly Delivery[]): Promise<void> {
    this.#journal.check();
    const slots = new Set<Slot>();
    for (const delivery of [...deliveries].reverse()) {
      const held = this.#held(delivery);
      if (!held) continue;
      const [slot, letter] = held;
      slot.hand.delete(letter.physical);
      letter.receipt = null;
      insert(slot.waiting, letter);
      slots.add(slot);
    }
    for (const slot of slots) this.#settle(slot);
  }

  /** Not ours to handle, for instance because the flow's code is not known here: another process may have it. Not counted as received. */
  async decline(deliveries: readonly Delivery[]): Promise<void> {
    this.#journal.check();
    for (const delivery of deliveries) {
      const held = this.#held(delivery);
      if (!held) continue;
      const [slot, letter] = held;
      this.#declined.add(slot.actor);
      slot.hand.delete(letter.physical);
      letter.receives--;
      if (letter.receives !== letter.stored) this.#counts.add(letter);
      else this.#counts.delete(letter);
      slot.waiting.push(letter);
      if (slot.hand.size === 0) this.#giveUp(slot);
    }
    this.#journal.mark(this, "now");
  }

  /** New code was loaded: what was declined may be ours now. */
  reconsider(): void {
    if (this.#declined.size === 0) return;
    this.#declined.clear();
    this.#orphans = -1;
    this.#journal.guard(() => this.catchUp());
  }

  // ---- the transaction

  catchUp(): void {
    if (!this.#membership.joined) return;
    for (const row of this.#rows.after(this.#lastSeq)) {
      this.#lastSeq = row["seq"] as number;
      if (row["owner"] === this.#membership.id) this.#add(row);
      else if (row["owner"] === null) this.#want(row["actor"] as string);
    }
    const orphans = this.#rows.orphans();
    if (orphans === this.#orphans) return;
    this.#orphans = orphans;
    this.#yielded = false;
    for (const actor of this.#rows.unclaimed()) this.#want(actor);
  }

  write(): void {
    const { joined, id } = this.#membership;
    for (const actor of this.#givenUp) this.#rows.drop(actor, id);
    if (this.#givenUp.size > 0) this.#rows.orphan();
    this.#givenUp.clear();
    const wanted = new Set<Slot>();
    for (const actor of this.#wanted) wanted.add(this.#slot(actor));
    this.#wanted.clear();
    for (const letter of this.#inserts) {
      const slot = joined ? this.#slots.get(letter.actor) : undefined;
      if (slot) wanted.add(slot);
    }
    this.#claim(wanted, id);
    for (const letter of this.#inserts) {
      letter.seq = this.#rows.insert(letter.actor, letter.physical, letter.receives, letter.body as string);
      letter.stored = letter.receives;
      this.#lastSeq = letter.seq;
      if (this.#letters.has(letter.physical)) this.#texts.written(letter);
    }
    this.#inserts.clear();
    const counted = [...this.#counts].filter((letter) => letter.stored !== letter.receives);
    this.#counts.clear();
    this.#rows.count(counted);
    for (const letter of counted) letter.stored = letter.receives;
    this.#rows.delete(this.#deletes);
    this.#deletes = [];
    this.#dropIdle(id);
  }

  committed(): void {
    const gained = this.#gained;
    this.#gained = new Set();
    for (const slot of gained) {
      slot.ours = true;
      this.#offer(slot);
    }
  }

  failed(): void {
    // Whoever waits for mail comes and is told.
    this.bell.raise();
  }

  /** Claims of a process that died are ours now: takes in their mail. Inside a transaction. */
  inherit(actors: readonly string[]): void {
    for (const actor of actors) {
      if (this.#declined.has(actor)) {
        this.#rows.drop(actor, this.#membership.id);
        this.#rows.orphan();
        continue;
      }
      const slot = this.#slot(actor);
      slot.inherited = true;
      this.#load([slot.actor]);
      this.#gained.add(slot);
    }
  }

  /** What this actor has in hand never reaches its code again: that has ended the process. Inside a transaction. */
  bury(actor: string, why: string): void {
    for (const { seq, body } of this.#slots.get(actor)?.hand.values() ?? []) {
      const message = JSON.parse(body ?? this.#rows.body(seq)) as Message;
      this.#rows.rewrite(seq, JSON.stringify(deadMessage(message, why)));
    }
  }

  /** Everything that is in hand counts as received, and nothing is claimed any more. Inside a transaction. */
  leave(): void {
    this.#rows.dropAll(this.#membership.id);
    this.#rows.orphan();
  }

  get waiting(): number {
    return this.#letters.size;
  }

  // ---- claims

  #claim(slots: Iterable<Slot>, owner: string): void {
    const wanted = [...slots].filter((slot) => !slot.ours && !this.#gained.has(slot));
    if (wanted.length === 0) return;
    const claimed = this.#rows.claim(
      wanted.map(({ actor }) => actor),
      owner,
    );
    const ours = claimed.length === wanted.length ? undefined : new Set(claimed);
    for (const slot of wanted) {
      if (ours && !ours.has(slot.actor)) this.#lose(slot);
      else this.#gained.add(slot);
    }
    // Older mail comes first, and there may be some that nobody claimed.
    if (claimed.length > 0) this.#load(claimed);
  }

  /** The last delivery is acknowledged. If another process has sent something meanwhile, the claim stays, and we shall see it. */
  #dropIdle(owner: string): void {
    const idle = [...this.#idle].filter((slot) => slot.waiting.length === 0 && slot.hand.size === 0 && this.#slots.get(slot.actor) === slot);
    this.#idle.clear();
    if (idle.length === 0) return;
    const kept = new Set(
      this.#rows.dropIfEmpty(
        idle.map(({ actor }) => actor),
        owner,
      ),
    );
    for (const { actor } of idle) if (!kept.has(actor)) this.#slots.delete(actor);
  }

  /** Ours no longer, though there is mail. */
  #giveUp(slot: Slot): void {
    this.#queues.remove(slot);
    this.#givenUp.add(slot.actor);
    this.#lose(slot);
    if (this.#queues.done(slot)) this.bell.raise();
  }

  /** Forgets what is known of an actor that another process handles. */
  #lose(slot: Slot): void {
    for (const letter of slot.waiting) this.#forget(letter);
    this.#queues.remove(slot);
    this.#slots.delete(slot.actor);
  }

  #load(actors: readonly string[]): void {
    for (const row of this.#rows.of(actors)) this.#add(row);
  }

  // ---- letters

  #slot(actor: string): Slot {
    let slot = this.#slots.get(actor);
    if (!slot) this.#slots.set(actor, (slot = newSlot(actor)));
    return slot;
  }

  #want(actor: string): void {
    if (this.#declined.has(actor)) return;
    this.#wanted.add(actor);
    this.#journal.mark(this, "now");
  }

  #add(row: Row): void {
    const physical = row["physical"] as string;
    if (this.#letters.has(physical)) return;
    const letter = stored(row["actor"] as string, physical, row["seq"] as number, row["receives"] as number);
    const slot = this.#slot(letter.actor);
    this.#letters.set(physical, letter);
    insert(slot.waiting, letter);
    this.#offer(slot);
  }

  #held({ physical, receipt }: Delivery): readonly [Slot, Letter] | null {
    const letter = this.#letters.get(physical);
    if (!letter || letter.receipt === null || letter.receipt !== receipt) return null;
    return [this.#slots.get(letter.actor) as Slot, letter];
  }

  /** The actor's hand may be empty now. */
  #settle(slot: Slot): void {
    if (slot.hand.size > 0) return;
    if (this.#declined.has(slot.actor)) return this.#giveUp(slot);
    if (this.#queues.done(slot)) this.bell.raise();
    if (slot.waiting.length === 0) {
      slot.inherited = false;
      this.#idle.add(slot);
    } else this.#offer(slot);
  }

  #offer(slot: Slot): void {
    if (!this.#queues.offer(slot, this.#clock.now())) return;
    this.bell.raise();
    this.#yieldLater();
  }

  /** Mail that has waited too long here may find somebody with time elsewhere. */
  #yieldLater(): void {
    if (this.#yielding) return;
    this.#yielding = true;
    void this.#clock.wait(YIELD_MS).then(() => {
      this.#yielding = false;
      try {
        this.#journal.check();
        if (this.#queues.size === 0) return;
        const before = this.#clock.now() - YIELD_MS;
        const old = [...this.#queues].filter((slot) => (slot.readySince as number) <= before && slot.waiting.every((letter) => letter.seq > 0));
        if (old.length > 0 && !this.#membership.alone()) {
          for (const slot of old) this.#giveUp(slot);
          // Unless somebody has taken it by then, it is ours again when we next ask.
          this.#yielded = true;
          this.#orphans = -1;
          this.#journal.mark(this, "now");
        }
        this.#yieldLater();
      } catch {
        // Closed or poisoned: there is nothing left to yield.
      }
    });
  }

  #forget(letter: Letter): void {
    if (this.#letters.delete(letter.physical)) this.#texts.forget(letter);
  }
}
