/**
 * Group commit. Whatever wants to write notes it down in its own section and marks it; one transaction with one fsync takes everything that was noted until then, so the price
 * of durability is shared by all who wait. One write-ahead log has one order: what is noted later is never on disk without what was noted before.
 *
 * After a flush that failed nothing is true any more that memory believes, so the journal is poisoned: every later call fails with the same error, and a restart
 * goes on from the disk.
 */
import { WindhoverError } from "../../engine/errors.ts";
import type { Database } from "./database.ts";
import { isBusy, mapFailure } from "./failure.ts";

/** `now`: somebody waits. `soon`: it only has to come in order; a moment's patience lets it share a flush or cancel out. `lazy`: nobody minds. */
export type Urgency = "now" | "soon" | "lazy";
const PATIENCE_MS = { soon: 10, lazy: 100 } as const;
/** How long another process may hold the write lock before we give up. Unit: milliseconds. */
const LOCK_PATIENCE_MS = 60_000;

/** A part of the store with something to write. */
export interface Section {
  /** Another process has committed: read what is new. Called in a transaction before `write`, and from time to time. */
  catchUp?(): void;
  /** Inside the transaction, once for each transaction that began. */
  write?(): void;
  /** The transaction is on disk. */
  committed?(): void;
  /** The journal is poisoned or closed: reject who waits. */
  failed?(error: WindhoverError): void;
}

interface Deferred {
  readonly promise: Promise<void>;
  resolve(): void;
  reject(error: unknown): void;
}

export interface JournalStats {
  /** Transactions committed, each with one fsync. */
  flushes: number;
  /** Flushes that had to wait for another process. */
  contended: number;
}

export class Journal {
  readonly stats: JournalStats = { flushes: 0, contended: 0 };
  readonly #database: Database;
  readonly #sections: Section[] = [];
  readonly #dirty = new Set<Section>();
  #failure: WindhoverError | null = null;
  #waiting: Deferred | null = null;
  #immediate: NodeJS.Immediate | null = null;
  #timer: NodeJS.Timeout | null = null;
  #timerAt = Number.POSITIVE_INFINITY;
  #blockedSince: number | null = null;
  #version = -1;
  #foreign = 0;

  constructor(database: Database) {
    this.#database = database;
  }

  /** Sections write in the order in which they were added. */
  add(section: Section): void {
    this.#sections.push(section);
  }

