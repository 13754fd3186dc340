/** Timers belong to the world, not to the process that set them: they fire whether it lives or not. */
import type { Timers } from "../../engine/ports.ts";
import type { VirtualClock } from "./clock.ts";
import { type MailState, post } from "./mailbox.ts";

interface Timer {
  readonly at: number;
  /** The message as JSON. */
  readonly text: string;
  readonly callOff: () => void;
}

/** By actor and id. */
export type TimerState = Map<string, Map<string, Timer>>;

export function memoryTimers(timers: TimerState, clock: VirtualClock, mail: MailState): Timers {
  const remove = (actor: string, id: string): void => {
    const own = timers.get(actor);
    own?.get(id)?.callOff();
    own?.delete(id);
    if (own?.size === 0) timers.delete(actor);
  };
  return {
    async set(actor, id, at, message) {
      remove(actor, id);
      const text = JSON.stringify(message);
      if (at <= clock.now()) {
        post(mail, actor, text);
        return;
      }
      const callOff = clock.alarm(at, () => {
        remove(actor, id);
        post(mail, actor, text);
      });
      const own = timers.get(actor);
      if (own === undefined) timers.set(actor, new Map([[id, { at, text, callOff }]]));
      else own.set(id, { at, text, callOff });
    },
    delete: async (actor, id) => remove(actor, id),
  };
}
