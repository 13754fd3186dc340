/** Spans of time as an author writes them. `durationMs` in `engine/errors.ts` reads them. */
export type Unit = "second" | "seconds" | "minute" | "minutes" | "hour" | "hours" | "day" | "days";

/** A number and a unit, checked by the compiler. @example "90 seconds", "1.5 hours", "3 days" */
export type Duration = `${number} ${Unit}`;
