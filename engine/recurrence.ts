/**
 * The times of recurrence rules (RFC 5545): the rrule library expands a rule in local time, `nextInZone` turns local times into instants.
 */
import { type Expansion, expansion, type Frequency } from "./expansion.ts";
import { LIMITS } from "./limits.ts";
import { readOptions, readParts, readStart, readUntil, whole, wrong } from "./rule-text.ts";
import { localTime, nextInZone } from "./zone.ts";

interface Parsed {
  /** Where the rule's clock hangs: UTC when no part of the rule names a place in the day. */
  readonly zone: string;
  readonly repeats: boolean;
  readonly untilMs: number;
  readonly count: number | undefined;
  readonly startMs: number;
  /** The first local time strictly after one. */
  readonly next: Expansion;
}

const parsed = new Map<string, Parsed>();
/** All times of rules with COUNT: which time is the last follows from all the others. */
const counted = new Map<string, readonly number[]>();
const KEPT = 200;

/** @throws WH1005 with the part that is wrong, WH1006. */
export function validateRrule(rule: string, timezone: string | undefined): void {
  const { startMs } = parse(rule, timezone);
  if (nextRrule(rule, timezone, startMs - 1) === null)
    throw wrong(`The rule "${rule}" never comes.`, "a rule that gives a time after its start, not longer than some decades apart", rule);
}

/** The zone of a rule's local times: the schedule's, or the rule's own TZID. */
export function zoneOfRule(rule: string, timezone: string | undefined): string {
  return timezone ?? /DTSTART;TZID=([^:]+):/i.exec(rule)?.[1] ?? "UTC";
}

/** The first time strictly after `afterMs`, or null. */
export function nextRrule(rule: string, timezone: string | undefined, afterMs: number): number | null {
  const one = parse(rule, timezone);
  if (one.count !== undefined) return timesOfCount(`${timezone ?? ""} ${rule}`, one, one.count).find((time) => time > afterMs) ?? null;
  return nextOf(one, Math.max(afterMs, one.startMs - 1));
}

function nextOf(one: Parsed, afterMs: number): number | null {
  const time = afterMs >= one.untilMs ? null : nextInZone(one.zone, afterMs, one.repeats, one.next);
  return time === null || time > one.untilMs ? null : time;
}

/** The library would count times that the zone skips; the RFC does not. */
function timesOfCount(key: string, one: Parsed, count: number): readonly number[] {
  const known = counted.get(key);
  if (known) return known;
  const times: number[] = [];
  for (let time = nextOf(one, one.startMs - 1); time !== null && times.length < count; time = nextOf(one, time)) times.push(time);
  if (counted.size >= KEPT) counted.clear();
  counted.set(key, times);
  return times;
}

function parse(rule: string, timezone: string | undefined): Parsed {
  const key = `${timezone ?? ""} ${rule}`;
  let known = parsed.get(key);
  if (!known) {
    known = read(rule, timezone);
    if (parsed.size >= KEPT) parsed.clear();
    parsed.set(key, known);
  }
  return known;
}

function read(rule: string, timezone: string | undefined): Parsed {
  if (typeof rule !== "string" || rule.trim() === "")
    throw wrong("The rule is empty.", "a rule such as FREQ=WEEKLY;BYDAY=MO,WE;BYHOUR=9", JSON.stringify(rule) ?? String(rule));
  const lines = rule.trim().split(/\s+/);
  const starts = lines.filter((line) => /^DTSTART/i.test(line));
  const rules = lines.filter((line) => !/^DTSTART/i.test(line));
  if (starts.length > 1 || rules.length !== 1 || /^(EX|R)(DATE|ULE;)|^EXRULE/i.test(rules[0] as string))
    throw wrong(
      `"${rule}" is more than one rule, or none.`,
      "one RRULE, with or without a DTSTART before it; RDATE, EXDATE and EXRULE are not supported",
      rule,
    );
  const parts = readParts(rules[0] as string);
  const start = readStart(starts[0], timezone);
  const frequency = parts.get("FREQ") as Frequency;
  const count = parts.has("COUNT") ? whole("COUNT", parts.get("COUNT") as string, 1, LIMITS.ruleCount) : undefined;
  if (count !== undefined && starts.length === 0)
    throw wrong("COUNT counts from a start, and the rule has none.", "DTSTART:20260101T090000 on a line before the rule", rule);
  if (count !== undefined && parts.has("UNTIL")) throw wrong("COUNT and UNTIL exclude one another.", "one of them", rule);

  const ticks = (frequency === "HOURLY" || frequency === "MINUTELY") && ![...parts.keys()].some((name) => name.startsWith("BY"));
  // "Every 90 minutes" means elapsed time, whatever the clocks on the wall do.
  const zone = ticks ? "UTC" : start.zone;
  const startLocal = ticks ? start.ms : localTime(start.zone, start.ms);
  const interval = parts.has("INTERVAL") ? whole("INTERVAL", parts.get("INTERVAL") as string, 1, 10_000) : 1;
  const options = readOptions(parts);
  if (frequency === "MINUTELY" && !ticks && 60 % interval !== 0 && interval % 60 !== 0)
    throw wrong(
      `INTERVAL=${interval} does not go with BY parts: it comes to other minutes in every hour.`,
      "an INTERVAL that divides 60, or a multiple of 60",
      rule,
    );
  const next = expansion(frequency, interval, startLocal, options);
  const untilMs = parts.has("UNTIL") ? readUntil(parts.get("UNTIL") as string, start.zone) : Number.POSITIVE_INFINITY;
  const repeats = interval === 1 && (frequency === "HOURLY" || frequency === "MINUTELY") && !parts.has("BYHOUR");
  return { zone, repeats, untilMs, count, startMs: start.ms, next };
}
