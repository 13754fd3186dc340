/** Patterns over an event's detail, in EventBridge's language as far as it goes here. Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-patterns.html */

const FILTERS = ["prefix", "suffix", "exists", "anything-but"];

/** `{ status: ["done"], order: { total: [{ exists: true }] } }`: each field has to match one of its list. A plain value stands for a list of one. */
export function matches(pattern: Readonly<Record<string, unknown>>, detail: unknown): boolean {
  return Object.entries(pattern).every(([field, wanted]) => {
    const value = (detail as Readonly<Record<string, unknown>> | null | undefined)?.[field];
    if (isObject(wanted)) return matches(wanted, value);
    const values = Array.isArray(value) ? value : [value];
    return (Array.isArray(wanted) ? wanted : [wanted]).some((one) => values.some((got) => fits(one, got)));
  });
}

function fits(wanted: unknown, got: unknown): boolean {
  if (!isObject(wanted)) return wanted === got;
  return Object.entries(wanted).every(([filter, of]) => {
    if (filter === "prefix") return typeof got === "string" && got.startsWith(String(of));
    if (filter === "suffix") return typeof got === "string" && got.endsWith(String(of));
    if (filter === "exists") return (got !== undefined) === of;
    return got !== undefined && !(Array.isArray(of) ? of : [of]).includes(got);
  });
}

/** The first filter that is not known here, or null. */
export function unknownFilter(pattern: Readonly<Record<string, unknown>>): string | null {
  for (const wanted of Object.values(pattern)) {
    const inner = isObject(wanted) ? unknownFilter(wanted) : null;
    if (inner !== null) return inner;
    const found = (Array.isArray(wanted) ? wanted : [])
      .filter(isObject)
      .flatMap((filter) => Object.keys(filter))
      .find((filter) => !FILTERS.includes(filter));
    if (found !== undefined) return found;
  }
  return null;
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === "object" && value !== null && !Array.isArray(value);
