/** What a map takes over of the one before it at its place, which did not complete: another try of the flow, or of the run, runs the other items alone. */
import { type Book, placeOf } from "./book.ts";
import type { Piece } from "./events.ts";
import { indicesOf } from "./items.ts";
import { mayReuse, unfinished } from "./reuse.ts";
import type { RunDraft } from "./run-draft.ts";
import type { MapProgress } from "./run-state.ts";

/** Whether there was anything. Nothing of what is left waits for a map before it, for that has been taken over as a whole. */
export async function takeOverItems(draft: RunDraft, call: string, map: MapProgress): Promise<boolean> {
  const { total } = map;
  const called = draft.book?.calls.get(call)?.called;
  if (total === undefined || !called || !mayReuse(draft.state)) return false;
  const found = await unfinished(draft, called);
  if (!found) return false;
  const undone = undoneIn(found.book);
  const done = new Set<number>();
  for (const { piece, value, failed = [], again = [] } of found.record.items ?? []) {
    const out = new Set([...failed.map(({ index }) => index), ...again]);
    const all = indicesOf(piece);
    const there = all.filter((index) => index < total && !out.has(index) && !undone.has(`${called.name}.rollback:${found.record.called.call}/${index}`));
    if (there.length === 0) continue;
    for (const index of there) done.add(index);
    const { from, to, only } = piece;
    const rest = all.filter((index) => !done.has(index));
    const own: Piece = { id: map.pieces++, from, to, ...(only && { only }) };
    draft.pending.push({ type: "items", call, piece: own, value, ...(rest.length > 0 && { again: rest }) });
  }
  if (done.size === 0) return false;
  map.done = done.size;
  map.next = total;
  map.waiting = rest(map, total, done);
  return true;
}

/** What a transaction took back has to be done again. */
function undoneIn({ calls }: Book): ReadonlySet<string> {
  const undone = new Set<string>();
  for (const { called, settled } of calls.values()) if (called.role === "rollback" && settled?.ok !== false) undone.add(placeOf(called.call));
  return undone;
}

function rest(map: MapProgress, total: number, done: ReadonlySet<number>): Piece[] {
  const pieces: Piece[] = [];
  for (let from = 0; from < total; from += map.chunk) {
    const to = Math.min(from + map.chunk, total);
    const only = indicesOf({ id: 0, from, to }).filter((index) => !done.has(index));
    if (only.length > 0) pieces.push({ id: map.pieces++, from, to, ...(only.length < to - from && { only }) });
  }
  return pieces;
}
