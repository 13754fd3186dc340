/** What a call needs before it can start: results of other calls, and single items of maps (`double-0/3` is the fourth of the map `double-0`). */
import type { Book, ItemsEvent } from "./book.ts";
import { encode } from "./codec.ts";
import type { Payload, Piece } from "./events.ts";
import { indicesOf } from "./items.ts";
import { type Reader, readValue } from "./replay.ts";

interface Item {
  readonly map: string;
  readonly index: number;
}

/** What has become of a need. `error` is absent where an item never came to run, and its map has ended well. */
type End = { readonly ok: true } | { readonly ok: false; readonly error?: Payload };

/** The item that is meant, where no call has this very id. */
export function itemOf(need: string, isCall: (id: string) => boolean): Item | undefined {
  const slash = need.lastIndexOf("/");
  if (slash < 0 || isCall(need)) return undefined;
  const [map, index] = [need.slice(0, slash), need.slice(slash + 1)];
  return /^\d+$/.test(index) && isCall(map) ? { map, index: Number(index) } : undefined;
}

/** The call whose events tell of it: itself, or the map that the item belongs to. */
export const callOf = (need: string, isCall: (id: string) => boolean): string => itemOf(need, isCall)?.map ?? need;

const has = ({ only, from, to }: Piece, index: number): boolean => (only ? only.includes(index) : index >= from && index < to);

/** The event with which an item came to its end; one that is tried again has not. */
const endingOf = (events: readonly ItemsEvent[] | undefined, index: number): ItemsEvent | undefined =>
  events?.find(({ piece, again }) => has(piece, index) && !again?.includes(index));

/** What these events say of an item: nothing, while it goes on. */
export function itemEnd(events: readonly ItemsEvent[] | undefined, index: number): End | undefined {
  const event = endingOf(events, index);
  if (!event) return undefined;
  const failed = event.failed?.find((one) => one.index === index);
  return failed ? { ok: false, error: failed.error } : { ok: true };
}

/** Nothing, while it is open. */
export function endOf({ calls }: Book, need: string): End | undefined {
  const item = itemOf(need, (id) => calls.has(id));
  if (!item) return calls.get(need)?.settled;
  const { items, settled } = calls.get(item.map) ?? {};
  const end = itemEnd(items, item.index);
  if (end || !settled) return end;
  return settled.ok ? { ok: false } : { ok: false, error: settled.error };
}

/** The results that a call's arguments name, each as it is encoded: they go along with the call. */
export async function encodedInputs(book: Book, needs: readonly string[], reader: Reader): Promise<Record<string, Payload>> {
  const found: Record<string, Payload> = {};
  const items: string[] = [];
  for (const need of needs) {
    const record = book.calls.get(need);
    if (!record) items.push(need);
    else if (record.settled?.ok) found[need] = record.settled.value ?? encode(await reader.value(record.settled, record.called.kind));
  }
  for (const [need, value] of await itemInputs(book, items, reader)) found[need] = encode(value);
  return found;
}

/** The same, as values. */
export async function inputs(book: Book, needs: readonly string[] = [], reader: Reader): Promise<ReadonlyMap<string, unknown>> {
  const found = new Map<string, unknown>();
  const items: string[] = [];
  for (const need of needs) {
    const record = book.calls.get(need);
    if (!record) items.push(need);
    else if (record.settled?.ok) found.set(need, await reader.value(record.settled, record.called.kind));
  }
  for (const [need, value] of await itemInputs(book, items, reader)) found.set(need, value);
  return found;
}

/** Each piece is read once, however many of its items are asked for. */
async function itemInputs({ calls }: Book, needs: readonly string[], reader: Reader): Promise<readonly (readonly [string, unknown])[]> {
  const read = new Map<ItemsEvent, readonly unknown[]>();
  const found: [string, unknown][] = [];
  for (const need of needs) {
    const item = itemOf(need, (id) => calls.has(id));
    const event = item && endingOf(calls.get(item.map)?.items, item.index);
    if (!item || !event) continue;
    const values = read.get(event) ?? ((await readValue(event.value, reader)) as readonly unknown[]);
    read.set(event, values);
    found.push([need, values[indicesOf(event.piece).indexOf(item.index)]]);
  }
  return found;
}
