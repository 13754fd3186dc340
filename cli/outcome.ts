/** What became of a message that a command sent: a process that serves the directory takes it in a moment; without one it waits, and is not lost. */
import type { RunEvent } from "../engine/events.ts";
import { runActor } from "../engine/messages.ts";
import type { Ports } from "../engine/ports.ts";

/** A process that is there has looked by then. Unit: milliseconds. */
const PATIENCE_MS = 1500;
const LOOK_MS = 50;

export interface Watch {
  /** The first event of the kind that came after the watch began, or undefined when none came in time. */
  event<T extends RunEvent["type"]>(types: readonly T[]): Promise<Extract<RunEvent, { type: T }> | undefined>;
}

/** To be called before the message is sent. */
export async function watch({ clock, log }: Pick<Ports, "clock" | "log">, run: string): Promise<Watch> {
  const actor = runActor(run);
  let seen = (await log.tail(actor))?.n ?? 0;
  let events: RunEvent[] = [];
  return {
    async event(types) {
      for (let waited = 0; ; waited += LOOK_MS) {
        const n = (await log.tail(actor))?.n ?? 0;
        if (n > seen) {
          events.push(...(await log.read(actor, seen + 1, n)).flatMap((entry) => entry.events as readonly RunEvent[]));
          seen = n;
        }
        const at = events.findIndex((event) => (types as readonly string[]).includes(event.type));
        const found = events[at];
        events = events.slice(at + 1);
        if (found) return found as never;
        if (waited >= PATIENCE_MS) return undefined;
        await clock.wait(LOOK_MS);
      }
    },
  };
}

/** Whether a run that was asked for has begun, or waits for its turn where it can be seen. */
export async function hasBegun({ clock, log, index }: Pick<Ports, "clock" | "log" | "index">, run: string): Promise<boolean> {
  for (let waited = 0; ; waited += LOOK_MS) {
    if ((await log.tail(runActor(run))) || (await index.run(run))) return true;
    if (waited >= PATIENCE_MS) return false;
    await clock.wait(LOOK_MS);
  }
}

export const ON_ITS_WAY = "It is on its way, and not lost: no process has taken it yet. If none is serving this directory, start `windhover dev`.";
