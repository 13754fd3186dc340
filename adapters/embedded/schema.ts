/**
 * The tables, and the check that a file has them before anything in it is touched. Large texts stand last in their row, so that a search need not walk over them.
 * Owners are processes (see `processes.ts`).
 */
import { closeSync, existsSync, openSync, readSync, statSync } from "node:fs";
import { WindhoverError } from "../../engine/errors.ts";
import { type Database, openDatabase } from "./database.ts";
import { damaged, isBusy, mapFailure } from "./failure.ts";
import { CHECKPOINT_PAGES } from "./wal.ts";

/** "whov", by which `file` and we know the file. */
export const APPLICATION_ID = 0x77686f76;
export const SCHEMA_VERSION = 1;
/** Up to this size the whole file is checked when it is opened. It costs about a millisecond a megabyte. Unit: pages. */
const CHECKED_PAGES = 1000;
/** How long SQLite waits for another process before we do something else and try again. Unit: milliseconds. */
const BUSY_MS = 1000;
/** How long we try to open a file that is locked. Unit: milliseconds. */
const OPENING_MS = 30_000;

/** Results that perhaps nothing refers to any more, and since when (see `condemned.ts`). Added later: older files get it when they are opened. */
const CONDEMNED = "CREATE TABLE IF NOT EXISTS condemned (key TEXT PRIMARY KEY, since INTEGER NOT NULL) WITHOUT ROWID";
/** Attempts that have begun (see `claims.ts`). Added later as well. */
const ATTEMPT_CLAIMS =
  "CREATE TABLE IF NOT EXISTS attempt_claims (actor TEXT NOT NULL, key TEXT NOT NULL, mark TEXT NOT NULL, PRIMARY KEY (actor, key)) WITHOUT ROWID";
const TABLES = `
  CREATE TABLE actors (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, n INTEGER NOT NULL, state TEXT NOT NULL);
  CREATE TABLE entries (id INTEGER PRIMARY KEY, actor INTEGER NOT NULL, n INTEGER NOT NULL, head TEXT NOT NULL, events TEXT NOT NULL);
  CREATE UNIQUE INDEX entries_by_number ON entries (actor, n);

  CREATE TABLE mail (seq INTEGER PRIMARY KEY AUTOINCREMENT, actor TEXT NOT NULL, physical TEXT NOT NULL, receives INTEGER NOT NULL, body TEXT NOT NULL);
  CREATE INDEX mail_by_actor ON mail (actor);
  CREATE TABLE claims (actor TEXT PRIMARY KEY, owner TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE tasks (seq INTEGER PRIMARY KEY AUTOINCREMENT, pool TEXT NOT NULL, physical TEXT NOT NULL, receives INTEGER NOT NULL, owner TEXT, body TEXT NOT NULL);
  CREATE INDEX tasks_free ON tasks (pool, seq) WHERE owner IS NULL;
  CREATE TABLE processes (id TEXT PRIMARY KEY) WITHOUT ROWID;
  CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
  INSERT INTO counters VALUES ('orphans', 0);

  CREATE TABLE timers (actor TEXT NOT NULL, id TEXT NOT NULL, at INTEGER NOT NULL, body TEXT NOT NULL, PRIMARY KEY (actor, id)) WITHOUT ROWID;
  CREATE INDEX timers_by_time ON timers (at);
  CREATE TABLE aborts (id INTEGER PRIMARY KEY AUTOINCREMENT, actor TEXT NOT NULL, call TEXT NOT NULL, UNIQUE (actor, call));
  CREATE TABLE results (key TEXT PRIMARY KEY, coding TEXT NOT NULL, content BLOB NOT NULL);

  CREATE TABLE runs (id TEXT PRIMARY KEY, seq INTEGER NOT NULL, created INTEGER NOT NULL, flow TEXT NOT NULL, deployment TEXT, parent TEXT, state TEXT NOT NULL, body TEXT NOT NULL);
  CREATE INDEX runs_by_time ON runs (created, id);
  CREATE INDEX runs_by_flow ON runs (flow, created, id);
  CREATE INDEX runs_by_state ON runs (state, created, id);
  CREATE INDEX runs_by_deployment ON runs (deployment, created, id) WHERE deployment IS NOT NULL;
  CREATE INDEX runs_by_parent ON runs (parent, created, id) WHERE parent IS NOT NULL;
  CREATE TABLE run_tags (tag TEXT NOT NULL, created INTEGER NOT NULL, run TEXT NOT NULL, PRIMARY KEY (tag, created, run)) WITHOUT ROWID;
  CREATE TABLE deployments (name TEXT PRIMARY KEY, seq INTEGER NOT NULL, body TEXT NOT NULL);
  CREATE TABLE artifacts (id TEXT PRIMARY KEY, run TEXT NOT NULL, at INTEGER NOT NULL, body TEXT NOT NULL);
  CREATE INDEX artifacts_by_run ON artifacts (run, at);
  CREATE TABLE registry (kind TEXT NOT NULL, key TEXT NOT NULL, expires INTEGER, body TEXT NOT NULL, PRIMARY KEY (kind, key));
  CREATE TABLE log_lines (seq INTEGER PRIMARY KEY, run TEXT NOT NULL, id TEXT NOT NULL, at INTEGER NOT NULL, call TEXT, body TEXT NOT NULL, UNIQUE (run, id));
  CREATE TABLE events (seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, type TEXT NOT NULL, run TEXT NOT NULL, at INTEGER NOT NULL, detail TEXT NOT NULL);
  ${CONDEMNED};
  ${ATTEMPT_CLAIMS};
`;

