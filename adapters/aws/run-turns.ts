/** A run's log as turns: entries that consumed the same deliveries belong to one, for an inline step's result is no message. */
import type { Entry, RunEvent } from "../../engine/events.ts";

export interface Turn {
  readonly entries: readonly Entry[];
  /** Messages that it took from the mailbox. */
  readonly messages: number;
  /** What these messages held, about. Unit: bytes. */
  readonly bytes: number;
  /** From its first entry to its last: the author's inline code, and the appends in between. Unit: milliseconds. */
  readonly ms: number;
  readonly inline: boolean;
}

/** Around what a message says: whom it is for, what it is, its id. Unit: bytes. */
const ENVELOPE = 150;
/** What comes by mail, unless it happened inline. */
const MAILED: ReadonlySet<RunEvent["type"]> = new Set(["started", "settled", "items", "failed", "input"]);

export function turnsOf(entries: readonly Entry[]): readonly Turn[] {
  const turns: Entry[][] = [];
  let last = "";
  for (const entry of entries) {
    const mail = entry.physical.join("\n");
    if (mail === last) turns.at(-1)?.push(entry);
    else turns.push([entry]);
    last = mail;
  }
  return turns.map(turnOf);
}

function turnOf(entries: readonly Entry[]): Turn {
  const [first] = entries as readonly [Entry, ...Entry[]];
  const messages = new Set(first.physical).size;
  const mailed = (first.events as readonly RunEvent[]).filter(({ type }) => MAILED.has(type));
  const bytes = mailed.reduce((sum, event) => sum + Buffer.byteLength(JSON.stringify(event)), messages * ENVELOPE);
  const inline = entries.some(({ effects }) => effects.some((effect) => effect.do === "inline"));
  return { entries, messages, bytes, ms: (entries.at(-1) as Entry).at - first.at, inline };
}

/** Addresses of what lies in the bucket because it is too large for the log. */
export function refsOf(value: unknown, found = new Set<string>()): Set<string> {
  if (typeof value !== "object" || value === null) return found;
  const { ref, chars } = value as { readonly ref?: unknown; readonly chars?: unknown };
  if (typeof ref === "string" && typeof chars === "number") found.add(ref);
  else for (const part of Object.values(value)) refsOf(part, found);
  return found;
}
