/** Identifiers that follow from content. */
import { createHash } from "node:crypto";

const ALPHABET = "abcdefghijklmnopqrstuvwxyz234567";
const LENGTH = 26;

/**
 * A short content hash: the first 130 bits of SHA-256 as 26 lower-case letters and digits (RFC 4648 base32). The same text has the same hash for ever, on
 * every machine: ids of runs and keys of results are made of it.
 * @example hash("nightly/2026-11-22T02:00:00.000Z")
 */
export function hash(text: string): string {
  const bytes = createHash("sha256").update(text, "utf8").digest();
  let out = "";
  let bits = 0;
  let buffer = 0;
  for (const byte of bytes) {
    buffer = (buffer << 8) | byte;
    bits += 8;
    while (bits >= 5 && out.length < LENGTH) {
      bits -= 5;
      out += ALPHABET[(buffer >>> bits) & 31];
    }
    buffer &= (1 << bits) - 1;
    if (out.length === LENGTH) break;
  }
  return out;
}
