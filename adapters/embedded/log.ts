/**
 * The logs of all actors. An entry is one row; what an actor's entries fold to stands once, in the actor's own row, and is replaced by each append in the same transaction, so that
 * old states do not pile up.
 */

import { WindhoverError } from "../../engine/errors.ts";
import type { ActorState, Entry } from "../../engine/events.ts";
import type { Log } from "../../engine/ports.ts";
import type { Database } from "./database.ts";
import type { Journal, Section } from "./journal.ts";

/** All of an entry but its events and its state: what a turn's first look needs. */
type Head = Pick<Entry, "at" | "nonce" | "version" | "physical" | "effects">;

interface Append {
  readonly actor: string;
  readonly n: number;
  readonly state: string;
  readonly head: string;
  readonly events: string;
  done: boolean;
  resolve(done: boolean): void;
  reject(error: WindhoverError): void;
}

/** Actors whose row number is remembered. */
const KNOWN_ACTORS = 50_000;

export class EmbeddedLog implements Log, Section {
  readonly #database: Database;
  readonly #journal: Journal;
  readonly #ids = new Map<string, number>();
  #pending: Append[] = [];
  appends = 0;

  constructor(database: Database, journal: Journal) {
    this.#database = database;
    this.#journal = journal;
  }

  async tail(actor: string): Promise<Entry | null> {
    // No cache can be quicker than this and still see what another process appended.
    const row = this.#journal.guard(() =>
      this.#database.prepare("SELECT a.n, a.state, e.head FROM actors a LEFT JOIN entries e ON e.actor = a.id AND e.n = a.n WHERE a.name = ?").get(actor),
    );
    if (!row) return null;
    const n = row["n"] as number;
    if (row["head"] === null) throw gap(actor, n);
    return { actor, n, ...(JSON.parse(row["head"] as string) as Head), events: [], state: JSON.parse(row["state"] as string) as ActorState };
  }

  async read(actor: string, from = 1, to = Number.MAX_SAFE_INTEGER): Promise<readonly Entry[]> {
    const [last, rows] = this.#journal.guard(() => {
      const last = this.#database.prepare("SELECT id, n, state FROM actors WHERE name = ?").get(actor);
      if (!last) return [undefined, []];
      // An append of another process may come between the two statements: what is after `last` is left for the next read.
      const until = Math.min(to, last["n"] as number);
      return [
        last,
        this.#database.prepare("SELECT n, head, events FROM entries WHERE actor = ? AND n BETWEEN ? AND ? ORDER BY n").all(last["id"] as number, from, until),
      ];
    });
    if (!last) return [];
    const until = Math.min(to, last["n"] as number);
    const first = Math.max(1, from);
    const entries = rows.map((row, index): Entry => {
      if (row["n"] !== first + index) throw gap(actor, first + index);
      const state = row["n"] === last["n"] ? (JSON.parse(last["state"] as string) as ActorState) : null;
      return { actor, n: row["n"], ...(JSON.parse(row["head"] as string) as Head), events: JSON.parse(row["events"] as string), state: state as ActorState };
    });
    if (first <= until && entries.length !== until - first + 1) throw gap(actor, first + entries.length);
    return entries;
  }

  append(entry: Entry): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const { actor, n, at, nonce, version, physical, effects, events, state } = entry;
      const head = JSON.stringify({ at, nonce, version, physical, effects } satisfies Head);
      this.#journal.mark(this, "now");
      this.#pending.push({ actor, n, state: JSON.stringify(state), head, events: JSON.stringify(events), done: false, resolve, reject });
    });
  }

  write(): void {
    for (const append of this.#pending) append.done = this.#write(append);
  }

  /** True if the entry was the next one. */
  #write({ actor, n, state, head, events }: Append): boolean {
    let id: number | undefined;
    if (n === 1) {
      const made = this.#database.prepare("INSERT INTO actors (name, n, state) VALUES (?, 1, ?) ON CONFLICT DO NOTHING").run(actor, state);
      if (made.changes === 0) return false;
      id = Number(made.lastInsertRowid);
      this.#remember(actor, id);
    } else {
      id = this.#ids.get(actor) ?? (this.#database.prepare("SELECT id FROM actors WHERE name = ?").get(actor)?.["id"] as number | undefined);
      if (id === undefined) return false;
      this.#remember(actor, id);
      // A row's number may belong to another actor by now, if this one was deleted (see `retention.ts`).
      if (this.#database.prepare("UPDATE actors SET n = ?, state = ? WHERE id = ? AND n = ? AND name = ?").run(n, state, id, n - 1, actor).changes === 0) {
        this.#ids.delete(actor);
        return false;
      }
    }
    this.#database.prepare("INSERT INTO entries (actor, n, head, events) VALUES (?, ?, ?, ?)").run(id, n, head, events);
    this.appends++;
    return true;
  }

  #remember(actor: string, id: number): void {
    if (this.#ids.size >= KNOWN_ACTORS) this.#ids.clear();
    this.#ids.set(actor, id);
  }

  committed(): void {
    const pending = this.#pending;
    this.#pending = [];
    for (const append of pending) append.resolve(append.done);
  }

  failed(error: WindhoverError): void {
    const pending = this.#pending;
    this.#pending = [];
    for (const append of pending) append.reject(error);
  }
}

function gap(actor: string, n: number): WindhoverError {
  return new WindhoverError("WH3005", { message: `Entry ${n} of the log of ${actor} is missing.`, expected: `entry ${n}`, got: "nothing" });
}