/** Connections to a file that was refused stay open for the life of the process: closing the last one would write the WAL back over what may still be saved by hand. */
const abandoned: Database[] = [];
export const abandon = (database: Database): unknown => abandoned.push(database);

/**
 * Opens the store's database, or makes it. A file that is refused is left byte for byte as it was.
 * @throws WH3001 damaged or not ours, WH3002 newer, WH3003 no room or no permission
 */
export function openStore(file: string, alreadyOpenHere: boolean): Database {
  // Reading the file ourselves would, on closing it, drop the locks that SQLite holds in this process (POSIX): only the first one looks.
  if (!alreadyOpenHere) inspect(file);
  const database = openDatabase(file);
  try {
    patiently(() => makeReady(database, file));
    return database;
  } catch (error) {
    abandon(database);
    throw mapFailure(error, file, "opened");
  }
}

/** Opening meets others who make, recover or leave the same file, and then SQLite may say "locked", sometimes without having waited as it was told to. */
function patiently<T>(work: () => T): T {
  for (const until = performance.now() + OPENING_MS; ; ) {
    try {
      return work();
    } catch (error) {
      if (!isBusy(error) || performance.now() > until) throw error;
      Atomics.wait(pause, 0, 0, 10);
    }
  }
}
const pause = new Int32Array(new SharedArrayBuffer(4));

/** All of it may be done again. */
function makeReady(database: Database, file: string): void {
  database.exec(`PRAGMA busy_timeout = ${BUSY_MS}`);
  database.exec(
    `PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -32000; PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES}; PRAGMA journal_size_limit = 67108864`,
  );
  create(database);
  refuseNewer(file, Number(database.prepare("PRAGMA user_version").get()?.["user_version"]));
  if (Number(database.prepare("PRAGMA page_count").get()?.["page_count"]) <= CHECKED_PAGES) {
    const verdict = String(database.prepare("PRAGMA quick_check(1)").get()?.["quick_check"]);
    if (verdict !== "ok") throw damaged(file, verdict);
  }
  // A file that may only be read opens well enough; better to hear of it now than in the middle of a run.
  database.exec("BEGIN IMMEDIATE");
  database.exec("UPDATE counters SET value = value; ROLLBACK");
  for (const [name, sql] of Object.entries({ condemned: CONDEMNED, attempt_claims: ATTEMPT_CLAIMS }))
    if (!database.prepare("SELECT 1 FROM sqlite_schema WHERE name = ?").get(name)) database.exec(sql);
}

/** Two processes may start at once: whoever comes second finds the tables made. */
function create(database: Database): void {
  const version = () => Number(database.prepare("PRAGMA user_version").get()?.["user_version"]);
  if (version() > 0) return;
  database.exec("BEGIN IMMEDIATE");
  try {
    if (version() === 0) database.exec(`${TABLES} PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${SCHEMA_VERSION};`);
    database.exec("COMMIT");
  } catch (error) {
    database.exec("ROLLBACK");
    throw error;
  }
  // From now on the file itself says what it is, whatever becomes of its write-ahead log.
  fold(database);
}

/** Writes the write-ahead log back into the file, unless somebody else is at it. */
export function fold(database: Database): void {
  database.exec("PRAGMA busy_timeout = 50");
  database.prepare("PRAGMA wal_checkpoint(TRUNCATE)").all();
  database.exec(`PRAGMA busy_timeout = ${BUSY_MS}`);
}

/** Reads the header without SQLite, which may write to what it opens: https://www.sqlite.org/fileformat.html#the_database_header */
function inspect(file: string): void {
  if (!existsSync(file)) return;
  const header = Buffer.alloc(100);
  let size: number;
  try {
    const handle = openSync(file, "r");
    try {
      readSync(handle, header, 0, 100, 0);
      size = statSync(file).size;
    } finally {
      closeSync(handle);
    }
  } catch (error) {
    throw mapFailure(error, file, "read");
  }
  const wal = existsSync(`${file}-wal`) ? statSync(`${file}-wal`).size : 0;
  if (size === 0 && wal === 0) return;
  if (size < 512) throw damaged(file, `it is ${size} bytes long, and its write-ahead log ${wal}`);
  if (header.toString("latin1", 0, 16) !== "SQLite format 3\0") throw damaged(file, "it does not begin like a SQLite database");
  const version = header.readUInt32BE(60);
  const application = header.readUInt32BE(68);
  // Before the first checkpoint the header may still say nothing: then the write-ahead log has it.
  if (application !== APPLICATION_ID && (application !== 0 || version !== 0 || wal === 0)) throw damaged(file, "it is a SQLite database of another program");
  refuseNewer(file, version);
  const pageSize = header.readUInt16BE(16) === 1 ? 65536 : header.readUInt16BE(16);
  const expected = pageSize * header.readUInt32BE(28);
  // While a write-ahead log is there, a file that is too short may be a checkpoint that was cut off, which SQLite repairs.
  if (wal === 0 && size < expected) throw damaged(file, `it is ${size} bytes long instead of ${expected}`);
}

function refuseNewer(file: string, version: number): void {
  if (version > SCHEMA_VERSION)
    throw new WindhoverError("WH3002", {
      message: `${file} was written by a newer Windhover.`,
      expected: `a database of version ${SCHEMA_VERSION} or older`,
      got: `version ${version}`,
    });
}
