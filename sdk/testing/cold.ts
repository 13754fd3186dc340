/** Replays a log from its beginning and asks: would the code, as the log stands, do anything that the log does not know of? */
import type { Code } from "../../engine/definition.ts";
import type { Entry, Payload, RunEvent } from "../../engine/events.ts";
import type { RunState } from "../../engine/run-state.ts";
import { isFinal } from "../../engine/state.ts";
import { coldLife } from "./cold-life.ts";

/** What is wrong, or nothing: a run whose turn was skipped had no reason to run (rule 28), and a log that was written warm replays cold. */
export async function coldProblem(code: Code, entries: readonly Entry<RunState, RunEvent>[], stored: (key: string) => string): Promise<string | undefined> {
  const last = entries.at(-1);
  if (!last || !entries.some(({ events }) => events.some((event) => event.type === "started"))) return undefined;
  const { state } = last;
  const text = async (payload: Payload): Promise<string> => (typeof payload === "string" ? payload : stored(payload.ref));
  const instance = await coldLife(entries, code.flow(state.flow).fn, text, code);
  const [extra] = instance.drain();
  const { fatal, outcome } = instance;
  instance.drop();
  if (fatal && state.row.type !== "CRASHED") return `the log of ${last.actor} does not replay at entry ${last.n}: ${fatal.message}`;
  if (isFinal(state.row.type) || state.paused || state.retryTimer !== undefined) return undefined;
  if (extra) return `${last.actor} was left waiting at entry ${last.n}, although its code would go on and call ${extra.call}`;
  if (outcome && !state.returned && !state.ending) return `${last.actor} was left waiting at entry ${last.n}, although its code has ended`;
  return undefined;
}
