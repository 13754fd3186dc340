/** The statements over mail and claims. Those that change something are for inside a transaction. */
import type { Database, Row } from "./database.ts";

export class MailRows {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** Returns the row's number. */
  insert(actor: string, physical: string, receives: number, body: string): number {
    return Number(
      this.#database.prepare("INSERT INTO mail (actor, physical, receives, body) VALUES (?, ?, ?, ?)").run(actor, physical, receives, body).lastInsertRowid,
    );
  }

  count(seq: number, receives: number): void {
    this.#database.prepare("UPDATE mail SET receives = ? WHERE seq = ?").run(receives, seq);
  }

  delete(seq: number): void {
    this.#database.prepare("DELETE FROM mail WHERE seq = ?").run(seq);
  }

  body(seq: number): string {
    return this.#database.prepare("SELECT body FROM mail WHERE seq = ?").get(seq)?.["body"] as string;
  }

  /** All of one actor, in the order of sending. */
  of(actor: string): readonly Row[] {
    return this.#database.prepare("SELECT seq, actor, physical, receives FROM mail WHERE actor = ? ORDER BY seq").all(actor);
  }

  /** What was sent after a row, with the owner of its actor's claim. */
  after(seq: number): readonly Row[] {
    return this.#database
      .prepare("SELECT m.seq, m.actor, m.physical, m.receives, c.owner FROM mail m LEFT JOIN claims c ON c.actor = m.actor WHERE m.seq > ? ORDER BY m.seq")
      .all(seq);
  }

  /** Actors with mail that nobody claims. */
  unclaimed(): readonly string[] {
    const rows = this.#database.prepare("SELECT DISTINCT m.actor FROM mail m LEFT JOIN claims c ON c.actor = m.actor WHERE c.owner IS NULL").all();
    return rows.map((row) => row["actor"] as string);
  }

  /** True if the claim is this owner's now. */
  claim(actor: string, owner: string): boolean {
    if (this.#database.prepare("INSERT INTO claims (actor, owner) VALUES (?, ?) ON CONFLICT DO NOTHING").run(actor, owner).changes > 0) return true;
    return this.#database.prepare("SELECT owner FROM claims WHERE actor = ?").get(actor)?.["owner"] === owner;
  }

  /** Ends a claim unless there is mail. Returns whether it has ended. */
  dropIfEmpty(actor: string, owner: string): boolean {
    const sql = "DELETE FROM claims WHERE actor = ?1 AND owner = ?2 AND NOT EXISTS (SELECT 1 FROM mail WHERE actor = ?1)";
    return this.#database.prepare(sql).run(actor, owner).changes > 0;
  }

  drop(actor: string, owner: string): void {
    this.#database.prepare("DELETE FROM claims WHERE actor = ? AND owner = ?").run(actor, owner);
  }

  dropAll(owner: string): void {
    this.#database.prepare("DELETE FROM claims WHERE owner = ?").run(owner);
  }

  /** Changes whenever mail is left without a claim: then the others look for it. */
  orphans(): number {
    return this.#database.prepare("SELECT value FROM counters WHERE name = 'orphans'").get()?.["value"] as number;
  }

  orphan(): void {
    this.#database.prepare("UPDATE counters SET value = value + 1 WHERE name = 'orphans'").run();
  }
}
