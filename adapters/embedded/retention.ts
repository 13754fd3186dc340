/**
 * Deletes runs that ended long ago, with all that belongs to them. It works in small transactions, so that nobody waits long; if the process dies in between, the next sweep goes on.
 * Several processes may sweep at once.
 */
import { durationMs } from "../../engine/errors.ts";
import type { RunRow } from "../../engine/events.ts";
import { deploymentActor, runActor } from "../../engine/messages.ts";
import type { Clock } from "../../engine/ports.ts";
import { addressesIn, Condemned } from "./condemned.ts";
import type { Database } from "./database.ts";
import type { Journal } from "./journal.ts";

/** How long a run is kept after its end, as a duration such as `"30 days"`; what is left out is kept for ever. Cancelled runs count as completed, crashed ones as failed. */
export interface Retention {
  readonly completed?: string;
  readonly failed?: string;
}
export interface Swept {
  readonly runs: number;
  readonly results: number;
}

const FINAL = { completed: ["COMPLETED", "CANCELLED"], failed: ["FAILED", "CRASHED"] } as const;
/** Rows that one transaction deletes, about. */
const SLICE = 500;
const HOUR_MS = 3_600_000;
/** A log whose run is gone and whose entries are being deleted. No actor of the engine is called like that. */
const GONE = "~gone/";

const pause = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export class Sweeper {
  readonly #database: Database;
  readonly #journal: Journal;
  readonly #clock: Clock;
  readonly #condemned: Condemned;

  constructor(database: Database, journal: Journal, clock: Clock) {
    this.#database = database;
    this.#journal = journal;
    this.#clock = clock;
    this.#condemned = new Condemned(database, journal, pause);
  }

  async sweep(retention: Retention): Promise<Swept> {
    const now = this.#clock.now();
    await this.#journal.durable();
    // What an earlier sweep did not finish comes first, then the results that an earlier one condemned.
    await this.#purge(now);
    const results = await this.#condemned.execute(now);
    const runs = await this.#deleteRuns(await this.#expired(retention, now));
    await this.#purge(now);
    await this.#deleteAll(EXPIRED, now, now);
    const { completed, failed } = retention;
    if (completed !== undefined && failed !== undefined) await this.#deleteAll(OLD_EVENTS, now - Math.max(durationMs(completed), durationMs(failed)), now);
    return { runs, results };
  }

  /** Runs that ended long enough ago, the newest first: a subflow goes before the run that called it. */
  async #expired(retention: Retention, now: number): Promise<readonly RunRow[]> {
    const found: RunRow[] = [];
    for (const [kind, states] of Object.entries(FINAL)) {
      const kept = retention[kind as keyof Retention];
      if (kept === undefined) continue;
      for (const state of states) for await (const row of this.#endedBefore(state, now - durationMs(kept))) found.push(row);
    }
    return found.sort((a, b) => b.createdAt - a.createdAt);
  }
  async *#endedBefore(state: string, until: number): AsyncGenerator<RunRow> {
    let [created, id] = [0, ""];
    for (;;) {
      const rows = this.#journal.guard(() =>
        this.#database
          .prepare("SELECT created, id, body FROM runs WHERE state = ? AND created <= ? AND (created, id) > (?, ?) ORDER BY created, id LIMIT ?")
          .all(state, until, created, id, SLICE),
      );
      for (const row of rows) {
        [created, id] = [row["created"] as number, row["id"] as string];
        const run = JSON.parse(row["body"] as string) as RunRow;
        if (run.endedAt !== undefined && run.endedAt <= until) yield run;
      }
      if (rows.length < SLICE) return;
      await pause();
    }
  }

  /** A run that another one names as its parent or origin stays, so what names others goes first; again as long as that lets another one go. */
  async #deleteRuns(expired: readonly RunRow[]): Promise<number> {
    if (expired.length === 0) return 0;
    const origins = new Origins(this.#database, this.#journal);
    await origins.read();
    const busy = new Set(
      this.#journal.guard(() => this.#database.prepare("SELECT DISTINCT json_extract(body, '$.actor') AS actor FROM tasks").all()).map((row) => row["actor"]),
    );
    let deleted = 0;
    for (let left = expired, before = -1; left.length > 0 && deleted !== before; ) {
      before = deleted;
      const kept: RunRow[] = [];
      for (let i = 0; i < left.length; i += SLICE / 10) {
        this.#journal.transaction(() => {
          origins.catchUp();
          for (const row of left.slice(i, i + SLICE / 10)) {
            if (busy.has(runActor(row.id)) || origins.has(row.id) || !this.#hide(row)) kept.push(row);
            else origins.forget(row);
          }
        });
        await pause();
      }
      deleted += left.length - kept.length;
      left = kept;
    }
    return deleted;
  }

  /** Takes a run out of every list, in one transaction; its log waits under another name until it is deleted. False if somebody still needs the run. */
  #hide({ id, parent, deployment, tags, createdAt }: RunRow): boolean {
    const actor = runActor(id);
    // Mail for it, or for who started it, may still ask for what its log says, or tell it to start again.
    const mail = this.#database.prepare("SELECT 1 FROM mail WHERE actor IN (?, ?, ?) LIMIT 1");
    if (mail.get(actor, parent === undefined ? actor : runActor(parent), deployment === undefined ? actor : deploymentActor(deployment))) return false;
    if (this.#database.prepare("SELECT 1 FROM runs WHERE parent = ? LIMIT 1").get(id)) return false;
    if (this.#database.prepare("UPDATE actors SET name = ? || id || '/' || ? WHERE name = ?").run(GONE, id, actor).changes === 0)
      this.#database.prepare("INSERT INTO actors (name, n, state) VALUES (?, 0, '{}') ON CONFLICT DO NOTHING").run(`${GONE}-/${id}`);
    for (const table of ["timers", "aborts", "attempt_claims"]) this.#database.prepare(`DELETE FROM ${table} WHERE actor = ?`).run(actor);
    for (const tag of tags) this.#database.prepare("DELETE FROM run_tags WHERE tag = ? AND created = ? AND run = ?").run(tag, createdAt, id);
    this.#database.prepare("DELETE FROM runs WHERE id = ?").run(id);
    return true;
  }

  #gone(): { readonly id: number; readonly run: string }[] {
    return this.#journal
      .guard(() => this.#database.prepare("SELECT id, name FROM actors WHERE name > ? AND name < ?").all(GONE, `${GONE}~`))
      .map((row) => ({ id: row["id"] as number, run: (row["name"] as string).slice(GONE.length).replace(/^[^/]*\//, "") }));
  }
  /** Many small runs share a transaction, a large one takes several. Its actor's row goes last: until then the next sweep finds what is left. */
  async #purge(now: number): Promise<void> {
    for (const left = this.#gone(); left.length > 0; await pause()) {
      this.#journal.transaction(() => {
        for (let room = SLICE; room > 0 && left[0]; ) {
          const { id, run } = left[0];
          for (const [rows, by] of OF_A_RUN) if (room > 0) room -= this.#delete(rows, [by === "run" ? run : id], room, now);
          if (room > 0) left.shift();
        }
      });
    }
  }

  async #deleteAll(rows: Rows, value: number, now: number): Promise<void> {
    while (this.#journal.transaction(() => this.#delete(rows, [value], SLICE, now)) === SLICE) await pause();
  }
  /** Inside a transaction. Deletes what a search finds, and condemns the results that it named; returns how many rows. */
  #delete({ table, key, text, where }: Rows, values: readonly (string | number)[], most: number, now: number): number {
    const rows = this.#database.prepare(`SELECT ${key} AS at, ${text} AS text FROM ${table} WHERE ${where} LIMIT ?`).all(...values, most);
    const deletion = this.#database.prepare(`DELETE FROM ${table} WHERE ${key} = ?`);
    for (const row of rows) deletion.run(row["at"] as number);
    this.#condemned.add(new Set(rows.flatMap((row) => addressesIn(row["text"] as string))), now);
    return rows.length;
  }
}

