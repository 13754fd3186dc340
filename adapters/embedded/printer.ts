/** Puts a run's story on a stream, a line each: `12:34:56.789 | INFO    | Task run 'extract-0' - Finished in state Completed()`. */

import pc from "picocolors";
import { decode } from "../../engine/codec.ts";
import type { Entry } from "../../engine/events.ts";
import { LIMITS } from "../../engine/limits.ts";
import { parseActor } from "../../engine/messages.ts";
import { type NarratedLine, Narrator } from "../../engine/narration.ts";
import { dropOldest } from "../../engine/oldest.ts";
import type { LogLevel, LogLine } from "../../engine/ports.ts";
import type { RunState } from "../../engine/run-state.ts";

export interface PrinterOptions {
  /** Default: the standard error. */
  readonly write?: (text: string) => void;
  readonly colour?: boolean;
  /** Lines below it are left out. Default: `info`, or WINDHOVER_LOG. */
  readonly level?: LogLevel;
  /** Only this run and the subflows that come from it. */
  readonly run?: string;
}

const ORDER: readonly LogLevel[] = ["debug", "info", "warn", "error"];
const LABEL: Readonly<Record<LogLevel, string>> = { debug: "DEBUG", info: "INFO", warn: "WARNING", error: "ERROR" };
/** Frames that an author can do nothing about. */
const NOT_THE_AUTHORS = /node:|\(<anonymous>\)|[\\/]node_modules[\\/]/;
/** Built files are mapped to their sources, which lie beside `dist`. */
const OURS = new URL("../..", import.meta.url).href.replace(/\/dist\/$/, "/");
const FRAMES = 5;

export class Printer {
  readonly #write: (text: string) => void;
  readonly #colours: ReturnType<typeof pc.createColors>;
  readonly #least: number;
  readonly #narrator = new Narrator();
  readonly #only: Set<string> | undefined;
  /** What a flow's body logs is written before its turn is in the log: it waits for the turn's entry, so that the story keeps its order. */
  readonly #held = new Map<string, Map<string, LogLine>>();

  constructor(options: PrinterOptions = {}) {
    this.#write = options.write ?? ((text) => void process.stderr.write(text));
    this.#colours = pc.createColors(options.colour ?? isColourful());
    this.#least = ORDER.indexOf(options.level ?? levelOfEnvironment());
    this.#only = options.run === undefined ? undefined : new Set([options.run]);
  }

  entry(entry: Entry): void {
    const { kind, name: run } = parseActor(entry.actor);
    if (kind !== "run") return;
    const held = [...(this.#held.get(run)?.values() ?? [])];
    this.#held.delete(run);
    if (!this.#concerns(run, entry.state as RunState)) return;
    const lines = this.#narrator.lines(entry);
    for (const line of lines) if (line.phase === "news") this.#narrated(line);
    for (const line of held) this.#logged({ ...line, at: Math.max(line.at, entry.at) });
    for (const line of lines) if (line.phase === "decision") this.#narrated(line);
  }
  log(line: LogLine): void {
    if (line.call !== undefined) return this.#concerns(line.run) ? this.#logged(line) : undefined;
    const held = this.#held.get(line.run) ?? new Map<string, LogLine>();
    // A turn that failed says it again as it is repeated, under the same id.
    held.set(line.id, line);
    this.#held.set(line.run, held);
    dropOldest(this.#held, LIMITS.warmRuns);
  }
  /** Prints what is still held: lines that came after their turn was told. */
  release(): void {
    for (const [run, lines] of this.#held) if (this.#concerns(run)) for (const line of lines.values()) this.#logged(line);
    this.#held.clear();
  }
  #concerns(run: string, state?: RunState): boolean {
    if (!this.#only || this.#only.has(run)) return true;
    const starter = parseActor(state?.starter?.actor ?? ":");
    const ours = (starter.kind === "run" && this.#only.has(starter.name)) || (state?.origin !== undefined && this.#only.has(state.origin));
    if (ours) this.#only.add(run);
    return ours;
  }

  #narrated({ at, level, runName, call, text, stack }: NarratedLine): void {
    this.#line(at, level, call === undefined ? `Flow run '${runName}'` : `Task run '${call}'`, text);
    if (stack !== undefined && ORDER.indexOf(level) >= this.#least) for (const frame of framesOf(stack)) this.#write(`${this.#colours.dim(frame)}\n`);
  }
  #logged({ at, level, run, call, message, fields }: LogLine): void {
    const more = fields === undefined ? "" : ` ${this.#colours.dim(shown(decode(fields)))}`;
    this.#line(at, level, call === undefined ? `Flow run '${this.#narrator.nameOf(run)}'` : `Task run '${call}'`, `${message}${more}`);
  }
  #line(at: number, level: LogLevel, subject: string, text: string): void {
    if (ORDER.indexOf(level) < this.#least) return;
    const { dim, blue, yellow, red, gray, green, cyan, magenta } = this.#colours;
    const paint = { debug: gray, info: blue, warn: yellow, error: red }[level];
    const state = text.replace(
      /^(Finished in state )(\w+)/,
      (_, start: string, name: string) => `${start}${(STATE_IS_GOOD.has(name) ? green : level === "warn" ? yellow : red)(name)}`,
    );
    this.#write(
      `${dim(time(at))} ${dim("|")} ${paint(LABEL[level].padEnd(7))} ${dim("|")} ${(subject.startsWith("Flow") ? magenta : cyan)(subject)} ${dim("-")} ${state}\n`,
    );
  }
}

const STATE_IS_GOOD: ReadonlySet<string> = new Set(["Completed", "Cached", "Reused"]);

function framesOf(stack: string): string[] {
  const ours = decodeURIComponent(new URL(OURS).pathname);
  const frames = stack
    .split("\n")
    .filter(
      (line) =>
        /^\s+at /.test(line) &&
        !NOT_THE_AUTHORS.test(line) &&
        !["sdk", "engine", "adapters", "cli", "server"].some((folder) => line.includes(`${ours}${folder}/`) || line.includes(`${ours}dist/${folder}/`)),
    );
  return frames.slice(0, FRAMES).map((frame) => frame.replace("file://", "").replace(/at <anonymous> \((.*)\)$/, "at $1"));
}

const shown = (fields: unknown): string =>
  typeof fields === "object" && fields !== null && !Array.isArray(fields)
    ? Object.entries(fields)
        .map(([key, value]) => `${key}=${text(value)}`)
        .join(" ")
    : text(fields);
function text(value: unknown): string {
  if (typeof value === "string") return /^[\w.:/@+-]+$/.test(value) ? value : JSON.stringify(value);
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Error) return `${value.name}: ${value.message}`;
  return JSON.stringify(value, (_, inner: unknown) => (typeof inner === "bigint" ? String(inner) : inner)) ?? String(value);
}

/** Local time. */
function time(ms: number): string {
  const at = new Date(ms);
  const two = (n: number): string => String(n).padStart(2, "0");
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.${String(at.getMilliseconds()).padStart(3, "0")}`;
}

function isColourful(): boolean {
  const { NO_COLOR, FORCE_COLOR, TERM } = process.env;
  if (NO_COLOR) return false;
  if (FORCE_COLOR) return FORCE_COLOR !== "0";
  return process.stderr.isTTY === true && TERM !== "dumb";
}

function levelOfEnvironment(): LogLevel {
  const level = process.env["WINDHOVER_LOG"]?.toLowerCase();
  return ORDER.find((known) => known === level) ?? "info";
}
