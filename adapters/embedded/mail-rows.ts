/** The statements over mail and claims. Those that change something are for inside a transaction. */
import type { Database, Row } from "./database.ts";

/** Many at once: a statement costs more than a row. */
const among = (column: string): string => `${column} IN (SELECT value FROM json_each(?))`;

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

  /** How often these were handed out. */
  count(letters: readonly { readonly seq: number; readonly receives: number }[]): void {
    const byReceives = new Map<number, number[]>();
    for (const { seq, receives } of letters) {
      const seqs = byReceives.get(receives);
      if (seqs) seqs.push(seq);
      else byReceives.set(receives, [seq]);
    }
    for (const [receives, seqs] of byReceives) this.#database.prepare(`UPDATE mail SET receives = ? WHERE ${among("seq")}`).run(receives, JSON.stringify(seqs));
  }

  delete(seqs: readonly number[]): void {
    if (seqs.length > 0) this.#database.prepare(`DELETE FROM mail WHERE ${among("seq")}`).run(JSON.stringify(seqs));
  }

  rewrite(seq: number, body: string): void {
    this.#database.prepare("UPDATE mail SET body = ? WHERE seq = ?").run(body, seq);
  }

  body(seq: number): string {
    return this.#database.prepare("SELECT body FROM mail WHERE seq = ?").get(seq)?.["body"] as string;
  }

  /** All of these actors, in the order of sending. */
  of(actors: readonly string[]): readonly Row[] {
    const sql = `SELECT seq, actor, physical, receives FROM mail WHERE ${among("actor")} ORDER BY seq`;
    return this.#database.prepare(sql).all(JSON.stringify(actors));
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

  /** Claims what nobody has claimed. Returns those of the actors that are this owner's now. */
  claim(actors: readonly string[], owner: string): readonly string[] {
    const sql = "INSERT INTO claims (actor, owner) SELECT value, ? FROM json_each(?) WHERE true ON CONFLICT DO NOTHING";
    const { changes } = this.#database.prepare(sql).run(owner, JSON.stringify(actors));
    return changes === actors.length ? actors : this.#claimed(actors, owner);
  }

  /** Ends claims of actors that have no mail. Returns those of the actors that still are this owner's. */
  dropIfEmpty(actors: readonly string[], owner: string): readonly string[] {
    const sql = `DELETE FROM claims WHERE owner = ? AND ${among("actor")} AND NOT EXISTS (SELECT 1 FROM mail WHERE mail.actor = claims.actor)`;
    const { changes } = this.#database.prepare(sql).run(owner, JSON.stringify(actors));
    return changes === actors.length ? [] : this.#claimed(actors, owner);
  }

  #claimed(actors: readonly string[], owner: string): readonly string[] {
    const rows = this.#database.prepare(`SELECT actor FROM claims WHERE owner = ? AND ${among("actor")}`).all(owner, JSON.stringify(actors));
    return rows.map((row) => row["actor"] as string);
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
