/**
 * Is the open database still what lies at its path? After `rm -r .windhover` a process would go on with files that nobody else sees and that are gone when it ends, and acknowledge
 * what it can only lose.
 */
import { type BigIntStats, statSync } from "node:fs";
import { WindhoverError } from "../../engine/errors.ts";

export class Presence {
  readonly #file: string;
  readonly #opened: string | undefined;
  #missed = false;

  /** To be made right after the file was opened. */
  constructor(file: string) {
    this.#file = file;
    this.#opened = identity(file);
  }

  /** What is to be said when it is gone or another. Two looks have to agree: between the steps of an operation of the system one may be wrong. */
  look(): WindhoverError | undefined {
    const now = identity(this.#file);
    const missed = now !== this.#opened && now !== UNKNOWN && this.#opened !== UNKNOWN;
    const before = this.#missed;
    this.#missed = missed;
    if (!missed || !before) return undefined;
    return new WindhoverError("WH3009", {
      message: `${this.#file} was ${now === undefined ? "deleted or moved" : "replaced"} while this process had it open.`,
      expected: "the file that was opened",
      got: now === undefined ? "nothing" : "another file",
    });
  }
}

/** Undefined: there is none. A folder that may not be read just now says nothing about it. */
function identity(file: string): string | undefined {
  let stats: BigIntStats | undefined;
  try {
    stats = statSync(file, { bigint: true, throwIfNoEntry: false });
  } catch {
    return UNKNOWN;
  }
  return stats && `${stats.dev}:${stats.ino}`;
}
const UNKNOWN = "unknown";
