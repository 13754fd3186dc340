/** A deployment's schedules as its settings hold them: each can be told from the others, and has all the parameters of its runs. */
import { decode, encode, hash } from "../engine/codec.ts";
import type { WindhoverError } from "../engine/errors.ts";
import type { ScheduleSpec } from "../engine/schedule.ts";
import type { Schedule } from "./schedule-spec.ts";

/** `refused` makes the error for one that is there twice: its times and its parameters are the same, so the second would never run. */
export function schedulesOf(schedules: readonly Schedule[], parameters: object, refused: (got: string) => WindhoverError): readonly ScheduleSpec[] {
  const specs = schedules.map(({ spec }) => spec);
  return specs.map((spec, place) => {
    const times = timesOf(spec);
    const others = specs.filter((other, i) => i !== place && timesOf(other) === times);
    const own = spec.parameters;
    if (others.some((other) => other.parameters === own && zoneOf(other) === zoneOf(spec))) throw refused(times);
    if (typeof own !== "string") return spec;
    // Alone at its times it is named by them, whatever becomes of its parameters.
    return { ...spec, parameters: encode({ ...parameters, ...parametersOf(spec) }), ...(others.length > 0 && { id: hash(own).slice(0, 8) }) };
  });
}

/** What the schedule's runs get instead of the deployment's. */
export const parametersOf = ({ parameters }: ScheduleSpec): object => (typeof parameters === "string" ? (decode(parameters) as object) : {});

/**
 * What makes a schedule's times, zones aside: a rule may name its own. Its description would say it better, but that loads what reads cron expressions and rules, and no start of a
 * function waits for those.
 */
const timesOf = (spec: ScheduleSpec): string => JSON.stringify({ ...spec, ...ASIDE });
const ASIDE = { active: undefined, catchUp: undefined, jitterSeconds: undefined, parameters: undefined, timezone: undefined };
const zoneOf = ({ timezone = "UTC" }: ScheduleSpec): string => timezone;
