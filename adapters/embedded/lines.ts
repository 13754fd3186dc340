/** What flows and tasks log. Nobody waits for a line: they are written with the next thing that is, or a tenth of a second later. */
import type { LogLine, Logs } from "../../engine/ports.ts";
import type { Database } from "./database.ts";
import type { Journal, Section } from "./journal.ts";

export class EmbeddedLines implements Logs, Section {
  readonly #database: Database;
  readonly #journal: Journal;
  #lines: (Pick<LogLine, "id" | "run" | "at" | "call"> & { readonly body: string })[] = [];

  constructor(database: Database, journal: Journal) {
    this.#database = database;
    this.#journal = journal;
  }

  async write(lines: readonly LogLine[]): Promise<void>;
  write(): void;
  write(lines?: readonly LogLine[]): Promise<void> | void {
    return lines ? this.#note(lines) : this.#flush();
  }

  async #note(lines: readonly LogLine[]): Promise<void> {
    if (lines.length === 0) return this.#journal.check();
    this.#journal.mark(this, "lazy");
    for (const line of lines) this.#lines.push({ id: line.id, run: line.run, at: line.at, call: line.call, body: JSON.stringify(line) });
  }

  async read(run: string, options: { readonly after?: string; readonly limit?: number; readonly call?: string } = {}): Promise<readonly LogLine[]> {
    const { after = null, limit = -1, call = null } = options;
    const sql = `SELECT body FROM log_lines WHERE run = ?1 AND (?2 IS NULL OR call = ?2)
      AND (?3 IS NULL OR (at, seq) > (SELECT at, seq FROM log_lines WHERE run = ?1 AND id = ?3)) ORDER BY at, seq LIMIT ?4`;
    return this.#journal.read(this, () => this.#database.prepare(sql).all(run, call, after, limit)).map((row) => JSON.parse(row["body"] as string) as LogLine);
  }

  #flush(): void {
    for (const { run, id, at, call, body } of this.#lines)
      this.#database
        .prepare("INSERT INTO log_lines (run, id, at, call, body) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING")
        .run(run, id, at, call ?? null, body);
    this.#lines = [];
  }
}
