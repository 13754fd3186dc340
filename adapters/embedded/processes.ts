/**
 * Which processes share the directory, and which of them are dead. Each holds an exclusive lock on a tiny file of its own, which the system takes away with the process,
 * however it dies. Who can lock another's file knows that its owner is gone, and takes over what it had.
 */
import { existsSync, mkdirSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { type Database, openDatabase } from "./database.ts";
import { isBusy, mapFailure } from "./failure.ts";
import type { Journal } from "./journal.ts";
import type { Membership } from "./membership.ts";
import { extendLog } from "./wal.ts";

/** How often the others are looked at. Unit: milliseconds. */
const WATCH_MS = 500;
/** A lock file without a row may belong to somebody who is just starting. Unit: milliseconds. */
const STARTING_MS = 60_000;

/** What the rest of the store does when processes come and go. */
export interface Heirs {
  /** Their actors are ours now. Inside the transaction. */
  inherit(actors: readonly string[]): void;
  /** We take part from now on; look for what waits. */
  joined(): void;
  tookOver(): void;
}

export class Processes implements Membership {
  readonly id: string;
  joined = false;
  readonly #directory: string;
  readonly #database: Database;
  readonly #journal: Journal;
  readonly #heirs: Heirs;
  #lock: Database | null = null;
  #timer: NodeJS.Timeout | null = null;

  constructor(id: string, directory: string, database: Database, journal: Journal, heirs: Heirs) {
    this.id = id;
    this.#directory = join(directory, "processes");
    this.#database = database;
    this.#journal = journal;
    this.#heirs = heirs;
  }

  join(): void {
    if (this.joined) return;
    const file = this.#file(this.id);
    try {
      mkdirSync(this.#directory, { recursive: true });
      this.#lock = openDatabase(file);
      this.#lock.exec("BEGIN EXCLUSIVE");
    } catch (error) {
      throw this.#journal.poison(mapFailure(error, file, "written"));
    }
    // The row comes after the lock: whoever finds the row and no lock knows that we are gone.
    this.#journal.transaction(() => {
      this.#database.prepare("INSERT INTO processes (id) VALUES (?)").run(this.id);
      extendLog(this.#database);
    });
    this.joined = true;
    this.takeOver();
    this.#sweep();
    this.#heirs.joined();
    this.#timer = setInterval(() => this.#watch(), WATCH_MS).unref();
  }

  alone(): boolean {
    return this.#others().length === 0;
  }

  /** Does a process that lives take part in the work, this one or another? */
  served(): boolean {
    return this.joined || this.#others().some((id) => this.#lives(id));
  }

  /** Looks for processes that died, and takes what they had. */
  takeOver(): void {
    const locks = new Map<string, Database | null>();
    try {
      for (const id of this.#others()) {
        const lock = this.#tryLock(id);
        if (lock !== "alive") locks.set(id, lock);
      }
      if (locks.size === 0) return;
      this.#journal.transaction(() => {
        for (const id of locks.keys()) this.#inherit(id);
      });
      for (const id of locks.keys()) this.#remove(id);
    } finally {
      for (const lock of locks.values()) lock?.close();
    }
    this.#heirs.tookOver();
  }

  /** Inside the transaction of leaving. */
  leave(): void {
    this.#database.prepare("DELETE FROM processes WHERE id = ?").run(this.id);
  }

  /** Lets go of the lock. Without `farewell` the others find us dead. */
  stop(farewell: boolean): void {
    if (this.#timer) clearInterval(this.#timer);
    this.#lock?.close();
    this.#lock = null;
    if (farewell && this.joined) this.#remove(this.id);
  }

  #watch(): void {
    try {
      this.takeOver();
    } catch {
      // The journal is poisoned or closed, and says so to whoever asks.
    }
  }

  #inherit(id: string): void {
    // Somebody else may have been quicker between our look and the transaction.
    if (this.#database.prepare("DELETE FROM processes WHERE id = ?").run(id).changes === 0) return;
    const actors = this.#database
      .prepare("SELECT actor FROM claims WHERE owner = ?")
      .all(id)
      .map((row) => row["actor"] as string);
    this.#database.prepare("UPDATE claims SET owner = ? WHERE owner = ?").run(this.id, id);
    this.#database.prepare("UPDATE tasks SET owner = NULL WHERE owner = ?").run(id);
    this.#heirs.inherit(actors);
  }

  #others(): readonly string[] {
    return this.#journal.guard(() => this.#database.prepare("SELECT id FROM processes WHERE id <> ?").all(this.id)).map((row) => row["id"] as string);
  }

  #lives(id: string): boolean {
    const lock = this.#tryLock(id);
    if (lock === "alive") return true;
    lock?.close();
    return false;
  }

  /** The lock of a dead process, null if not even its file is left. */
  #tryLock(id: string): Database | null | "alive" {
    const file = this.#file(id);
    if (!existsSync(file)) return null;
    const lock = openDatabase(file);
    try {
      lock.exec("PRAGMA busy_timeout = 0; BEGIN EXCLUSIVE");
      return lock;
    } catch (error) {
      lock.close();
      if (isBusy(error)) return "alive";
      throw this.#journal.poison(mapFailure(error, file, "read"));
    }
  }

  /** Removes files of processes that died before they had a row, or after it was taken away. */
  #sweep(): void {
    const known = new Set([...this.#others(), this.id]);
    for (const name of readdirSync(this.#directory)) {
      const id = name.replace(/\.lock(-journal)?$/, "");
      if (known.has(id)) continue;
      const age = Date.now() - (statSync(join(this.#directory, name), { throwIfNoEntry: false })?.mtimeMs ?? 0);
      if (age < STARTING_MS) continue;
      const lock = this.#tryLock(id);
      if (lock === "alive") continue;
      this.#remove(id);
      lock?.close();
    }
  }

  #remove(id: string): void {
    for (const end of ["", "-journal"]) rmSync(this.#file(id) + end, { force: true });
  }

  #file(id: string): string {
    return join(this.#directory, `${id}.lock`);
  }
}