/** Rows to delete: by which key, and in which text they may name results. */
interface Rows {
  readonly table: string;
  readonly key: string;
  readonly text: string;
  readonly where: string;
}
const OF_A_RUN: readonly (readonly [Rows, "actor" | "run"])[] = [
  [{ table: "entries", key: "id", text: "head || events", where: "actor = ?" }, "actor"],
  [{ table: "artifacts", key: "rowid", text: "body", where: "run = ?" }, "run"],
  [{ table: "log_lines", key: "seq", text: "''", where: "run = ?" }, "run"],
  [{ table: "actors", key: "id", text: "state", where: "id = ?" }, "actor"],
];
/** A cache's value that has expired is as good as absent, and would keep its result alive. */
const EXPIRED: Rows = { table: "registry", key: "rowid", text: "body", where: "expires <= ?" };
const OLD_EVENTS: Rows = { table: "events", key: "seq", text: "detail", where: "at <= ?" };

/** Which runs are repeated or continued by others. No index leads there, so the rows are read once, and then only what is new. */
class Origins {
  readonly #database: Database;
  readonly #journal: Journal;
  readonly #names = new Map<string, Set<string>>();
  #last = 0;

  constructor(database: Database, journal: Journal) {
    this.#database = database;
    this.#journal = journal;
  }
  async read(): Promise<void> {
    while (this.#journal.guard(() => this.catchUp(SLICE)) === SLICE) await pause();
  }
  catchUp(most = -1): number {
    const rows = this.#database
      .prepare("SELECT rowid AS at, id, json_extract(body, '$.origin') AS origin FROM runs WHERE rowid > ? ORDER BY rowid LIMIT ?")
      .all(this.#last, most);
    for (const { at, id, origin } of rows) {
      this.#last = at as number;
      if (typeof origin !== "string") continue;
      this.#names.set(origin, (this.#names.get(origin) ?? new Set()).add(id as string));
    }
    return rows.length;
  }
  has(run: string): boolean {
    return (this.#names.get(run)?.size ?? 0) > 0;
  }
  forget({ id, origin }: RunRow): void {
    if (origin !== undefined) this.#names.get(origin)?.delete(id);
  }
}

/** Sweeps now and once an hour, until it is told to stop; a sweep under way then ends with the backend. */
export function sweepHourly(sweep: () => Promise<unknown>, clock: Clock): () => void {
  const stopped = new AbortController();
  const loop = async (): Promise<void> => {
    while (!stopped.signal.aborted) {
      await sweep();
      await clock.wait(HOUR_MS, stopped.signal);
    }
  };
  void loop().catch(() => {
    // The backend has failed or was closed, and says so to whoever asks it for anything.
  });
  return () => stopped.abort();
}
