/** Fields that may be missing are left out of what is stored, rather than stored as undefined. By `for … in`, which allocates nothing: each call and each attempt passes here. */

/** The fields that have a value. */
export function given<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return assignGiven({}, fields) as { [K in keyof T]?: Exclude<T[K], undefined> };
}

/** Sets the fields that have a value, and leaves the others as they are. */
export function assignGiven<T extends object>(target: T, fields: object): T {
  for (const field in fields) {
    const value = (fields as Record<string, unknown>)[field];
    if (value !== undefined) (target as Record<string, unknown>)[field] = value;
  }
  return target;
}
