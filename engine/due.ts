/** What a deployment owes: which of a schedule's times are to start a run, and from where it goes on. Times in milliseconds since 1970. */
import type { DeploymentState } from "./deployment.ts";
import { LIMITS } from "./limits.ts";
import { describeSchedule, latestTime, nextTime, type ScheduleSpec, scheduleKey, timesBetween } from "./schedule.ts";

/** A tick that comes within this is on time, not made up for. */
const ON_TIME_MS = 60_000;

export interface Due {
  /** Nominal times that start a run, oldest first. */
  readonly times: readonly number[];
  /** Those that start none: the first, and how many there are. No more than {@link LIMITS.catchUpRuns} are counted. */
  readonly missed?: { readonly nominal: number; readonly count: number };
  /** The last time that is dealt with by this. */
  readonly last: number;
}

/**
 * What is due after `last` up to and including `now`, as the catch-up policy says. `latest` looks for the last time itself, `all` goes on with at most `most` times at once: what is left
 * is still due.
 */
export function dueOf(spec: ScheduleSpec, last: number, now: number, most: number): Due {
  if (spec.catchUp === "all") {
    const times = timesBetween(spec, last, now, most);
    return { times, last: times.at(-1) ?? last };
  }
  const newest = latestTime(spec, last, now);
  if (newest === null) return { times: [], last };
  const early = Math.max(last, now - ON_TIME_MS - 1);
  const onTime = timesBetween(spec, early, now, LIMITS.catchUpRuns);
  const [times, before] = onTime.length === 0 && spec.catchUp === "latest" ? [[newest], newest - 1] : [onTime, early];
  const missed = timesBetween(spec, last, before, LIMITS.catchUpRuns);
  const [nominal] = missed;
  return { times, last: newest, ...(nominal !== undefined && { missed: { nominal, count: missed.length } }) };
}

/** The next time that a timer is needed for. It lies in the past for what is overdue: such a timer fires at once, whatever else was dealt with since it was set. */
export function nextDue(state: DeploymentState, now: number): number | undefined {
  const times = state.settings.schedules
    .filter((spec) => spec.active && !isHeldBack(spec, state))
    .map((spec) => nextTime(spec, state.last[scheduleKey(spec)] ?? now));
  const known = times.filter((time): time is number => time !== null);
  return known.length === 0 ? undefined : Math.min(...known);
}

/** Made up for is only what finds room: times that wait need no entry of their own, and an `ended` looks again. */
const isHeldBack = ({ catchUp }: ScheduleSpec, { queue }: DeploymentState): boolean => catchUp === "all" && queue.length >= LIMITS.catchUpRuns;

/**
 * From where each of the new schedules goes on: one that was there before, and active, from where it was, also when it is called otherwise now because its parameters have changed or
 * because another of its times has come or gone. One that is new begins at `begin`: a single time in the past is not made up for.
 */
export function carriedOver(old: DeploymentState | null, schedules: readonly ScheduleSpec[], begin: number): Record<string, number> {
  const left = [...(old?.settings.schedules ?? [])];
  const before = new Map<ScheduleSpec, ScheduleSpec>();
  for (const isSame of SAME)
    for (const spec of schedules) {
      const at = before.has(spec) ? -1 : left.findIndex((other) => isSame(other, spec));
      if (at >= 0) before.set(spec, left.splice(at, 1)[0] as ScheduleSpec);
    }
  const last = (spec: ScheduleSpec | undefined): number | undefined => (spec?.active ? old?.last[scheduleKey(spec)] : undefined);
  return Object.fromEntries(schedules.map((spec) => [scheduleKey(spec), last(before.get(spec)) ?? begin]));
}

/** What makes two schedules the same one, the surest first. */
const SAME: readonly ((a: ScheduleSpec, b: ScheduleSpec) => boolean)[] = [
  (a, b) => scheduleKey(a) === scheduleKey(b),
  (a, b) => describeSchedule(a) === describeSchedule(b) && a.parameters === b.parameters,
  (a, b) => describeSchedule(a) === describeSchedule(b),
];
