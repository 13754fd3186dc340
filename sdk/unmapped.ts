declare const brand: unique symbol;
/** A constant among the lists of a `map`. */
export interface Unmapped<T> {
  readonly [brand]: T;
}
const mark = Symbol.for("windhover.unmapped");

/**
 * The same value for each item of a map.
 * @example summarize.map(pages, unmapped("en"))
 */
export function unmapped<T>(value: T): Unmapped<T> {
  return { [mark]: true, value } as unknown as Unmapped<T>;
}
export const isUnmapped = (value: unknown): value is { readonly value: unknown } => typeof value === "object" && value !== null && mark in value;
