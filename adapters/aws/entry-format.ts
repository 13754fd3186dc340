/**
 * How texts lie in a table: one byte that names the format, then the text. DynamoDB bills a write by the kilobyte, rounded up, and writes are most of a bill, so a text is deflated
 * against a dictionary of what all entries have in common. A format, once released, is read for ever.
 */
import { deflateRawSync, inflateRawSync } from "node:zlib";
import { WindhoverError } from "../../engine/errors.ts";
import { DICTIONARY } from "./dictionary.ts";

/** The text is JSON in UTF-8, deflated without a header, with `DICTIONARY` preset. */
const DEFLATED = 1;

/** Nothing that we store is nearly as long; beyond it is damage, not data. Unit: bytes. */
const LONGEST = 1 << 30;

export function pack(text: string): Uint8Array {
  const deflated = deflateRawSync(text, { dictionary: DICTIONARY, level: 9 });
  const packed = new Uint8Array(deflated.length + 1);
  packed[0] = DEFLATED;
  packed.set(deflated, 1);
  return packed;
}

/**
 * The text that was packed. `what` says in an error what could not be read.
 * @throws WindhoverError WH3006 when a newer version packed it · WH3001 when it is damaged.
 */
export function unpack(packed: Uint8Array, what: string): string {
  const format = packed[0];
  if (format !== DEFLATED) {
    if (format !== undefined && format > DEFLATED)
      throw new WindhoverError("WH3006", { message: `${what} was written in format ${format}.`, expected: `format ${DEFLATED}`, got: String(format) });
    throw damaged(what, format === undefined ? "it is empty" : `it has format ${format}`);
  }
  try {
    return inflateRawSync(packed.subarray(1), { dictionary: DICTIONARY, maxOutputLength: LONGEST }).toString("utf8");
  } catch (cause) {
    throw damaged(what, (cause as Error).message, cause);
  }
}

export function damaged(what: string, why: string, cause?: unknown): WindhoverError {
  return new WindhoverError("WH3001", { message: `${what} is damaged: ${why}.`, expected: "what Windhover wrote", got: why, cause });
}