  /** @throws the error that poisoned the journal, or WH3008 */
  check(): void {
    if (this.#failure) throw this.#failure;
  }

  /** Something is noted in the section. */
  mark(section: Section, urgency: Urgency): void {
    this.check();
    this.#dirty.add(section);
    this.#arm(urgency);
  }

  /** Resolves when all that is noted now is on disk. All who ask before the same flush share one promise. */
  durable(): Promise<void> {
    if (this.#failure) return Promise.reject(this.#failure);
    if (!this.#waiting) {
      if (this.#dirty.size === 0) return Promise.resolve();
      this.#waiting = deferred();
      this.#arm("now");
    }
    return this.#waiting.promise;
  }

  /** Reads. Whoever asks is shown what was noted before, so a section with something unwritten is written first. */
  read<T>(section: Section, query: () => T): T {
    this.check();
    if (this.#dirty.has(section)) this.flush();
    return this.guard(query);
  }

  /** Runs a query; a damaged file or a dead disk poisons the journal. */
  guard<T>(query: () => T): T {
    this.check();
    try {
      return query();
    } catch (error) {
      if (error instanceof WindhoverError) throw error;
      throw this.poison(mapFailure(error, this.#database.file, "read"));
    }
  }

  /** Writes all that is noted, now. Returns false when another process holds the lock; it is tried again by itself. */
  flush(): boolean {
    this.check();
    this.#disarm();
    if (this.#dirty.size === 0) return true;
    if (!this.#begin()) return false;
    try {
      this.#catchUp();
      // Asked one by one: writing one section may note something in a later one (a timer that fires becomes mail).
      const dirty: Section[] = [];
      for (const section of this.#sections) {
        if (!this.#dirty.has(section)) continue;
        dirty.push(section);
        section.write?.();
      }
      this.#database.prepare("COMMIT").run();
      this.stats.flushes++;
      this.#dirty.clear();
      const waiting = this.#waiting;
      this.#waiting = null;
      waiting?.resolve();
      for (const section of dirty) section.committed?.();
      return true;
    } catch (error) {
      const failure = this.poison(mapFailure(error, this.#database.file, "written"));
      this.#rollback();
      throw failure;
    }
  }

  /** One transaction outside the sections: for starting, taking over and leaving. */
  transaction<T>(work: () => T): T {
    this.check();
    const patience = performance.now() + LOCK_PATIENCE_MS;
    while (!this.flush() || !this.#begin()) {
      // Each try has waited for the lock as long as SQLite's own timeout says.
      if (performance.now() > patience) throw this.poison(new WindhoverError("WH3003", { message: `${this.#database.file} is locked by another process.` }));
    }
    try {
      const result = work();
      this.#database.prepare("COMMIT").run();
      this.stats.flushes++;
      return result;
    } catch (error) {
      this.#rollback();
      throw this.poison(mapFailure(error, this.#database.file, "written"));
    }
  }

  /** Has another process committed since we last looked? Then every section reads what is new. */
  glance(): void {
    this.guard(() => this.#catchUp());
  }

  /** How often that was so. Another number when the journal is poisoned or closed: whoever waits for others looks then, and is told. */
  get foreignCommits(): number {
    return this.#failure ? -1 : this.#foreign;
  }

  /** From now on every call fails with this. */
  poison(error: WindhoverError): WindhoverError {
    if (this.#failure) return this.#failure;
    this.#failure = error;
    this.#disarm();
    const waiting = this.#waiting;
    this.#waiting = null;
    waiting?.reject(error);
    for (const section of this.#sections) section.failed?.(error);
    return error;
  }

  /** `PRAGMA data_version` changes when, and only when, another connection commits; asking costs a few microseconds. */
  #catchUp(): void {
    const version = this.#database.prepare("PRAGMA data_version").get()?.["data_version"] as number;
    if (version === this.#version) return;
    this.#version = version;
    this.#foreign++;
    for (const section of this.#sections) section.catchUp?.();
  }

  #begin(): boolean {
    try {
      this.#database.prepare("BEGIN IMMEDIATE").run();
      this.#blockedSince = null;
      return true;
    } catch (error) {
      if (!isBusy(error)) throw this.poison(mapFailure(error, this.#database.file, "written"));
      this.stats.contended++;
      this.#blockedSince ??= performance.now();
      if (performance.now() - this.#blockedSince > LOCK_PATIENCE_MS) throw this.poison(mapFailure(error, this.#database.file, "written"));
      this.#arm("soon");
      return false;
    }
  }

  #rollback(): void {
    try {
      this.#database.exec("ROLLBACK");
    } catch {
      // A failed COMMIT on a full disk has rolled back by itself.
    }
  }

  #arm(urgency: Urgency): void {
    if (this.#immediate) return;
    if (urgency === "now") {
      this.#immediate = setImmediate(() => this.#run());
      return;
    }
    const at = performance.now() + PATIENCE_MS[urgency];
    if (this.#timer && this.#timerAt <= at + 1) return;
    if (this.#timer) clearTimeout(this.#timer);
    this.#timerAt = at;
    // It keeps no process alive: what is noted is written when the process exits (see `backend.ts`).
    this.#timer = setTimeout(() => this.#run(), PATIENCE_MS[urgency]).unref();
  }

  #disarm(): void {
    if (this.#immediate) clearImmediate(this.#immediate);
    if (this.#timer) clearTimeout(this.#timer);
    this.#immediate = null;
    this.#timer = null;
    this.#timerAt = Number.POSITIVE_INFINITY;
  }

  #run(): void {
    try {
      this.flush();
    } catch {
      // Whoever waits has been told, and whoever comes next will be.
    }
  }
}

function deferred(): Deferred {
  let resolve!: () => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<void>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  // Some ask for durability and do not wait for it; they learn of a failure at their next call.
  promise.catch(() => {});
  return { promise, resolve, reject };
}
