/**
 * Results that perhaps nothing refers to any more. What is deleted condemns the results that it named; some time later everything that is left is looked through, and what
 * nobody names is deleted. A condemned result that is stored again is reprieved (see `results.ts`), so whoever had it in hand since then is safe.
 *
 * Places from which a reference may move on (mail, tasks, caches) are read before those in which it stays (entries), so that none slips past between the two.
 */
import type { Database, Row } from "./database.ts";
import type { Journal } from "./journal.ts";

/** The address of a result, wherever it stands and however it is quoted there. */
const ADDRESS = /(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])/g;
export const addressesIn = (text: string): readonly string[] => text.match(ADDRESS) ?? [];

/** From `put` until what names the result is on disk takes milliseconds; this is how long we wait before it counts. Unit: milliseconds. */
const GRACE_MS = 10 * 60_000;
/** Rows that are read without letting others go on. */
const PAGE = 200;

/** Texts that may name a result, each with a number to go on from. */
const PLACES: readonly string[] = [
  "SELECT rowid AS at, body AS text FROM registry",
  "SELECT seq AS at, body AS text FROM mail",
  "SELECT seq AS at, body AS text FROM tasks",
  "SELECT rowid AS at, body AS text FROM artifacts",
  "SELECT seq AS at, detail AS text FROM events",
  "SELECT id AS at, state AS text FROM actors",
];
const ENTRIES = "SELECT id AS at, head || events AS text FROM entries";
const column = (sql: string): string => sql.split(" ")[1] as string;

export class Condemned {
  readonly #database: Database;
  readonly #journal: Journal;
  /** Lets whoever waits have a turn. */
  readonly #pause: () => Promise<void>;

  constructor(database: Database, journal: Journal, pause: () => Promise<void>) {
    this.#database = database;
    this.#journal = journal;
    this.#pause = pause;
  }

  /** Inside the transaction that deletes what named them. */
  add(addresses: Iterable<string>, now: number): void {
    const condemn = this.#database.prepare(
      "INSERT INTO condemned (key, since) SELECT key, ? FROM results WHERE key = ? ON CONFLICT (key) DO UPDATE SET since = excluded.since",
    );
    for (const address of addresses) condemn.run(now, address);
  }

  /** Deletes those that nothing names; returns how many. */
  async execute(now: number): Promise<number> {
    const rows = this.#journal.guard(() => this.#database.prepare("SELECT key, since FROM condemned WHERE since <= ?").all(now - GRACE_MS));
    const doomed = new Map(rows.map((row) => [row["key"] as string, row["since"] as number]));
    if (doomed.size === 0) return 0;
    const named = new Set<string>();
    const note = (row: Row): void => {
      for (const address of addressesIn(row["text"] as string)) if (doomed.has(address)) named.add(address);
    };
    this.#journal.guard(() => this.#database.prepare("SELECT body AS text FROM timers").all()).forEach(note);
    for (const place of PLACES) await this.#walk(place, note);
    const last = await this.#walk(ENTRIES, note);
    return this.#delete(doomed, named, last, note);
  }

  /** Reads a place to its end, a page at a time; returns the number of its last row. */
  async #walk(place: string, note: (row: Row) => void): Promise<number> {
    let last = 0;
    for (;;) {
      const rows = this.#journal.guard(() => this.#after(place, last, PAGE));
      rows.forEach(note);
      last = (rows.at(-1)?.["at"] as number | undefined) ?? last;
      if (rows.length < PAGE) return last;
      await this.#pause();
    }
  }
  #after(place: string, last: number, limit: number): readonly Row[] {
    return this.#database.prepare(`${place} WHERE ${column(place)} > ? ORDER BY ${column(place)} LIMIT ?`).all(last, limit);
  }

  async #delete(doomed: ReadonlyMap<string, number>, named: Set<string>, walked: number, note: (row: Row) => void): Promise<number> {
    const all = [...doomed];
    let deleted = 0;
    let last = walked;
    for (let i = 0; i < all.length; i += PAGE) {
      await this.#pause();
      deleted += this.#journal.transaction(() => {
        // What was appended since we read to the end; from here to the commit nobody else writes.
        const rows = this.#after(ENTRIES, last, -1);
        rows.forEach(note);
        last = (rows.at(-1)?.["at"] as number | undefined) ?? last;
        return all.slice(i, i + PAGE).filter(([key, since]) => this.#settle(key, since, named.has(key))).length;
      });
    }
    return deleted;
  }

  /** True if the result is gone. One that was reprieved or condemned anew since we began is left alone. */
  #settle(key: string, since: number, named: boolean): boolean {
    if (this.#database.prepare("DELETE FROM condemned WHERE key = ? AND since = ?").run(key, since).changes === 0 || named) return false;
    return this.#database.prepare("DELETE FROM results WHERE key = ?").run(key).changes > 0;
  }
}
