/** The order in which a batch's actors take their turns (rule 25). */
import { parseActor } from "../engine/messages.ts";

/** Something for an actor, received for the `receives`th time. */
export interface Received {
  readonly actor: string;
  readonly receives: number;
}
export interface ActorBatch<T extends Received> {
  readonly actor: string;
  /** In the order in which they came. */
  readonly items: readonly T[];
}

/**
 * Waves, one after the other; the actors of one wave take their turns side by side. Limits and deployments run none of a flow's code, and others wait for them, so they go
 * first. Whoever was there when a process died may be what it died of: these come last, each alone, so that they take nobody with them.
 */
export function wavesOf<T extends Received>(received: readonly T[]): readonly (readonly ActorBatch<T>[])[] {
  const byActor = new Map<string, T[]>();
  for (const item of received) {
    const items = byActor.get(item.actor);
    if (items) items.push(item);
    else byActor.set(item.actor, [item]);
  }
  const batches = [...byActor].map(([actor, items]) => ({ actor, items }));
  const isAgain = ({ items }: ActorBatch<T>): boolean => items.some(({ receives }) => receives > 1);
  const isRun = ({ actor }: ActorBatch<T>): boolean => parseActor(actor).kind === "run";
  const fresh = batches.filter((batch) => !isAgain(batch));
  const again = batches.filter(isAgain);
  const alone = [...again.filter((batch) => !isRun(batch)), ...again.filter(isRun)].map((batch) => [batch]);
  return [fresh.filter((batch) => !isRun(batch)), fresh.filter(isRun), ...alone].filter((wave) => wave.length > 0);
}

/** How long a failed turn's messages stay away: short at first, so that its actor is blocked only briefly, then longer, so that a fault outside can pass. Unit: seconds. */
export function backoffSeconds(receives: number): number {
  return Math.min(900, 2 ** Math.max(0, receives - 1));
}
