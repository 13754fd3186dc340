/**
 * One synchronous face for the two SQLite libraries: `node:sqlite` where Node has it without a flag (22.13), `libsql` before. Synchronous on purpose: a statement
 * takes microseconds, and what runs between BEGIN and COMMIT must not be interleaved with anything.
 */
import { mapFailure } from "./failure.ts";

export type Value = string | number | null | Uint8Array;
export type Row = Record<string, Value>;

export interface Statement {
  run(...values: Value[]): { readonly changes: number; readonly lastInsertRowid: number };
  get(...values: Value[]): Row | undefined;
  all(...values: Value[]): readonly Row[];
}

export interface Database {
  readonly file: string;
  /** Statements are kept: the same text is prepared once. */
  prepare(sql: string): Statement;
  exec(sql: string): void;
  close(): void;
}

/** What both libraries have in common, as far as it is used here. */
interface RawStatement {
  run(...values: unknown[]): { changes: number | bigint; lastInsertRowid: number | bigint };
  get(...values: unknown[]): unknown;
  all(...values: unknown[]): unknown[];
}
interface RawDatabase {
  prepare(sql: string): RawStatement;
  exec(sql: string): void;
  close(): void;
}
interface Driver {
  open(file: string): RawDatabase;
  /** The package also takes all values in one array, and is quicker so. */
  readonly inOneArray: boolean;
}

let driver: Driver | undefined;

/** Loads the library. After it, {@link openDatabase} works without waiting. */
export async function loadDriver(): Promise<void> {
  if (driver) return;
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  driver = major > 22 || (major === 22 && minor >= 13) ? builtIn() : await fromPackage();
}

function builtIn(): Driver {
  // Node prints a warning when the module is loaded. Users cannot act on it, so this one, and no other, is held back.
  const warn = process.emitWarning;
  process.emitWarning = ((warning: string | Error, ...rest: unknown[]) => {
    if (!(rest[0] === "ExperimentalWarning" && String(warning).includes("SQLite"))) (warn as (...all: unknown[]) => void).call(process, warning, ...rest);
  }) as typeof process.emitWarning;
  try {
    const load = (process as unknown as { getBuiltinModule(id: string): unknown }).getBuiltinModule;
    const { DatabaseSync } = load("node:sqlite") as { DatabaseSync: new (file: string) => RawDatabase };
    return { open: (file) => new DatabaseSync(file), inOneArray: false };
  } finally {
    process.emitWarning = warn;
  }
}

async function fromPackage(): Promise<Driver> {
  const { default: Libsql } = (await import("libsql")) as unknown as { default: new (file: string) => RawDatabase };
  return { open: (file) => new Libsql(file), inOneArray: true };
}

/**
 * Opens a file, or makes it.
 * @throws WH3003 when it cannot be opened or made.
 */
export function openDatabase(file: string): Database {
  if (!driver) throw new Error("loadDriver() comes first");
  const { inOneArray } = driver;
  let raw: RawDatabase;
  try {
    raw = driver.open(file);
  } catch (error) {
    throw mapFailure(error, file, "opened");
  }
  const statements = new Map<string, Statement>();
  return {
    file,
    prepare(sql) {
      let statement = statements.get(sql);
      if (!statement) statements.set(sql, (statement = wrap(raw.prepare(sql), inOneArray)));
      return statement;
    },
    exec: (sql) => raw.exec(sql),
    close() {
      statements.clear();
      raw.close();
    },
  };
}

function wrap(raw: RawStatement, inOneArray: boolean): Statement {
  type Changes = { changes: number; lastInsertRowid: number };
  if (inOneArray)
    return {
      run: (...values) => raw.run(values) as Changes,
      get: (...values) => raw.get(values) as Row | undefined,
      all: (...values) => raw.all(values) as Row[],
    };
  return {
    run: (...values) => raw.run(...values) as Changes,
    get: (...values) => raw.get(...values) as Row | undefined,
    all: (...values) => raw.all(...values) as Row[],
  };
}
