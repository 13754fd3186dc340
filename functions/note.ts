/** Lines of the functions' own log: JSON, one a line, in the same stream as what runs write. */
import { masked } from "../engine/secrecy.ts";

export type NoteLevel = (typeof LEVELS)[number];
const LEVELS = ["DEBUG", "INFO", "WARN", "ERROR"] as const;

/**
 * `windhover` says what happened in a few words; the fields say where. Lambda takes the line from the standard output as it is. WINDHOVER_LOG is the least level that is printed,
 * or `off`: what would be said of each invocation is at DEBUG, because each line is paid for and it tells nothing while all goes well.
 */
export function note(level: NoteLevel, windhover: string, fields: Readonly<Record<string, unknown>> = {}): void {
  if (LEVELS.indexOf(level) < leastLevel()) return;
  process.stdout.write(`${masked(JSON.stringify({ level, windhover, ...fields }))}\n`);
}

/** An error as fields of a line. */
export function errorFields(error: unknown): Readonly<Record<string, unknown>> {
  if (!(error instanceof Error)) return { error: String(error) };
  const code = (error as { readonly code?: unknown }).code;
  return { error: error.message, ...(code !== undefined && { code }), stack: error.stack };
}

function leastLevel(): number {
  const asked = process.env["WINDHOVER_LOG"]?.toUpperCase();
  if (asked === "OFF") return LEVELS.length;
  const known = (LEVELS as readonly (string | undefined)[]).indexOf(asked);
  return known === -1 ? LEVELS.indexOf("INFO") : known;
}
