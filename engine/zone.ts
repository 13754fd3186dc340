/** Time zones: offsets from UTC, where they change, and which instants a local time means. A local time is written as the instant at which UTC shows it. */
import { WindhoverError } from "./errors.ts";

const DAY = 864e5;
/** Schedules look for times between these years: a rule that never comes again has to come to an end. */
const FIRST_YEAR = 1900;
const LAST_YEAR = 2500;

/** A stretch of time with one offset. It ends with its year at the latest. Unit: milliseconds. */
interface Stretch {
  readonly from: number;
  readonly to: number;
  readonly offset: number;
  /** The offset just before `from`. */
  readonly before: number;
}

const formats = new Map<string, Intl.DateTimeFormat>();
/** Pure functions of their keys, kept because they cost a millisecond each. */
const years = new Map<string, readonly Stretch[]>();
const YEARS_KEPT = 1000;

/** @throws WH1006 when the runtime's time zone data does not have it. */
export function validateZone(zone: string): void {
  if (typeof zone === "string" && /^[A-Za-z]/.test(zone) && knows(zone)) return;
  const near = typeof zone === "string" ? nearest(zone) : undefined;
  throw new WindhoverError("WH1006", {
    message: `${JSON.stringify(zone)} is not a time zone${near === undefined ? "" : ` (did you mean ${near}?)`}.`,
    expected: "an IANA name such as Europe/Paris, America/Sao_Paulo or UTC",
    got: JSON.stringify(zone) ?? String(zone),
  });
}

function knows(zone: string): boolean {
  try {
    // Intl takes a name in any case, other places that run schedules do not.
    const known = format(zone).resolvedOptions().timeZone;
    return known === zone || known.toLowerCase() !== zone.toLowerCase();
  } catch {
    return false;
  }
}

/** The zone whose city or whose whole name was probably meant. */
function nearest(zone: string): string | undefined {
  const plain = (text: string) => text.toLowerCase().replace(/[^a-z]/g, "");
  const meant = plain(zone);
  if (meant.length < 3) return undefined;
  const known = Intl.supportedValuesOf("timeZone");
  return (
    known.find((name) => plain(name) === meant) ??
    known.find((name) => plain(name.slice(name.lastIndexOf("/") + 1)) === plain(zone.slice(zone.lastIndexOf("/") + 1)))
  );
}

function format(zone: string): Intl.DateTimeFormat {
  let known = formats.get(zone);
  if (!known) {
    known = new Intl.DateTimeFormat("en-US", {
      timeZone: zone,
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
    formats.set(zone, known);
  }
  return known;
}

/** What a clock on the wall shows, as the instant at which UTC shows the same. */
export function localTime(zone: string, ms: number): number {
  if (zone === "UTC") return ms;
  const [month = 0, day = 0, year = 0, hour = 0, minute = 0, second = 0] = format(zone).format(ms).split(/\D+/).map(Number);
  return Date.UTC(year, month - 1, day, hour, minute, second) + (((ms % 1000) + 1000) % 1000);
}

function offsetAt(zone: string, ms: number): number {
  return localTime(zone, ms) - ms;
}

/** Looks once a day and halves where two days differ: no zone has ever changed twice in a day. */
function stretchesOf(zone: string, year: number): readonly Stretch[] {
  const key = `${zone} ${year}`;
  const known = years.get(key);
  if (known) return known;
  const end = Date.UTC(year + 1, 0, 1);
  const found: Stretch[] = [];
  let from = Date.UTC(year, 0, 1);
  let before = offsetAt(zone, from - 1000);
  let offset = offsetAt(zone, from);
  for (let day = from; day < end; day += DAY) {
    const next = Math.min(day + DAY, end - 1000);
    const changed = offsetAt(zone, next);
    if (changed === offset) continue;
    let low = day;
    let high = next;
    while (high - low > 1000) {
      const middle = low + Math.floor((high - low) / 2000) * 1000;
      if (offsetAt(zone, middle) === offset) low = middle;
      else high = middle;
    }
    found.push({ from, to: high, offset, before });
    before = offset;
    offset = changed;
    from = high;
  }
  found.push({ from, to: end, offset, before });
  if (years.size >= YEARS_KEPT) years.clear();
  years.set(key, found);
  return found;
}

function stretchAt(zone: string, ms: number): Stretch {
  if (zone === "UTC") return { from: Number.NEGATIVE_INFINITY, to: Number.POSITIVE_INFINITY, offset: 0, before: 0 };
  return stretchesOf(zone, new Date(ms).getUTCFullYear()).findLast((stretch) => stretch.from <= ms) as Stretch;
}

/** The first instant at which the zone's clocks show this; for a time that they skip, the instant at which they would have shown it. */
export function instantOf(zone: string, local: number): number {
  const early = local - offsetAt(zone, local - DAY);
  const late = local - offsetAt(zone, local + DAY);
  const shown = [early, late].filter((ms) => localTime(zone, ms) === local);
  return shown.length > 0 ? Math.min(...shown) : early;
}

/**
 * The first instant after `afterMs` at which the zone's clocks show a time of a series. A time that they skip in spring is skipped. A time that they show twice
 * in autumn counts once, at its first showing; with `repeats`, both times.
 * @param nextLocal gives the first local time of the series that is strictly after the given one, or null.
 */
export function nextInZone(zone: string, afterMs: number, repeats: boolean, nextLocal: (local: number) => number | null): number | null {
  const end = Date.UTC(LAST_YEAR, 0, 1);
  let from = Math.max(Math.floor(afterMs) + 1, Date.UTC(FIRST_YEAR, 0, 1));
  while (from < end) {
    const stretch = stretchAt(zone, from);
    const shown = from + stretch.offset;
    // What was shown before the clocks went back is behind us.
    const local = repeats || zone === "UTC" ? shown : Math.max(shown, stretch.from + stretch.before);
    const found = nextLocal(local - 1);
    if (found === null) return null;
    const instant = found - stretch.offset;
    if (instant < stretch.to) return instant < end ? instant : null;
    // Nothing lies in between, but an offset of up to a day may; and with `repeats`, clocks that go back over a time of the series.
    from = repeats ? stretch.to : Math.max(stretch.to, found - 2 * DAY);
  }
  return null;
}
