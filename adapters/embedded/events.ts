/** What flows emit: rows that anybody can read, and subscribers in this process. */
import type { Events } from "../../engine/ports.ts";
import type { Database } from "./database.ts";
import type { Journal, Section } from "./journal.ts";

export type EmittedEvent = Parameters<Events["emit"]>[0];

export class EmbeddedEvents implements Events, Section {
  readonly #database: Database;
  readonly #journal: Journal;
  readonly #subscribers = new Set<(event: EmittedEvent) => void>();
  #pending: EmittedEvent[] = [];
  #unannounced: EmittedEvent[] = [];

  constructor(database: Database, journal: Journal) {
    this.#database = database;
    this.#journal = journal;
  }

  async emit(event: EmittedEvent): Promise<void> {
    this.#journal.mark(this, "now");
    this.#pending.push({ ...event });
    await this.#journal.durable();
  }

  /** Called for each event that this process emits, once it is on disk; the same `id` may come again. Returns how to stop. */
  subscribe(subscriber: (event: EmittedEvent) => void): () => void {
    const own = (event: EmittedEvent): void => subscriber(event);
    this.#subscribers.add(own);
    return () => void this.#subscribers.delete(own);
  }

  /** Events of all processes in the order in which they were written, each once, after the `after`-th. */
  async read(after = 0, limit = 1000): Promise<readonly (EmittedEvent & { readonly seq: number })[]> {
    const rows = this.#journal.read(this, () =>
      this.#database.prepare("SELECT seq, id, type, run, at, detail FROM events WHERE seq > ? ORDER BY seq LIMIT ?").all(after, limit),
    );
    return rows.map((row) => ({
      seq: row["seq"] as number,
      id: row["id"] as string,
      type: row["type"] as string,
      run: row["run"] as string,
      at: row["at"] as number,
      detail: JSON.parse(row["detail"] as string),
    }));
  }

  write(): void {
    for (const { id, type, run, at, detail } of this.#pending)
      this.#database
        .prepare("INSERT INTO events (id, type, run, at, detail) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING")
        .run(id, type, run, at, JSON.stringify(detail));
    this.#unannounced = this.#pending;
    this.#pending = [];
  }

  committed(): void {
    const events = this.#unannounced;
    this.#unannounced = [];
    // A subscriber's error is its own: it must not look like one of the disk.
    for (const subscriber of this.#subscribers) for (const event of events) queueMicrotask(() => subscriber(event));
  }
}
