/** What a process remembers is bounded: beyond `most`, what was put in first is forgotten. Deleted before it is set again, an entry counts as new. */
export function dropOldest<K>(remembered: { readonly size: number; keys(): Iterable<K>; delete(key: K): unknown }, most: number): void {
  for (const key of remembered.keys()) {
    if (remembered.size <= most) return;
    remembered.delete(key);
  }
}
