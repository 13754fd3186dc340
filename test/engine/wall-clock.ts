/** An oracle for schedules: what the clocks of a zone show, minute by minute, around the changes that have caught schedulers out. */
export interface Shown {
  /** Unit: milliseconds since 1970. */
  readonly ms: number;
  readonly text: string;
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  /** 0 is Sunday. */
  readonly weekday: number;
  /** The clocks have shown this minute before. */
  readonly again: boolean;
}

export interface Stretch {
  readonly zone: string;
  readonly from: number;
  readonly to: number;
  readonly minutes: readonly Shown[];
}

const MINUTE = 60_000;
const DAY = 1440 * MINUTE;

const AROUND: readonly (readonly [zone: string, day: string])[] = [
  ["Europe/Paris", "2026-03-29"],
  ["Europe/Paris", "2026-10-25"],
  ["America/New_York", "2026-03-08"],
  ["America/New_York", "2026-11-01"],
  // At midnight: a day that begins at 01:00, and one that has its last hour twice.
  ["America/Sao_Paulo", "2018-11-04"],
  ["America/Sao_Paulo", "2018-02-18"],
  // By half an hour.
  ["Australia/Lord_Howe", "2026-04-05"],
  ["Australia/Lord_Howe", "2026-10-04"],
  // Over the date line: the 30th of December was left out.
  ["Pacific/Apia", "2011-12-30"],
  // For the month of Ramadan.
  ["Africa/Casablanca", "2026-02-15"],
  ["Africa/Casablanca", "2026-03-22"],
  ["Asia/Kolkata", "2026-02-28"],
  ["UTC", "2028-02-28"],
];

/** By name, because a failing property prints what it was given. */
export const stretches: ReadonlyMap<string, Stretch> = new Map(
  AROUND.map(([zone, day]) => {
    const middle = Date.parse(`${day}T00:00:00Z`);
    const from = middle - DAY;
    const to = middle + 2 * DAY;
    return [`${zone} ${day}`, { zone, from, to, minutes: show(zone, from, to) }];
  }),
);

/** The first place at which a series of times is not what it should be, or nothing. */
export function firstDifference(got: readonly number[], expected: readonly number[]): string | undefined {
  const i = expected.findIndex((ms, at) => got[at] !== ms);
  const at = i >= 0 ? i : expected.length;
  const text = (ms: number | undefined) => (ms === undefined ? "no more" : new Date(ms).toISOString());
  return i < 0 && got.length === expected.length ? undefined : `time ${at}: got ${text(got[at])}, expected ${text(expected[at])}`;
}

/** The minutes after `from` up to and including `to`. */
function show(zone: string, from: number, to: number): Shown[] {
  const format = new Intl.DateTimeFormat("en-GB", { timeZone: zone, dateStyle: "short", timeStyle: "short", hourCycle: "h23" });
  const seen = new Set<string>();
  const minutes: Shown[] = [];
  // A day more at the beginning, to know what the clocks have shown before.
  for (let ms = from - DAY; ms <= to; ms += MINUTE) {
    const text = format.format(ms);
    const [day = 0, month = 0, year = 0, hour = 0, minute = 0] = text.split(/\D+/).map(Number);
    const weekday = new Date(Date.UTC(year, month - 1, day)).getUTCDay();
    if (ms > from) minutes.push({ ms, text, year, month, day, hour, minute, weekday, again: seen.has(text) });
    seen.add(text);
  }
  return minutes;
}
