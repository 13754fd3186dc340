/**
 * What runs beside what in one process of an executor, whose queue gives it up to ten messages at once. A process that dies takes all with it that it has in hand, and each of
 * them counts it as its own death. So what was in a process that died, or may run at most once, never runs beside others: the innocent do not pay.
 */
import { needsClaims } from "../engine/claims.ts";
import type { TaskMessage } from "../engine/ports.ts";

/** Sent, or received, again so often, it runs when the others of its batch are done, beside whom it came: a queue that is never empty would keep it away for ever. */
const MOST_HOPS = 3;

export interface Portions<T> {
  /** These run side by side. */
  readonly together: readonly T[];
  /** When those are done, this one runs. */
  readonly alone?: T;
  /** These come again, in a batch of their own: before anything runs they are sent again, or given back where a claim, and not the receive, says what has begun. */
  readonly again: readonly T[];
}

interface Came {
  readonly parcel: { readonly receives: number };
  readonly message: TaskMessage;
}

export function portionsOf<T extends Came>(parcels: readonly T[]): Portions<T> {
  const isAlone = ({ message }: T): boolean => message.tasks.some(({ alone }) => alone);
  const together = parcels.filter((parcel) => !isAlone(parcel));
  const others = parcels.filter(isAlone);
  const tired = others.find(({ parcel, message }) => (needsClaims(message) ? parcel.receives > MOST_HOPS : (message.hops ?? 0) >= MOST_HOPS));
  const alone = together.length === 0 ? (tired ?? others[0]) : tired;
  return { together, ...(alone && { alone }), again: others.filter((parcel) => parcel !== alone) };
}
