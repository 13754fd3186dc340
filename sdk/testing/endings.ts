/** How a run ended, and by which way: what has to be the same however often a process died meanwhile. */
import type { Entry, RunEvent } from "../../engine/events.ts";
import type { RunState } from "../../engine/run-state.ts";
import { isFinal, type State } from "../../engine/state.ts";
import type { World } from "./world.ts";

/** One line: the state's type, and its result or its error. */
export function describeEnding(state: State<unknown>): string {
  if (state.type === "COMPLETED") return `COMPLETED ${JSON.stringify(state.result, plain)}`;
  if (state.type === "FAILED" || state.type === "CRASHED")
    return `${state.type} ${state.error instanceof Error ? `${state.error.name}: ${state.error.message}` : String(state.error)}`;
  return state.type;
}
const plain = (_key: string, value: unknown): unknown =>
  typeof value === "bigint" ? `${value}n` : value instanceof Map || value instanceof Set ? [...value] : value;

/**
 * The results that a run's code was given, in the order of its log: what two histories of the same run have in common when only crashes lie between them. Attempts and times
 * differ, and are left out.
 */
export function settledResults(history: readonly unknown[]): readonly string[] {
  const lines: string[] = [];
  for (const { events } of history as readonly Entry<RunState, RunEvent>[]) {
    for (const event of events) {
      if (event.type === "settled") lines.push(`${event.call} ${event.ok ? `ok ${JSON.stringify(event.value ?? event.hash ?? null)}` : "failed"}`);
      else if (event.type === "ended") lines.push(`ended ${event.state} ${JSON.stringify(event.value ?? null)}`);
    }
  }
  return lines;
}

export const entriesOf = (world: World, actor: string): Entry[] => (world.state.logs.get(actor) ?? []).map((text) => JSON.parse(text as string) as Entry);

/** The last state of every run in the world. */
export function runStates(world: World): Map<string, RunState> {
  const states = new Map<string, RunState>();
  for (const [actor, texts] of world.state.logs) if (actor.startsWith("run:")) states.set(actor, (JSON.parse(texts.at(-1) as string) as Entry<RunState>).state);
  return states;
}

/** Every run has ended. Read from the index of states in the logs' last entries, without parsing what cannot matter. */
export function allFinal(world: World): boolean {
  for (const [actor, texts] of world.state.logs)
    if (actor.startsWith("run:") && !isFinal((JSON.parse(texts.at(-1) as string) as Entry<RunState>).state.row.type)) return false;
  return true;
}
