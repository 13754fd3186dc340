/** Named settings and caches. */
import type { Clock, Registry, RegistryValue } from "../../engine/ports.ts";
import type { Database } from "./database.ts";
import type { Journal, Section } from "./journal.ts";

interface Change {
  readonly kind: string;
  readonly key: string;
  /** null deletes. */
  readonly value: { readonly expires: number | null; readonly body: string } | null;
}

export class EmbeddedRegistry implements Registry, Section {
  readonly #database: Database;
  readonly #journal: Journal;
  readonly #clock: Clock;
  readonly #changes = new Map<string, Change>();

  constructor(database: Database, journal: Journal, clock: Clock) {
    this.#database = database;
    this.#journal = journal;
    this.#clock = clock;
  }

  async get(kind: string, key: string): Promise<RegistryValue | null> {
    const row = this.#journal.read(this, () =>
      this.#database.prepare("SELECT body FROM registry WHERE kind = ? AND key = ? AND (expires IS NULL OR expires > ?)").get(kind, key, this.#clock.now()),
    );
    return row ? (JSON.parse(row["body"] as string) as RegistryValue) : null;
  }

  async put(kind: string, key: string, value: RegistryValue | null): Promise<void> {
    const change: Change = { kind, key, value: value && { expires: value.expiresAt ?? null, body: JSON.stringify(value) } };
    this.#journal.mark(this, "now");
    this.#changes.set(JSON.stringify([kind, key]), change);
    await this.#journal.durable();
  }

  async list(kind: string): Promise<readonly { readonly key: string; readonly value: RegistryValue }[]> {
    const rows = this.#journal.read(this, () =>
      this.#database.prepare("SELECT key, body FROM registry WHERE kind = ? AND (expires IS NULL OR expires > ?) ORDER BY key").all(kind, this.#clock.now()),
    );
    return rows.map((row) => ({ key: row["key"] as string, value: JSON.parse(row["body"] as string) as RegistryValue }));
  }

  write(): void {
    for (const { kind, key, value } of this.#changes.values()) {
      if (value)
        this.#database
          .prepare(
            "INSERT INTO registry (kind, key, expires, body) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET expires = excluded.expires, body = excluded.body",
          )
          .run(kind, key, value.expires, value.body);
      else this.#database.prepare("DELETE FROM registry WHERE kind = ? AND key = ?").run(kind, key);
    }
    this.#changes.clear();
  }
}
