/** What EventBridge Scheduler makes of a cron expression in UTC, written from its documentation and from nothing of ours. */
const DAY_MS = 864e5;
const WEEKDAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/** The first `most` times after `afterMs`, within some years. */
export function awsTimes(expression: string, afterMs: number, most: number): number[] {
  const inside = /^cron\((.*)\)$/.exec(expression)?.[1];
  const [minutes, hours, days, months, weekdays, years] = inside?.split(" ") ?? [];
  if (years !== "*" || minutes === undefined || hours === undefined || days === undefined || months === undefined || weekdays === undefined)
    throw new Error(`no cron of six fields: ${expression}`);
  if ((days === "?") === (weekdays === "?")) throw new Error(`exactly one of the days is ?: ${expression}`);
  const times: number[] = [];
  const end = afterMs + 3000 * DAY_MS;
  for (let day = Math.floor(afterMs / DAY_MS) * DAY_MS; day < end && times.length < most; day += DAY_MS) {
    if (!within(months, 1, 12)(new Date(day).getUTCMonth() + 1)) continue;
    if (!(weekdays === "?" ? dayFits(days, day) : weekdayFits(weekdays, day))) continue;
    for (let hour = 0; hour < 24; hour++)
      for (let minute = 0; within(hours, 0, 23)(hour) && minute < 60; minute++) {
        const time = day + (hour * 60 + minute) * 60_000;
        if (within(minutes, 0, 59)(minute) && time > afterMs && times.length < most) times.push(time);
      }
  }
  return times;
}

/** `*`, `5`, `1-5`, `1,3`, `0/15` */
function within(field: string, least: number, greatest: number): (value: number) => boolean {
  const parts = field.split(",").map((part): ((value: number) => boolean) => {
    if (part === "*") return () => true;
    const [range = "", step] = part.split("/");
    const [from = Number.NaN, to = step === undefined ? from : greatest] = range.split("-").map(Number);
    if (!(from >= least && to <= greatest && from <= to)) throw new Error(`not a field of ${least} to ${greatest}: ${field}`);
    return (value) => value >= from && value <= to && (value - from) % Number(step ?? 1) === 0;
  });
  return (value) => parts.some((fits) => fits(value));
}

const lengthOf = (date: Date): number => new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 0)).getUTCDate();

function dayFits(field: string, day: number): boolean {
  const date = new Date(day);
  if (field === "L") return date.getUTCDate() === lengthOf(date);
  const weekday = /^(\d+)W$/.exec(field)?.[1];
  return weekday === undefined ? within(field, 1, 31)(date.getUTCDate()) : date.getUTCDate() === nearestWeekday(date, Number(weekday));
}

/** Within its month. */
function nearestWeekday(date: Date, wanted: number): number {
  const length = lengthOf(date);
  if (wanted > length) return -1;
  const weekdayOf = (day: number): number => new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), day)).getUTCDay();
  const isWeekday = (day: number): boolean => day >= 1 && day <= length && weekdayOf(day) !== 0 && weekdayOf(day) !== 6;
  return [wanted, wanted - 1, wanted + 1, wanted + 2, wanted - 2].find(isWeekday) as number;
}

function weekdayFits(field: string, day: number): boolean {
  const date = new Date(day);
  const special = /^([1-7])(?:#([1-5])|(L))$/.exec(field);
  if (special) {
    const [, weekday, which] = special;
    if (date.getUTCDay() !== Number(weekday) - 1) return false;
    return which === undefined ? date.getUTCDate() + 7 > lengthOf(date) : Math.ceil(date.getUTCDate() / 7) === Number(which);
  }
  const numbered = field.replace(/[A-Z]{3}/g, (name) => String(WEEKDAYS.indexOf(name) + 1));
  return within(numbered, 1, 7)(date.getUTCDay() + 1);
}
