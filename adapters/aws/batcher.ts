/**
 * Many calls, few requests: what is added in one tick of the event loop goes out in batches, and each caller's promise settles with its own entry. Entries of one group go
 * one after the other, never two in one batch: the failure of one would change their order.
 */
import type { Clock, Random } from "../../engine/ports.ts";
import { backoff, isThrottled } from "./throttling.ts";

// Taken at load: a flow's body has deterministic timers of its own, and a batch must not wait for them.
const immediate = setImmediate;

/** Requests of one batcher that are under way at once. */
const REQUESTS = 8;

export type Outcome<R> = { readonly ok: true; readonly value: R } | { readonly ok: false; readonly error: unknown };

export interface Batching<E, R> {
  readonly clock: Clock;
  readonly random: Random;
  /** Entries of one batch, at most. */
  readonly most: number;
  /** The sizes of one batch's entries together, at most; an entry that is larger goes alone. Unit: bytes. */
  readonly bytes: number;
  readonly size: (entry: E) => number;
  readonly group?: (entry: E) => string | undefined;
  /** One request. Its outcomes stand in the order of the entries; a failure of the whole request is thrown. */
  readonly perform: (entries: readonly E[]) => Promise<readonly Outcome<R>[]>;
}

interface Waiting<E, R> {
  readonly entry: E;
  readonly group: string | undefined;
  readonly size: number;
  readonly resolve: (value: R) => void;
  readonly reject: (error: unknown) => void;
  tries: number;
}

/** Entries that were refused for their number are tried again, before later ones of their group. All other failures reject. */
export function createBatcher<E, R>(batching: Batching<E, R>): (entry: E) => Promise<R> {
  const { most, bytes, clock, random } = batching;
  /** What may go into the next batch: of each group only the first. */
  const ready: Waiting<E, R>[] = [];
  /** Those behind the first of their group. A group without an entry here has nothing ready or under way. */
  const behind = new Map<string, Waiting<E, R>[]>();
  let requests = 0;
  let woken = false;

  const wake = (): void => {
    if (woken) return;
    woken = true;
    immediate(() => {
      woken = false;
      while (ready.length > 0 && requests < REQUESTS) void request(take());
    });
  };

  const take = (): Waiting<E, R>[] => {
    let count = 0;
    for (let size = 0; count < Math.min(most, ready.length); count++) {
      size += (ready[count] as Waiting<E, R>).size;
      if (count > 0 && size > bytes) break;
    }
    return ready.splice(0, count);
  };

  const request = async (batch: readonly Waiting<E, R>[]): Promise<void> => {
    requests += 1;
    const outcomes = await perform(batch.map(({ entry }) => entry));
    requests -= 1;
    for (const [i, waiting] of batch.entries()) settle(waiting, outcomes[i] as Outcome<R>);
    wake();
  };

  const perform = async (entries: readonly E[]): Promise<readonly Outcome<R>[]> => {
    try {
      return await batching.perform(entries);
    } catch (error) {
      return entries.map(() => ({ ok: false, error }));
    }
  };

  const settle = (waiting: Waiting<E, R>, outcome: Outcome<R>): void => {
    waiting.tries += 1;
    const delay = !outcome.ok && isThrottled(outcome.error) ? backoff(waiting.tries, random) : null;
    if (delay !== null) {
      void clock.wait(delay).then(() => {
        ready.unshift(waiting);
        wake();
      });
      return;
    }
    if (outcome.ok) waiting.resolve(outcome.value);
    else waiting.reject(outcome.error);
    if (waiting.group === undefined) return;
    const next = behind.get(waiting.group)?.shift();
    if (next) ready.push(next);
    else behind.delete(waiting.group);
  };

  return (entry) =>
    new Promise((resolve, reject) => {
      const group = batching.group?.(entry);
      const waiting = { entry, group, size: batching.size(entry), resolve, reject, tries: 0 };
      const before = group === undefined ? undefined : behind.get(group);
      if (before) {
        before.push(waiting);
        return;
      }
      if (group !== undefined) behind.set(group, []);
      ready.push(waiting);
      wake();
    });
}
