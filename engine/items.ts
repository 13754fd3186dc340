/** The items of a map, and what came of them all. */
import type { ItemsEvent } from "./book.ts";
import { indicesOf, sizeOf } from "./piece.ts";
import { readValue } from "./replay.ts";

export { indicesOf, sizeOf } from "./piece.ts";

/** How many items came to their end, and how. */
export function countsOf(items: readonly ItemsEvent[]): { readonly done: number; readonly failed: number; readonly total: number } {
  let [failed, total] = [0, 0];
  for (const { piece, failed: bad = [], again = [] } of items) {
    failed += bad.length;
    total += sizeOf(piece) - again.length;
  }
  return { done: total - failed, failed, total };
}

/** All results of a map, in the order of its items; items that failed within what is tolerated are left out. */
export async function resultsOf(items: readonly ItemsEvent[], read: Parameters<typeof readValue>[1]): Promise<unknown[]> {
  const results: unknown[] = [];
  const failed = new Set<number>();
  for (const event of items) {
    const values = (await readValue(event.value, read)) as unknown[];
    const out = new Set<number>([...(event.failed ?? []).map((f) => f.index), ...(event.again ?? [])]);
    for (const { index } of event.failed ?? []) failed.add(index);
    indicesOf(event.piece).forEach((index, i) => {
      if (!out.has(index)) results[index] = values[i];
    });
  }
  return failed.size === 0 ? results : results.filter((_, index) => !failed.has(index));
}
