/** What reaches a terminal: colours only where one looks at it, glyphs for states, times and durations as a person reads them. */

import pc from "picocolors";
import type { FinalType, StateRow, StateType } from "../engine/events.ts";
import { shortSpan } from "../engine/span.ts";
import { GLYPHS, spaced } from "../engine/state.ts";

export type Colour = "red" | "green" | "yellow" | "blue" | "magenta" | "cyan" | "gray" | "bold" | "dim";
export type Paint = (text: string, ...colours: readonly Colour[]) => string;

/** Colours on a TTY without NO_COLOR, or with FORCE_COLOR. */
export function wantsColour(stream: NodeJS.WriteStream, env: NodeJS.ProcessEnv = process.env): boolean {
  if (env["NO_COLOR"]) return false;
  if (env["FORCE_COLOR"]) return env["FORCE_COLOR"] !== "0";
  return stream.isTTY === true && env["TERM"] !== "dumb";
}

export function painter(stream: NodeJS.WriteStream): Paint {
  const colours = pc.createColors(wantsColour(stream));
  return (text, ...names) => names.reduce((painted, name) => colours[name](painted), text);
}

export const out: Paint = (text, ...colours) => painter(process.stdout)(text, ...colours);
export const err: Paint = (text, ...colours) => painter(process.stderr)(text, ...colours);

export function print(line = ""): void {
  process.stdout.write(`${line}\n`);
}
export function tell(line = ""): void {
  process.stderr.write(`${line}\n`);
}

/** Columns of the terminal; output into a file or pipe is not cut. */
export const width = (stream: NodeJS.WriteStream = process.stdout): number => (stream.isTTY ? stream.columns || 80 : Number.POSITIVE_INFINITY);

const COLOURS: Readonly<Record<StateType, Colour>> = {
  SCHEDULED: "yellow",
  PENDING: "gray",
  RUNNING: "blue",
  COMPLETED: "green",
  FAILED: "red",
  CANCELLED: "gray",
  CRASHED: "magenta",
  CANCELLING: "gray",
  PAUSED: "yellow",
};

export const glyph = (type: StateType, paint: Paint = out): string => paint(GLYPHS[type], COLOURS[type]);
/** `✓ Completed`, in the state's colour. */
export const stateText = ({ type, name }: Pick<StateRow, "type" | "name">, paint: Paint = out): string =>
  `${glyph(type, paint)} ${paint(spaced(name), COLOURS[type])}`;
export const isBad = (type: StateType): type is FinalType => type === "FAILED" || type === "CRASHED" || type === "CANCELLED";

/** `12 s ago`, `in 3 min`. */
export function relative(at: number, now: number): string {
  const away = Math.abs(now - at);
  if (away < 1000) return "now";
  const about = shortSpan(away).split(" ").slice(0, 2).join(" ").replace(/\.\d/, "");
  return at > now ? `in ${about}` : `${about} ago`;
}

/** What something waits for, and how much longer at most: `It sleeps (23 h left)`. */
export function waitText({ message, until }: { readonly message: string; readonly until?: number }, now: number): string {
  const what = message.replace(/\.$/, "");
  return until === undefined ? what : `${what} (${until - now >= 1000 ? `${relative(until, now).replace(/^in /, "")} left` : `due ${relative(until, now)}`})`;
}

/** Said of a directory in which nothing goes on by itself. */
export const UNATTENDED = "No process is serving: windhover dev";

const two = (n: number): string => String(n).padStart(2, "0");
/** Local time, `12:34:56.789`. */
export function clockTime(ms: number): string {
  const at = new Date(ms);
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.${String(at.getMilliseconds()).padStart(3, "0")}`;
}
/** Local time, `2026-11-22 12:34:56`. */
export function dateTime(ms: number): string {
  const at = new Date(ms);
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${clockTime(ms).slice(0, 8)}`;
}

export const plural = (count: number, word: string, many = `${word}s`): string => `${count.toLocaleString("en-US")} ${count === 1 ? word : many}`;
