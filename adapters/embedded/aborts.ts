/** Aborts: rows that stay, and the watches of this process. Marks of other processes are noticed with everything else that they commit. */
import type { Aborts } from "../../engine/ports.ts";
import type { Database } from "./database.ts";
import type { Journal, Section } from "./journal.ts";

/** Stands for every call. A call's id is never empty. */
const ALL = "";

interface Watch {
  readonly call: string;
  readonly aborted: () => void;
}

export class EmbeddedAborts implements Aborts, Section {
  readonly #database: Database;
  readonly #journal: Journal;
  readonly #watches = new Map<string, Set<Watch>>();
  #changes: { readonly actor: string; readonly call: string; readonly marked: boolean }[] = [];
  #lastId = 0;
  /** Actors with marks that we know of: nearly every watch is of another, and need not ask the database. */
  readonly #actors: Set<string>;

  constructor(database: Database, journal: Journal) {
    this.#database = database;
    this.#journal = journal;
    this.#lastId = (database.prepare("SELECT coalesce(max(id), 0) AS id FROM aborts").get()?.["id"] as number) ?? 0;
    this.#actors = new Set(
      database
        .prepare("SELECT DISTINCT actor FROM aborts")
        .all()
        .map((row) => row["actor"] as string),
    );
  }

  async mark(actor: string, calls: readonly string[] | "all"): Promise<void> {
    this.#journal.check();
    if (calls.length === 0) return;
    this.#journal.mark(this, "soon");
    this.#actors.add(actor);
    for (const call of calls === "all" ? [ALL] : calls) {
      this.#changes.push({ actor, call, marked: true });
      this.#fire(actor, call);
    }
  }

  async unmark(actor: string, calls: readonly string[]): Promise<void> {
    this.#journal.check();
    if (calls.length === 0) return;
    this.#journal.mark(this, "soon");
    for (const call of calls) this.#changes.push({ actor, call, marked: false });
  }

  async marked(actor: string, call: string): Promise<boolean> {
    this.#journal.check();
    // A mark that another process has just set is heard of within a hundredth of a second, as by a watch.
    return this.#actors.has(actor) && this.#journal.read(this, () => this.#isMarked(actor, call));
  }

  watch(actor: string, call: string, aborted: () => void): () => void {
    const watch: Watch = { call, aborted };
    const watches = this.#watches.get(actor) ?? new Set();
    this.#watches.set(actor, watches.add(watch));
    // Marked before: it fires too, but not before the caller has what stops it. What we have not heard of yet fires when we do.
    if (this.#actors.has(actor) && this.#journal.read(this, () => this.#isMarked(actor, call))) queueMicrotask(() => this.#stop(actor, watch) && aborted());
    return () => void this.#stop(actor, watch);
  }

  #stop(actor: string, watch: Watch): boolean {
    const watches = this.#watches.get(actor);
    if (!watches?.delete(watch)) return false;
    if (watches.size === 0) this.#watches.delete(actor);
    return true;
  }

  #isMarked(actor: string, call: string): boolean {
    return this.#database.prepare("SELECT 1 FROM aborts WHERE actor = ? AND call IN (?, ?) LIMIT 1").get(actor, call, ALL) !== undefined;
  }

  #fire(actor: string, call: string): void {
    for (const watch of [...(this.#watches.get(actor) ?? [])]) {
      if (call !== ALL && watch.call !== call) continue;
      queueMicrotask(() => this.#stop(actor, watch) && watch.aborted());
    }
  }

  catchUp(): void {
    for (const row of this.#database.prepare("SELECT id, actor, call FROM aborts WHERE id > ? ORDER BY id").all(this.#lastId)) {
      this.#lastId = row["id"] as number;
      this.#actors.add(row["actor"] as string);
      this.#fire(row["actor"] as string, row["call"] as string);
    }
  }

  write(): void {
    for (const { actor, call, marked } of this.#changes) {
      if (!marked) {
        this.#database.prepare("DELETE FROM aborts WHERE actor = ? AND call = ?").run(actor, call);
        continue;
      }
      const { changes, lastInsertRowid } = this.#database.prepare("INSERT INTO aborts (actor, call) VALUES (?, ?) ON CONFLICT DO NOTHING").run(actor, call);
      if (changes > 0) this.#lastId = Number(lastInsertRowid);
    }
    this.#changes = [];
  }
}
