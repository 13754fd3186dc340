/** The index: rows of runs, deployments and artifacts, derived from the logs. A row written several times before a flush is written once. */

import { WindhoverError } from "../../engine/errors.ts";
import type { ArtifactRow, DeploymentRow, RunRow } from "../../engine/events.ts";
import type { Index, RunFilter } from "../../engine/ports.ts";
import type { Database, Row, Value } from "./database.ts";
import type { Journal, Section } from "./journal.ts";

const PAGE = 100;

/** The newer of two rows; of equally new ones the later. */
function newest<T extends { readonly seq: number }>(rows: Map<string, T>, key: string, row: T): void {
  if ((rows.get(key)?.seq ?? Number.NEGATIVE_INFINITY) <= row.seq) rows.set(key, row);
}

interface Noted<T> {
  readonly seq: number;
  readonly row: T;
  /** As it was when it was noted. */
  readonly body: string;
}

export class EmbeddedIndex implements Index, Section {
  readonly #database: Database;
  readonly #journal: Journal;
  readonly #runs = new Map<string, Noted<RunRow>>();
  readonly #deployments = new Map<string, Noted<DeploymentRow>>();
  readonly #artifacts = new Map<string, { readonly row: ArtifactRow; readonly body: string }>();

  constructor(database: Database, journal: Journal) {
    this.#database = database;
    this.#journal = journal;
  }

  async putRun(row: RunRow): Promise<void> {
    this.#journal.mark(this, "soon");
    newest(this.#runs, row.id, { seq: row.seq, row, body: JSON.stringify(row) });
  }

  async putDeployment(row: DeploymentRow): Promise<void> {
    this.#journal.mark(this, "soon");
    newest(this.#deployments, row.name, { seq: row.seq, row, body: JSON.stringify(row) });
  }

  async putArtifact(row: ArtifactRow): Promise<void> {
    this.#journal.mark(this, "soon");
    const old = this.#artifacts.get(row.id)?.row.seq;
    if (old === undefined || row.seq === undefined || row.seq >= old) this.#artifacts.set(row.id, { row, body: JSON.stringify(row) });
  }

  async run(id: string): Promise<RunRow | null> {
    const row = this.#journal.read(this, () => this.#database.prepare("SELECT body FROM runs WHERE id = ?").get(id));
    return row ? parse<RunRow>(row) : null;
  }

  async runs(filter: RunFilter): Promise<{ readonly rows: readonly RunRow[]; readonly cursor?: string }> {
    const limit = Math.max(1, filter.limit ?? PAGE);
    const states = [...new Set(filter.states ?? [])];
    // One search a state, each along an index that has its rows in order, then merged: a rare state is not looked for among all runs, a common one not sorted.
    const searches = filter.states ? states.map((state) => search(filter, state, limit + 1)) : [search(filter, null, limit + 1)];
    const found = this.#journal.read(this, () => searches.flatMap(({ sql, values }) => this.#database.prepare(sql).all(...values)));
    if (searches.length > 1) found.sort((a, b) => (b["created"] as number) - (a["created"] as number) || (String(b["id"]) > String(a["id"]) ? 1 : -1));
    const rows = found.slice(0, limit);
    const last = rows.at(-1);
    return { rows: rows.map(parse<RunRow>), ...(found.length > limit && last ? { cursor: `${last["created"]}~${last["id"]}` } : {}) };
  }

  async deployments(): Promise<readonly DeploymentRow[]> {
    return this.#journal.read(this, () => this.#database.prepare("SELECT body FROM deployments ORDER BY name").all()).map(parse<DeploymentRow>);
  }

  async artifacts(run: string): Promise<readonly ArtifactRow[]> {
    return this.#journal.read(this, () => this.#database.prepare("SELECT body FROM artifacts WHERE run = ? ORDER BY at, id").all(run)).map(parse<ArtifactRow>);
  }

  write(): void {
    for (const { row, body } of this.#runs.values()) this.#writeRun(row, body);
    this.#runs.clear();
    for (const [name, { seq, body }] of this.#deployments)
      this.#database
        .prepare(
          "INSERT INTO deployments (name, seq, body) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET seq = excluded.seq, body = excluded.body WHERE excluded.seq >= seq",
        )
        .run(name, seq, body);
    this.#deployments.clear();
    for (const [id, { row, body }] of this.#artifacts) this.#database.prepare(PUT_ARTIFACT).run(id, row.run, row.at, body);
    this.#artifacts.clear();
  }

  #writeRun(row: RunRow, body: string): void {
    const { id, seq, createdAt, flow, deployment, parent, state, tags } = row;
    this.#database
      .prepare(
        "INSERT INTO runs (id, seq, created, flow, deployment, parent, state, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET seq = excluded.seq, state = excluded.state, body = excluded.body WHERE excluded.seq >= seq",
      )
      .run(id, seq, createdAt, flow, deployment ?? null, parent ?? null, state.type, body);
    for (const tag of tags) this.#database.prepare("INSERT INTO run_tags (tag, created, run) VALUES (?, ?, ?) ON CONFLICT DO NOTHING").run(tag, createdAt, id);
  }
}

const PUT_ARTIFACT = `INSERT INTO artifacts (id, run, at, body) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET at = excluded.at, body = excluded.body
  WHERE ifnull(json_extract(excluded.body, '$.seq') >= json_extract(artifacts.body, '$.seq'), 1)`;

const parse = <T>(row: Row): T => JSON.parse(row["body"] as string) as T;

/** One page of one state, newest first. */
function search(filter: RunFilter, state: string | null, limit: number): { readonly sql: string; readonly values: readonly Value[] } {
  const { flow, deployment, tag, parent, since, until, cursor } = filter;
  const conditions: string[] = [];
  const values: Value[] = [];
  const where = (condition: string, ...given: Value[]): void => {
    conditions.push(condition);
    values.push(...given);
  };
  // The tags' table is an index that may hold a tag too many (a later row has lost it): the row itself decides.
  if (tag !== undefined) where("t.tag = ? AND EXISTS (SELECT 1 FROM json_each(r.body, '$.tags') WHERE value = ?)", tag, tag);
  if (flow !== undefined) where("r.flow = ?", flow);
  if (deployment !== undefined) where("r.deployment = ?", deployment);
  if (parent !== undefined) where("r.parent = ?", parent);
  if (state !== null) where("r.state = ?", state);
  const created = tag === undefined ? "r.created" : "t.created";
  const id = tag === undefined ? "r.id" : "t.run";
  if (since !== undefined) where(`${created} >= ?`, since);
  if (until !== undefined) where(`${created} <= ?`, until);
  if (cursor !== undefined) where(`(${created}, ${id}) < (?, ?)`, ...readCursor(cursor));
  const from = tag === undefined ? "runs r" : "run_tags t CROSS JOIN runs r ON r.id = t.run";
  const sql = `SELECT ${created} AS created, r.id AS id, r.body AS body FROM ${from} ${conditions.length > 0 ? `WHERE ${conditions.join(" AND ")}` : ""} ORDER BY ${created} DESC, ${id} DESC LIMIT ?`;
  return { sql, values: [...values, limit] };
}

function readCursor(cursor: string): readonly [number, string] {
  const match = /^(\d{1,16})~(.+)$/s.exec(cursor);
  if (!match) throw new WindhoverError("WH2015", { message: `"${cursor}" is not a cursor.`, expected: "the cursor of the page before", got: cursor });
  return [Number(match[1]), match[2] as string];
}
