/** What became of a message that a command sent: a process that serves the directory takes it in a moment; without one it waits, and is not lost. */
import type { RunEvent, StateRow } from "../engine/events.ts";
import { runActor } from "../engine/messages.ts";
import { isFinal } from "../engine/state.ts";
import { NOT_TAKEN } from "../sdk/run-rows.ts";
import type { Place } from "./workspace.ts";

/** Who is there has looked by then: another process of this machine, or the functions of a stack, which may have to start. Unit: milliseconds. */
const HERE = { patienceMs: 1500, lookMs: 50 };
const THERE = { patienceMs: 10_000, lookMs: 250 };
const timesOf = ({ stack }: Pick<Place, "stack">): typeof HERE => (stack ? THERE : HERE);

export interface Watch {
  /** The first event of the kind that came after the watch began, or undefined when none came in time. */
  event<T extends RunEvent["type"]>(types: readonly T[]): Promise<Extract<RunEvent, { type: T }> | undefined>;
}

/** To be called before the message is sent. */
export async function watch(place: Pick<Place, "ports" | "stack">, run: string): Promise<Watch> {
  const { clock, log } = place.ports;
  const { patienceMs, lookMs } = timesOf(place);
  const actor = runActor(run);
  let seen = (await log.tail(actor))?.n ?? 0;
  let events: RunEvent[] = [];
  return {
    async event(types) {
      for (let waited = 0; ; waited += lookMs) {
        const n = (await log.tail(actor))?.n ?? 0;
        if (n > seen) {
          events.push(...(await log.read(actor, seen + 1, n)).flatMap((entry) => entry.events as readonly RunEvent[]));
          seen = n;
        }
        const at = events.findIndex((event) => (types as readonly string[]).includes(event.type));
        const found = events[at];
        events = events.slice(at + 1);
        if (found) return found as never;
        if (waited >= patienceMs) return undefined;
        await clock.wait(lookMs);
      }
    },
  };
}

/** Whether a run that was asked for has begun, or waits for its turn where it can be seen. */
export async function hasBegun(place: Pick<Place, "ports" | "stack">, run: string): Promise<boolean> {
  const { clock, log, index } = place.ports;
  const { patienceMs, lookMs } = timesOf(place);
  for (let waited = 0; ; waited += lookMs) {
    if ((await log.tail(runActor(run))) || (await index.run(run))) return true;
    if (waited >= patienceMs) return false;
    await clock.wait(lookMs);
  }
}

export const onItsWay = ({ stack }: Pick<Place, "stack">): string =>
  stack
    ? `It is on its way, and not lost: the stack ${stack.stack} has not taken it yet.`
    : "It is on its way, and not lost: no process has taken it yet. If none is serving this directory, start `windhover dev`.";

/** Says of a run that nobody works on it: where no process serves the directory, an open run stands still, whatever its state says. */
export function standstill({ served, settings }: Pick<Place, "served" | "settings">): (state: StateRow) => string | undefined {
  let isServed: boolean | undefined;
  return ({ type, reason }) => {
    // That nobody has taken its start says the same.
    if (!served || isFinal(type) || reason?.code === NOT_TAKEN) return undefined;
    isServed ??= served();
    return isServed ? undefined : `no process is serving it: windhover dev${settings.suffix}`;
  };
}
