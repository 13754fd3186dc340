/** Timers: a table, and one wait for the earliest. A timer that is due becomes mail in one transaction, so of several processes only one fires it. */
import type { Message } from "../../engine/messages.ts";
import type { Clock, Timers } from "../../engine/ports.ts";
import type { Database } from "./database.ts";
import type { Journal, Section } from "./journal.ts";
import type { EmbeddedMailbox } from "./mailbox.ts";
import type { Membership } from "./membership.ts";

/** The clock on the wall may be set while we wait for it. Unit: milliseconds. */
const LONGEST_WAIT_MS = 60_000;

interface Change {
  readonly actor: string;
  readonly id: string;
  /** null deletes. */
  readonly timer: { readonly at: number; readonly body: string } | null;
}

export class EmbeddedTimers implements Timers, Section {
  readonly #database: Database;
  readonly #journal: Journal;
  readonly #clock: Clock;
  readonly #mailbox: EmbeddedMailbox;
  readonly #membership: Membership;
  readonly #changes = new Map<string, Change>();
  #armed: { readonly at: number; readonly stop: AbortController } | null = null;
  #next: number | null = null;

  constructor(database: Database, journal: Journal, clock: Clock, mailbox: EmbeddedMailbox, membership: Membership) {
    this.#database = database;
    this.#journal = journal;
    this.#clock = clock;
    this.#mailbox = mailbox;
    this.#membership = membership;
  }

  async set(actor: string, id: string, at: number, message: Message): Promise<void> {
    const change: Change = { actor, id, timer: { at, body: JSON.stringify(message) } };
    this.#note(change);
    this.#arm(at);
  }

  async delete(actor: string, id: string): Promise<void> {
    this.#note({ actor, id, timer: null });
  }

  #note(change: Change): void {
    this.#journal.mark(this, "soon");
    this.#changes.set(`${change.actor}\n${change.id}`, change);
  }

  /** We take part from now on. */
  start(): void {
    this.catchUp();
  }

  stop(): void {
    this.#armed?.stop.abort();
    this.#armed = null;
  }

  catchUp(): void {
    if (!this.#membership.joined) return;
    this.#next = this.#earliest();
    if (this.#next !== null) this.#arm(this.#next);
  }

  write(): void {
    for (const { actor, id, timer } of this.#changes.values()) {
      if (timer)
        this.#database
          .prepare("INSERT INTO timers (actor, id, at, body) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET at = excluded.at, body = excluded.body")
          .run(actor, id, timer.at, timer.body);
      else this.#database.prepare("DELETE FROM timers WHERE actor = ? AND id = ?").run(actor, id);
    }
    this.#changes.clear();
    if (!this.#membership.joined) return;
    this.#next = this.#earliest();
    if (this.#next === null || this.#next > this.#clock.now()) return;
    const due = this.#database.prepare("DELETE FROM timers WHERE at <= ? RETURNING actor, at, body").all(this.#clock.now());
    for (const { actor, body } of [...due].sort((a, b) => (a["at"] as number) - (b["at"] as number))) this.#mailbox.post(actor as string, body as string);
    // The mailbox is written after us, in the same transaction.
    this.#journal.mark(this.#mailbox, "now");
    this.#next = this.#earliest();
  }

  committed(): void {
    if (this.#next !== null) this.#arm(this.#next);
  }

  failed(): void {
    this.stop();
  }

  #earliest(): number | null {
    return this.#database.prepare("SELECT min(at) AS at FROM timers").get()?.["at"] as number | null;
  }

  #arm(at: number): void {
    if (!this.#membership.joined || (this.#armed && this.#armed.at <= at)) return;
    this.#armed?.stop.abort();
    const stop = new AbortController();
    this.#armed = { at, stop };
    void this.#clock.wait(Math.min(Math.max(0, at - this.#clock.now()), LONGEST_WAIT_MS), stop.signal).then(() => {
      if (stop.signal.aborted) return;
      this.#armed = null;
      try {
        this.#journal.mark(this, "now");
      } catch {
        // Closed or poisoned: timers stay on disk.
      }
    });
  }
}
