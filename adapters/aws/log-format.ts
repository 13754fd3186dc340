/**
 * A log line as CloudWatch keeps it: one JSON object, flat, so that Logs Insights finds its fields. Lambda may wrap what a function prints: then ours is the `message` of another
 * object, as text or as an object.
 */
import type { LogLevel, LogLine } from "../../engine/ports.ts";

/** What fits into one event, with room for what wraps it. Unit: bytes. */
const LARGEST = 200 * 1024;

/** A line, with its place among those of one process. */
export interface NumberedLine {
  readonly line: LogLine;
  readonly seq: number;
}

const FORMAT = 1;

/** @param seq counts the lines of this process: of two lines of one moment the smaller one comes first. */
export function writeLine(line: LogLine, seq: number): string {
  const { id, run, call, at, level, message, fields } = line;
  const written = (shown: string) =>
    // `timestamp` and `level` are what Lambda filters by.
    JSON.stringify({ windhover: FORMAT, timestamp: timestamp(at), level: level.toUpperCase(), message: shown, run, call, at, id, seq, fields });
  const whole = written(message);
  const over = Buffer.byteLength(whole) - LARGEST;
  if (over <= 0) return whole;
  const kept = Math.max(0, Math.floor((message.length * (LARGEST - 1000)) / Buffer.byteLength(whole)));
  return written(`${message.slice(0, kept)}… (${message.length - kept} characters more)`);
}

/** The line in an event's text, or null if there is none of ours. */
export function readLine(text: string): NumberedLine | null {
  let value = parse(text);
  for (let depth = 0; depth < 3 && value; depth++) {
    if (value["windhover"] === FORMAT && typeof value["id"] === "string" && typeof value["run"] === "string") return lineOf(value);
    const inner: unknown = value["message"];
    value = typeof inner === "string" ? parse(inner) : record(inner);
  }
  return null;
}

function lineOf(value: Readonly<Record<string, unknown>>): NumberedLine {
  const { id, run, call, at, level, message, fields, seq } = value as unknown as LogLine & { readonly seq: number };
  const line = { id, run, ...(call !== undefined && { call }), at, level: level.toLowerCase() as LogLevel, message, ...(fields !== undefined && { fields }) };
  return { line, seq };
}

/** What Lambda's own prefix (request id, level) may stand before is found by its first brace. */
function parse(text: string): Readonly<Record<string, unknown>> | null {
  const start = text.indexOf("{");
  if (start < 0) return null;
  try {
    return record(JSON.parse(text.slice(start)));
  } catch {
    return null;
  }
}

const record = (value: unknown): Readonly<Record<string, unknown>> | null =>
  typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>) : null;

const timestamp = (at: number): string | undefined => (Math.abs(at) <= 8.64e15 ? new Date(at).toISOString() : undefined);
