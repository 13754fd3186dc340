/** A deployment's schedules as its settings hold them: each can be told from the others, and has all the parameters of its runs. */
import { decode, encode, hash } from "../engine/codec.ts";
import { WindhoverError } from "../engine/errors.ts";
import type { ScheduleSpec } from "../engine/schedule.ts";
import type { Schedule } from "./schedule-spec.ts";

/** @throws WH1003 for a schedule that is there twice: the times and the parameters are the same, so the second would never run. */
export function schedulesOf(name: string, schedules: readonly Schedule[], parameters: object): readonly ScheduleSpec[] {
  const specs = schedules.map(({ spec }) => spec);
  return specs.map((spec, place) => {
    const others = specs.filter((other, i) => i !== place && timesOf(other) === timesOf(spec));
    if (others.some((other) => ownOf(other) === ownOf(spec) && zoneMatters(other) === zoneMatters(spec)))
      throw new WindhoverError("WH1003", {
        message: `deployment "${name}" has the same schedule twice.`,
        expected: "schedules that differ in their times or in their parameters",
        got: timesOf(spec),
      });
    // Alone at its times it is named by them, whatever becomes of its parameters.
    const own = ownOf(spec);
    const id = others.length > 0 && own !== undefined ? { id: hash(own).slice(0, 8) } : {};
    return { ...spec, ...(spec.parameters !== undefined && { parameters: encode({ ...parameters, ...parametersOf(spec) }) }), ...id };
  });
}

/** What the schedule has itself, as its author's options say it. */
export const parametersOf = ({ parameters }: ScheduleSpec): object => (typeof parameters === "string" ? (decode(parameters) as object) : {});
const ownOf = ({ parameters }: ScheduleSpec): string | undefined => (typeof parameters === "string" && parameters !== NONE ? parameters : undefined);
const NONE = encode({});

/** What makes a schedule's times, as its author has written it. Its description would do too, but that loads what reads cron expressions and rules, and no start of a function waits for those. */
function timesOf(spec: ScheduleSpec): string {
  switch (spec.kind) {
    case "cron":
      return `${spec.expression} ${spec.timezone ?? "UTC"}`;
    case "rrule":
      return spec.rule.trim().replace(/\s+/g, " ");
    case "interval":
      return `every ${spec.everyMs} ms from ${spec.anchorMs}`;
    case "at":
      return `at ${new Date(spec.timeMs).toISOString()}`;
  }
}

/** A rule may name its zone itself, so the same rule may be about different times or not. */
const zoneMatters = ({ kind, timezone }: ScheduleSpec): string | undefined => (kind === "rrule" ? timezone : undefined);
