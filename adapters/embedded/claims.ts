/**
 * Claims of attempts (`engine/claims.ts`): rows that the first to write them keeps, whichever process it is. All that are asked for at once share a commit, and who asks for none
 * pays nothing. They go with their run.
 */
import type { WindhoverError } from "../../engine/errors.ts";
import type { Claims } from "../../engine/ports.ts";
import type { Database } from "./database.ts";
import type { Journal, Section } from "./journal.ts";

interface Request {
  readonly actor: string;
  readonly key: string;
  mark: string;
  resolve(mark: string): void;
  reject(error: WindhoverError): void;
}

export class EmbeddedClaims implements Claims, Section {
  readonly #database: Database;
  readonly #journal: Journal;
  #requests: Request[] = [];

  constructor(database: Database, journal: Journal) {
    this.#database = database;
    this.#journal = journal;
  }

  async take(actor: string, key: string, mark: string): Promise<string> {
    this.#journal.mark(this, "now");
    return await new Promise((resolve, reject) => this.#requests.push({ actor, key, mark, resolve, reject }));
  }

  write(): void {
    for (const request of this.#requests) {
      const { actor, key, mark } = request;
      const put = this.#database.prepare("INSERT INTO attempt_claims (actor, key, mark) VALUES (?, ?, ?) ON CONFLICT DO NOTHING").run(actor, key, mark);
      if (put.changes === 0)
        request.mark = this.#database.prepare("SELECT mark FROM attempt_claims WHERE actor = ? AND key = ?").get(actor, key)?.["mark"] as string;
    }
  }

  /** Nobody runs anything on a claim that a power cut could take back. */
  committed(): void {
    const requests = this.#requests;
    this.#requests = [];
    for (const { mark, resolve } of requests) resolve(mark);
  }

  failed(error: WindhoverError): void {
    const requests = this.#requests;
    this.#requests = [];
    for (const { reject } of requests) reject(error);
  }
}
