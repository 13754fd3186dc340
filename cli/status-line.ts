/** The last line of a terminal while a run goes on: that it is alive, how far it is, and what it waits for. */
import { placeOf } from "../engine/book.ts";
import type { OpenCall, RunState } from "../engine/run-state.ts";
import { shortSpan } from "../engine/span.ts";
import { cut } from "./table.ts";
import { err, width } from "./terminal.ts";

const FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏";
/** Unit: milliseconds. */
const STEP_MS = 100;

export class StatusLine {
  readonly #stream: NodeJS.WriteStream;
  #text: (() => string) | undefined;
  #frame = 0;
  #drawn = false;
  readonly #timer: NodeJS.Timeout;

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
    this.#timer = setInterval(() => this.#draw(), STEP_MS).unref();
  }
  show(text: () => string): void {
    this.#text = text;
  }
  /** Prints above the line. */
  above(text: string): void {
    this.#clear();
    this.#stream.write(text);
  }
  end(): void {
    clearInterval(this.#timer);
    this.#clear();
  }
  #clear(): void {
    if (this.#drawn) this.#stream.write("\r\u001b[2K");
    this.#drawn = false;
  }
  #draw(): void {
    if (!this.#text) return;
    this.#frame = (this.#frame + 1) % FRAMES.length;
    this.#clear();
    this.#stream.write(cut(`${err(FRAMES[this.#frame] as string, "blue")} ${this.#text()}`, width(this.#stream) - 1));
    this.#drawn = true;
  }
}

/** `nimble-heron, 12 s · 3 of 5 calls done · waits for the input "approval"` */
export function statusOf(state: RunState, now: number): string {
  const open = Object.entries(state.open).filter(([, call]) => call.role !== "hook");
  const parts = [`${err(state.name, "bold")} ${shortSpan(now - (state.startedAt ?? state.createdAt))}`];
  if (state.calls > 0) parts.push(`${(state.calls - open.length).toLocaleString("en-US")} of ${state.calls.toLocaleString("en-US")} calls done`);
  if (state.row.reason && (state.row.type === "PAUSED" || state.row.type === "SCHEDULED" || state.row.type === "CANCELLING")) {
    const { message, until } = state.row.reason;
    parts.push(until === undefined ? message : `${message.replace(/\.$/, "")}: ${shortSpan(Math.max(0, until - now))} left`);
  } else if (open.length > 0)
    parts.push(
      `${open
        .slice(0, 3)
        .map(([id, call]) => doing(id, call, now))
        .join(", ")}${open.length > 3 ? ` and ${open.length - 3} more` : ""}`,
    );
  return parts.join(err(" · ", "dim"));
}

function doing(id: string, call: OpenCall, now: number): string {
  const name = placeOf(id);
  if (call.map) return `${name} ${(call.map.done + call.map.failed).toLocaleString("en-US")}/${(call.map.total ?? 0).toLocaleString("en-US")}`;
  if (call.waits === "slot") return `${name} waits for ${call.wants?.[0]?.name ?? "a slot"}`;
  if (call.waits === "retry") return `${name} waits to be tried again`;
  if (call.kind === "sleep" && call.until !== undefined) return `sleeps, ${shortSpan(Math.max(0, call.until - now))} left`;
  if (call.kind === "input") return `waits for the input "${call.input}"`;
  return name;
}
