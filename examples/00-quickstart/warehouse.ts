/** The file database that the quickstart loads its tables into: SQLite, by way of libsql. */
import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import Database from "libsql";

export type Cell = string | number;
type Row = Readonly<Record<string, Cell>>;

function open(file: string): Database.Database {
  mkdirSync(dirname(file), { recursive: true });
  const database = new Database(file, {});
  // Two tables are loaded side by side: the second waits for the first one's transaction.
  database.exec("PRAGMA busy_timeout = 10000");
  return database;
}

/** Puts these rows in the place of the table that was there, in one transaction: done twice is done once. */
export function replaceTable(file: string, table: string, rows: readonly Row[]): number {
  const columns = Object.keys(rows[0] ?? {});
  const database = open(file);
  try {
    database.exec("BEGIN IMMEDIATE");
    database.exec(`DROP TABLE IF EXISTS ${table}`);
    database.exec(`CREATE TABLE ${table} (${columns.join(", ")})`);
    const insert = database.prepare(`INSERT INTO ${table} VALUES (${columns.map(() => "?").join(", ")})`);
    for (const row of rows) insert.run(...columns.map((column) => row[column]));
    database.exec("COMMIT");
    return rows.length;
  } finally {
    database.close();
  }
}

export function query<T>(file: string, sql: string): T[] {
  const database = open(file);
  try {
    return database.prepare(sql).all() as T[];
  } finally {
    database.close();
  }
}
