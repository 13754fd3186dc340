/** Lines of the functions' own log: JSON, one a line, in the same stream as what runs write. */
export type NoteLevel = "INFO" | "WARN" | "ERROR";

/** `windhover` says what happened in a few words; the fields say where. Lambda takes the line from the standard output as it is. */
export function note(level: NoteLevel, windhover: string, fields: Readonly<Record<string, unknown>> = {}): void {
  process.stdout.write(`${JSON.stringify({ level, windhover, ...fields })}\n`);
}

/** An error as fields of a line. */
export function errorFields(error: unknown): Readonly<Record<string, unknown>> {
  if (!(error instanceof Error)) return { error: String(error) };
  const code = (error as { readonly code?: unknown }).code;
  return { error: error.message, ...(code !== undefined && { code }), stack: error.stack };
}
