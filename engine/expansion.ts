/**
 * Expands a recurrence rule with the rrule library, in local time and without zones: the library's own zones give dates that only look like local ones. It
 * also walks from a rule's start, and for ever where a rule gives nothing; here it starts close by and has a budget.
 */

import type { Options } from "rrule";
import * as library from "rrule";
import { LIMITS } from "./limits.ts";

// Node sees the library's CommonJS file, a bundler its ES module.
export const { RRule } = "RRule" in library ? library : (library as unknown as { default: typeof library }).default;

export const FREQUENCIES = ["YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY", "MINUTELY"] as const;
export type Frequency = (typeof FREQUENCIES)[number];

/** Unit: milliseconds. Months and years have no fixed length. */
const PERIOD: Readonly<Partial<Record<Frequency, number>>> = { WEEKLY: 7 * 864e5, DAILY: 864e5, HOURLY: 36e5, MINUTELY: 6e4 };

class BudgetSpent extends Error {}

/** Gives the first local time strictly after one, or null when none comes within {@link LIMITS.ruleDays} days that had to be looked at. */
export type Expansion = (local: number) => number | null;

/** Minutes with parts: the interval has to divide 60, or be a multiple of 60. */
export function expansion(frequency: Frequency, interval: number, start: number, parts: Partial<Options>): Expansion {
  return frequency === "MINUTELY" && Object.keys(parts).length > 0 ? byMinutes(interval, start, parts) : expand(frequency, interval, start, parts);
}

/** The library loses days where minutes, hours and days are all filtered; the same times come from hours and lists of minutes, which it does well. */
function byMinutes(interval: number, start: number, parts: Partial<Options>): Expansion {
  const wanted = parts.byminute as number[] | undefined;
  const phase = new Date(start).getUTCMinutes();
  const step = Math.min(interval, 60);
  const byminute = Array.from({ length: 60 }, (_, minute) => minute).filter((minute) => (minute - phase) % step === 0 && (wanted?.includes(minute) ?? true));
  return byminute.length === 0 ? () => null : expand("HOURLY", Math.max(1, interval / 60), start, { ...parts, byminute });
}

function expand(frequency: Frequency, interval: number, start: number, parts: Partial<Options>): Expansion {
  const rule = new RRule({ ...parts, freq: RRule[frequency], interval, dtstart: new Date(start) }, true);
  const options = rule.options;
  if (frequency === "HOURLY" && options.byhour?.length && !comesRound(interval, start, options.byhour)) return () => null;
  return (local) => {
    let days = 0;
    // The library asks for the months of the rule once for each day that it looks at.
    rule.options = Object.defineProperty({ ...options, dtstart: new Date(closeTo(local, frequency, interval, start)) }, "bymonth", {
      get: () => {
        if (++days > LIMITS.ruleDays) throw new BudgetSpent();
        return options.bymonth;
      },
    });
    try {
      return rule.after(new Date(local))?.getTime() ?? null;
    } catch (error) {
      if (error instanceof BudgetSpent) return null;
      throw error;
    }
  };
}

/** A start in the same phase, at least one period before `local`; the parts that follow from the true start are in the options already. */
function closeTo(local: number, frequency: Frequency, interval: number, start: number): number {
  const period = PERIOD[frequency];
  if (period !== undefined) return start + Math.max(0, Math.floor((local - start) / (interval * period)) - 1) * interval * period;
  const from = new Date(start);
  const to = new Date(local);
  const years = to.getUTCFullYear() - from.getUTCFullYear();
  if (frequency === "YEARLY") {
    const steps = Math.floor(years / interval) - 1;
    return steps <= 0 ? start : Date.UTC(from.getUTCFullYear() + steps * interval, 0, 1);
  }
  const steps = Math.floor((years * 12 + to.getUTCMonth() - from.getUTCMonth()) / interval) - 1;
  return steps <= 0 ? start : Date.UTC(from.getUTCFullYear(), from.getUTCMonth() + steps * interval, 1);
}

/** Whether steps of this size ever land on an hour of the rule: where they do not, the library never returns. */
function comesRound(interval: number, start: number, hours: readonly number[]): boolean {
  const first = new Date(start).getUTCHours();
  return Array.from({ length: 24 }, (_, i) => (first + i * interval) % 24).some((hour) => hours.includes(hour));
}
