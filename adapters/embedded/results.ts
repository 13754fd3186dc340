/** The result store: texts by the hash of their content, compressed where it pays. */
import { createHash } from "node:crypto";
import { promisify } from "node:util";
import { deflateRaw, deflateRawSync, inflateRaw, inflateRawSync } from "node:zlib";
import { WindhoverError } from "../../engine/errors.ts";
import type { Results } from "../../engine/ports.ts";
import type { Database } from "./database.ts";
import type { Journal, Section } from "./journal.ts";

/** Below this compression gains nothing; above the second it would hold up the process, so it is left to another thread. Unit: bytes. */
const WORTH_COMPRESSING = 1024;
const WORTH_A_THREAD = 128 * 1024;
const FAST = { level: 1 } as const;
const deflateAside = promisify(deflateRaw) as (data: Buffer, options: typeof FAST) => Promise<Buffer>;
const inflateAside = promisify(inflateRaw) as (data: Uint8Array) => Promise<Buffer>;

type Coding = "plain" | "deflate";

export class EmbeddedResults implements Results, Section {
  readonly #database: Database;
  readonly #journal: Journal;
  readonly #pending = new Map<string, readonly [Coding, Uint8Array]>();

  constructor(database: Database, journal: Journal) {
    this.#database = database;
    this.#journal = journal;
  }

  async put(text: string): Promise<string> {
    this.#journal.check();
    const plain = Buffer.from(text, "utf8");
    const key = createHash("sha256").update(plain).digest("hex");
    const known = "SELECT 1 FROM results WHERE key = ?1 AND NOT EXISTS (SELECT 1 FROM condemned WHERE key = ?1)";
    if (this.#journal.guard(() => this.#database.prepare(known).get(key))) return key;
    const coded = plain.length < WORTH_COMPRESSING ? plain : plain.length < WORTH_A_THREAD ? deflateRawSync(plain, FAST) : await deflateAside(plain, FAST);
    this.#journal.mark(this, "now");
    this.#pending.set(key, coded.length < plain.length ? ["deflate", coded] : ["plain", plain]);
    await this.#journal.durable();
    return key;
  }

  async get(key: string): Promise<string> {
    const row = this.#journal.read(this, () => this.#database.prepare("SELECT coding, content FROM results WHERE key = ?").get(key));
    if (!row)
      throw new WindhoverError("WH3007", {
        message: `The result store of ${this.#database.file} has nothing under "${key}".`,
        expected: "a stored result",
        got: "nothing",
      });
    const content = row["content"] as Uint8Array;
    if (row["coding"] === "plain") return Buffer.from(content).toString("utf8");
    return (content.length < WORTH_A_THREAD / 4 ? inflateRawSync(content) : await inflateAside(content)).toString("utf8");
  }

  write(): void {
    for (const [key, [coding, content]] of this.#pending) {
      this.#database.prepare("INSERT INTO results (key, coding, content) VALUES (?, ?, ?) ON CONFLICT DO NOTHING").run(key, coding, content);
      this.#database.prepare("DELETE FROM condemned WHERE key = ?").run(key);
    }
    this.#pending.clear();
  }
}
