/** A run's history outside of its store: written by `windhover runs export`, read by `windhover replay`. */
import { readFileSync } from "node:fs";
import { WindhoverError } from "../engine/errors.ts";
import type { Entry, Payload, RunEvent } from "../engine/events.ts";
import { runActor } from "../engine/messages.ts";
import type { Ports } from "../engine/ports.ts";
import type { RunState } from "../engine/run-state.ts";

export interface History {
  readonly entries: readonly Entry<RunState, RunEvent>[];
  /** What the log only refers to, by key. */
  readonly stored: Readonly<Record<string, string>>;
}

/** The version of the exported file. */
const FORMAT = 1;

/** A run's log with all that it refers to. @throws WH3007 when a stored result is missing. */
export async function exportRun({ log, results }: Pick<Ports, "log" | "results">, run: string): Promise<object> {
  const entries = (await log.read(runActor(run))) as readonly Entry<RunState, RunEvent>[];
  const stored = await storedOf(entries, results);
  const { flow, name } = entries.at(-1)?.state ?? { flow: "", name: run };
  return { windhover: FORMAT, run, name, flow, entries, stored };
}

/** All that a log only refers to. @throws WH3007 when it is missing. */
export async function storedOf(entries: History["entries"], results: Ports["results"]): Promise<History["stored"]> {
  const stored: Record<string, string> = {};
  for (const [, key] of JSON.stringify(entries).matchAll(/"ref":"([^"\\]+)","chars":/g)) if (key !== undefined) stored[key] ??= await results.get(key);
  return stored;
}

/** An exported history, what `runs inspect --json` prints, or a list of entries. @throws WH2060 */
export function readHistory(file: string): History {
  const refuse = (why: string): WindhoverError =>
    new WindhoverError("WH2060", { message: `${file} is no history of a run: ${why}.`, expected: "what `windhover runs export RUN` writes" });
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    throw refuse((error as Error).message.replace(/\.$/, ""));
  }
  const { windhover, entries, history, stored = {} } = (value ?? {}) as Readonly<Record<string, unknown>>;
  if (typeof windhover === "number" && windhover > FORMAT) throw refuse(`it is in format ${windhover}, of a newer version`);
  const list = Array.isArray(value) ? (value as unknown[]) : Array.isArray(entries) ? entries : history;
  if (!Array.isArray(list) || list.length === 0 || !list.every(isEntry)) throw refuse("it has no entries of a run's log");
  return { entries: list as History["entries"], stored: stored as History["stored"] };
}

function isEntry(value: unknown): boolean {
  const { n, at, events } = (value ?? {}) as Partial<Entry>;
  return typeof n === "number" && typeof at === "number" && Array.isArray(events);
}

/** How its replay reads what does not stand in the log. */
export function readerOf({ stored }: History): (payload: Payload) => Promise<string> {
  return async (payload) => {
    if (typeof payload === "string") return payload;
    const text = stored[payload.ref];
    if (text !== undefined) return text;
    throw new WindhoverError("WH3007", {
      message: `The history refers to the stored result ${payload.ref}, which is not part of it.`,
      got: payload.ref,
      action: "Write it with `windhover runs export RUN`, which takes such results with it.",
    });
  };
}
