/**
 * Task queues, one a pool. A message is a row; its owner is the process that has it in hand. It is handed out only when that is on disk: what a dead process had in hand is
 * known exactly, so that what merely waited there is not taken for a crash, and a task that kills its process at once is not run for ever.
 */

import type { WindhoverError } from "../../engine/errors.ts";
import type { TaskDelivery, TaskMessage, TaskQueue } from "../../engine/ports.ts";
import type { Database, Row } from "./database.ts";
import type { Journal, Section } from "./journal.ts";
import type { Membership } from "./membership.ts";
import { Bell } from "./signal.ts";

interface Enqueued {
  readonly pool: string;
  readonly physical: string;
  readonly body: string;
}

interface Request {
  readonly pool: string;
  readonly most: number;
  readonly taken: TaskDelivery[];
  resolve(deliveries: readonly TaskDelivery[]): void;
  reject(error: WindhoverError): void;
}

interface Held {
  readonly seq: number;
  readonly receipt: string;
}

export class EmbeddedTasks implements TaskQueue, Section {
  readonly bell = new Bell();
  readonly #database: Database;
  readonly #journal: Journal;
  readonly #membership: Membership;
  readonly #hand = new Map<string, Held>();
  /** Rows that this process does not want. */
  readonly #declined = new Set<number>();
  #enqueued = new Map<string, Enqueued[]>();
  #requests: Request[] = [];
  #finished: number[] = [];
  #returned: number[] = [];
  #sent = 0;
  #handed = 0;

  constructor(database: Database, journal: Journal, membership: Membership) {
    this.#database = database;
    this.#journal = journal;
    this.#membership = membership;
  }

  async enqueue(pool: string, message: TaskMessage): Promise<void> {
    const enqueued: Enqueued = { pool, physical: `${this.#membership.id}-t${(++this.#sent).toString(36)}`, body: JSON.stringify(message) };
    this.#journal.mark(this, "soon");
    const others = this.#enqueued.get(pool);
    if (others) others.push(enqueued);
    else this.#enqueued.set(pool, [enqueued]);
    this.bell.raise();
  }

  async receive(pool: string, most: number): Promise<readonly TaskDelivery[]> {
    this.#journal.check();
    if (!this.#membership.joined) this.#membership.join();
    if (!this.#enqueued.has(pool) && this.#returned.length === 0 && !this.#journal.guard(() => this.#free(pool))) return [];
    this.#journal.mark(this, "now");
    return await new Promise((resolve, reject) => this.#requests.push({ pool, most, taken: [], resolve, reject }));
  }

  async acknowledge(deliveries: readonly TaskDelivery[]): Promise<void> {
    this.#take(deliveries, (held) => this.#finished.push(held.seq), "soon");
  }

  async release(deliveries: readonly TaskDelivery[]): Promise<void> {
    this.#take(deliveries, (held) => this.#returned.push(held.seq), "now");
    this.bell.raise();
  }

  /** Not ours to run, for instance because the task's code is not known here: another process may have it. Not counted as received. */
  async decline(deliveries: readonly TaskDelivery[]): Promise<void> {
    this.#take(deliveries, (held) => this.#declined.add(held.seq) && this.#returned.push(held.seq), "now");
  }

  /** New code was loaded: what was declined may be ours now. */
  reconsider(): void {
    this.#declined.clear();
    this.bell.raise();
  }

  #take(deliveries: readonly TaskDelivery[], note: (held: Held) => void, urgency: "now" | "soon"): void {
    this.#journal.check();
    for (const { physical, receipt } of deliveries) {
      const held = this.#hand.get(physical);
      if (!held || held.receipt !== receipt) continue;
      this.#hand.delete(physical);
      note(held);
      this.#journal.mark(this, urgency);
    }
  }

  #free(pool: string): boolean {
    const [none, list] = this.#unwanted();
    return this.#database.prepare(`SELECT 1 FROM tasks WHERE pool = ? AND owner IS NULL ${none} LIMIT 1`).get(pool, ...list) !== undefined;
  }

  /** The condition that leaves out what was declined, and its value. */
  #unwanted(): readonly [string, readonly string[]] {
    return this.#declined.size === 0 ? ["", []] : ["AND seq NOT IN (SELECT value FROM json_each(?))", [JSON.stringify([...this.#declined])]];
  }

  catchUp(): void {
    if (this.#membership.joined && this.#database.prepare("SELECT 1 FROM tasks WHERE owner IS NULL LIMIT 1").get()) this.bell.raise();
  }

  write(): void {
    for (const seq of this.#finished) this.#database.prepare("DELETE FROM tasks WHERE seq = ?").run(seq);
    for (const seq of this.#returned)
      this.#database.prepare("UPDATE tasks SET owner = NULL, receives = receives - 1 WHERE seq = ? AND owner = ?").run(seq, this.#membership.id);
    this.#finished = [];
    this.#returned = [];
    for (const request of this.#requests) this.#serve(request);
    for (const enqueued of this.#enqueued.values()) for (const each of enqueued) this.#insert(each, null);
    this.#enqueued = new Map();
  }

  /** Oldest first: what lies in the database, then what is only just being written. */
  #serve({ pool, most, taken }: Request): void {
    const [none, list] = this.#unwanted();
    const rows = this.#database
      .prepare(
        `UPDATE tasks SET owner = ?, receives = receives + 1 WHERE seq IN (SELECT seq FROM tasks WHERE pool = ? AND owner IS NULL ${none} ORDER BY seq LIMIT ?) RETURNING seq, physical, receives, body`,
      )
      .all(this.#membership.id, pool, ...list, most);
    for (const row of [...rows].sort((a, b) => (a["seq"] as number) - (b["seq"] as number))) taken.push(this.#hold(pool, row));
    const fresh = this.#enqueued.get(pool)?.splice(0, most - taken.length) ?? [];
    for (const each of fresh)
      taken.push(this.#hold(pool, { seq: this.#insert(each, this.#membership.id), physical: each.physical, receives: 1, body: each.body }));
  }

  #insert({ pool, physical, body }: Enqueued, owner: string | null): number {
    const row = this.#database
      .prepare("INSERT INTO tasks (pool, physical, receives, owner, body) VALUES (?, ?, ?, ?, ?)")
      .run(pool, physical, owner === null ? 0 : 1, owner, body);
    return Number(row.lastInsertRowid);
  }

  #hold(pool: string, row: Row): TaskDelivery {
    const held: Held = { seq: row["seq"] as number, receipt: `${this.#membership.id}.${++this.#handed}` };
    this.#hand.set(row["physical"] as string, held);
    return {
      physical: row["physical"] as string,
      pool,
      message: JSON.parse(row["body"] as string) as TaskMessage,
      receives: row["receives"] as number,
      receipt: held.receipt,
    };
  }

  committed(): void {
    const requests = this.#requests;
    this.#requests = [];
    for (const request of requests) request.resolve(request.taken);
  }

  failed(error: WindhoverError): void {
    const requests = this.#requests;
    this.#requests = [];
    for (const request of requests) request.reject(error);
    this.bell.raise();
  }

  /** What is in hand stays counted as received: its code may have begun. Inside a transaction. */
  leave(): void {
    this.#database.prepare("UPDATE tasks SET owner = NULL WHERE owner = ?").run(this.#membership.id);
  }

  get inHand(): number {
    return this.#hand.size;
  }
}
