/** Which letters' texts are kept in memory: all of them until there are many, then those that are in hand. The others lie in the database. */
import type { Letter } from "./letters.ts";

/** Beyond this, what waits leaves its text in the database until it is handed out. Unit: characters. */
const KEPT_CHARS = 16 * 1024 * 1024;

export class Texts {
  readonly #read: (seq: number) => string;
  #kept = 0;

  constructor(read: (seq: number) => string) {
    this.#read = read;
  }

  /** The letter has been written. */
  written(letter: Letter): void {
    const { length } = letter.body as string;
    if (letter.receipt === null && this.#kept + length > KEPT_CHARS) letter.body = null;
    else this.#kept += length;
  }

  /** The letter is handed out. */
  need(letter: Letter): void {
    if (letter.body !== null) return;
    letter.body = this.#read(letter.seq);
    this.#kept += letter.body.length;
  }

  forget({ seq, body }: Letter): void {
    if (seq > 0 && body !== null) this.#kept -= body.length;
  }
}
