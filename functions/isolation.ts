/**
 * What runs beside what in one process of an executor, whose queue gives it up to ten messages at once. A process that dies takes all with it that it has in hand, and each of
 * them counts it as its own death. So what was in a process that died, or may run at most once, never runs beside others: the innocent do not pay.
 */
import type { TaskMessage } from "../engine/ports.ts";

/** Sent again so often, it runs when the others of its batch are done, beside whom it came: a queue that is never empty would keep it away for ever. */
const MOST_HOPS = 3;

export interface Portions<T> {
  /** These run side by side. */
  readonly together: readonly T[];
  /** When those are done, this one runs. */
  readonly alone?: T;
  /** These are sent again, before anything runs. */
  readonly again: readonly T[];
}

export function portionsOf<T extends { readonly message: TaskMessage }>(parcels: readonly T[]): Portions<T> {
  const isAlone = ({ message }: T): boolean => message.tasks.some(({ alone }) => alone);
  const together = parcels.filter((parcel) => !isAlone(parcel));
  const others = parcels.filter(isAlone);
  const tired = others.find(({ message: { earlier = [] } }) => earlier.length >= MOST_HOPS);
  const alone = together.length === 0 ? (tired ?? others[0]) : tired;
  return { together, ...(alone && { alone }), again: others.filter((parcel) => parcel !== alone) };
}
