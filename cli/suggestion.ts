/** The name that was probably meant. */
export function closest(given: string, names: readonly string[]): string | undefined {
  const scored = names.map((name) => [name, distance(given.toLowerCase(), name.toLowerCase())] as const).sort((a, b) => a[1] - b[1]);
  const [best] = scored;
  return best && best[1] <= Math.max(1, Math.floor(given.length / 3)) ? best[0] : undefined;
}

/** Letters to insert, remove, change or swap. */
function distance(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? (before[j - 2] as number) + 1 : Number.POSITIVE_INFINITY;
      next.push(Math.min((row[j] as number) + 1, (next[j - 1] as number) + 1, (row[j - 1] as number) + (same ? 0 : 1), swapped));
    }
    before = row;
    row = next;
  }
  return row[b.length] as number;
}
