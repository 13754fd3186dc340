/** Lengths of time as a person reads them, in two units at most. The lower one is rounded first: 119.7 seconds are 2 minutes, and never 1 minute 60 seconds. */

const UNITS = [
  { ms: 864e5, word: "day", sign: "d" },
  { ms: 36e5, word: "hour", sign: "h" },
  { ms: 6e4, word: "minute", sign: "min" },
  { ms: 1e3, word: "second", sign: "s" },
] as const;

interface Part {
  readonly count: number;
  readonly unit: (typeof UNITS)[number];
}

/** The highest unit of which there is one whole, and the next where something is left of it. Below a minute: whole seconds. */
function partsOf(ms: number): readonly Part[] {
  for (const [i, unit] of UNITS.entries()) {
    const below = UNITS[i + 1];
    const step = below?.ms ?? unit.ms;
    const whole = Math.round(ms / step) * step;
    if (whole < unit.ms && below) continue;
    const rest = whole % unit.ms;
    return [{ count: Math.floor(whole / unit.ms), unit }, ...(below && rest > 0 ? [{ count: rest / below.ms, unit: below }] : [])];
  }
  return [];
}

const tenths = (ms: number): number => Math.round(ms / 100) / 10;

/** In words: `300 ms`, `2.5 seconds`, `1 day 2 hours`. */
export function span(ms: number): string {
  if (Math.round(ms) < 1000) return `${Math.max(0, Math.round(ms))} ms`;
  const word = (count: number, unit: string): string => `${count.toLocaleString("en-US")} ${unit}${count === 1 ? "" : "s"}`;
  const parts = partsOf(ms);
  return parts[0]?.unit.word === "second" ? word(tenths(ms), "second") : parts.map(({ count, unit }) => word(count, unit.word)).join(" ");
}

/** In signs, for a table: `300 ms`, `2.5 s`, `12 s`, `3 min 20 s`, `4 d 3 h`. */
export function shortSpan(ms: number): string {
  if (Math.round(ms) < 1000) return `${Math.round(ms)} ms`;
  if (tenths(ms) < 10) return `${tenths(ms).toFixed(1)} s`;
  return partsOf(ms)
    .map(({ count, unit }) => `${count} ${unit.sign}`)
    .join(" ");
}
