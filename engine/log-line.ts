/** What an author's code hands to `log` becomes text: never a failure, and never with a secret in it. */
import { createRequire } from "node:module";
import { encode } from "./codec.ts";
import { setOwn } from "./error-codec.ts";
import { masked } from "./secrecy.ts";

/** Not imported: an import reads all that `node:util` exports, which loads a dozen of Node's modules more, in each function that starts. */
const { inspect } = createRequire(import.meta.url)("node:util") as typeof import("node:util");

/** Message and fields of a log line, as they may leave the process. */
export function sayable(message: unknown, fields: unknown): { readonly message: string; readonly fields?: string } {
  const text = masked(typeof message === "string" ? message : description(message));
  return fields === undefined || fields === null ? { message: text } : { message: text, fields: fieldsOf(fields) };
}

/** Of a field that cannot be stored so much is described. */
const SHOWN = { fields: 100, depth: 2, items: 20, chars: 1000 };

/** Encoded; a field that cannot be encoded is described as Node would print it, the others stay what they are. */
function fieldsOf(fields: unknown): string {
  try {
    return encode(fields);
  } catch {
    const isPlain = typeof fields === "object" && [Object.prototype, null].includes(Object.getPrototypeOf(fields));
    if (!isPlain) return encode({ fields: description(fields) });
    const shown: Record<string, unknown> = {};
    for (const key of Object.keys(fields as object).slice(0, SHOWN.fields)) setOwn(shown, key, storable(fields as object, key));
    return encode(shown);
  }
}

function storable(fields: object, key: string): unknown {
  try {
    const value: unknown = (fields as Readonly<Record<string, unknown>>)[key];
    encode(value);
    return value;
  } catch {
    return description(fields, key);
  }
}

/** A getter or an inspector of the author's that throws is no reason to fail. */
function description(value: unknown, key?: string): string {
  try {
    const what = key === undefined ? value : (value as Readonly<Record<string, unknown>>)[key];
    return masked(inspect(what, { depth: SHOWN.depth, maxArrayLength: SHOWN.items, maxStringLength: SHOWN.chars, breakLength: Number.POSITIVE_INFINITY }));
  } catch {
    return "(it cannot be shown)";
  }
}
