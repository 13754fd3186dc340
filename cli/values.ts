/** Values that a run was given or gave, for a person and for `--json`. */
import { inspect } from "node:util";
import { decodeError } from "../engine/codec.ts";
import type { Payload } from "../engine/events.ts";
import { payloadText } from "../engine/payload.ts";
import type { Results } from "../engine/ports.ts";
import { out, wantsColour } from "./terminal.ts";

export async function readError(payload: Payload | undefined, results: Results): Promise<unknown> {
  return payload === undefined ? undefined : decodeError(await payloadText(payload, results));
}

/** As JSON says it: a Date is its ISO text, a BigInt its digits, a Map an object or a list of pairs, a Set a list, an Error its name and message. */
export function jsonOf(value: unknown): unknown {
  if (value === undefined) return null;
  if (typeof value === "bigint") return String(value);
  if (typeof value === "number") return Number.isFinite(value) ? value : null;
  if (typeof value !== "object" || value === null) return value;
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (value instanceof Error)
    return {
      name: value.name,
      message: value.message,
      ...("code" in value && { code: value.code }),
      ...(value.cause !== undefined && { cause: jsonOf(value.cause) }),
    };
  if (value instanceof Map)
    return [...value.keys()].every((key) => typeof key === "string")
      ? jsonOf(Object.fromEntries(value))
      : [...value].map(([key, item]) => [jsonOf(key), jsonOf(item)]);
  if (value instanceof Set) return [...value].map(jsonOf);
  if (value instanceof URL || value instanceof RegExp) return String(value);
  if (value instanceof ArrayBuffer) return Buffer.from(value).toString("base64");
  if (ArrayBuffer.isView(value))
    return value instanceof Uint8Array ? Buffer.from(value).toString("base64") : Array.from(value as unknown as ArrayLike<number | bigint>, jsonOf);
  if (Array.isArray(value)) return value.map(jsonOf);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, jsonOf(item)]));
}

export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(jsonOf(value), null, 2)}\n`);
}

/** Whether JSON shows all of it. */
function isPlain(value: unknown): boolean {
  if (value === null || typeof value === "string" || typeof value === "boolean") return true;
  if (typeof value === "number") return Number.isFinite(value);
  if (Array.isArray(value)) return value.every(isPlain);
  if (typeof value !== "object") return false;
  const prototype = Object.getPrototypeOf(value) as unknown;
  return (prototype === Object.prototype || prototype === null) && Object.values(value).every((item) => item === undefined || isPlain(item));
}

/** A string as it is; other values as JSON where JSON can say them, else as Node shows them. */
export function valueText(value: unknown, most = Number.POSITIVE_INFINITY): string {
  if (typeof value === "string") return short(value, most);
  const colors = wantsColour(process.stdout) && most === Number.POSITIVE_INFINITY;
  if (isPlain(value) && !colors) return short(JSON.stringify(value, null, most === Number.POSITIVE_INFINITY ? 2 : undefined), most);
  return short(
    inspect(value, { depth: 20, colors, maxArrayLength: 200, breakLength: most === Number.POSITIVE_INFINITY ? 100 : Number.POSITIVE_INFINITY }),
    most,
  );
}

const short = (text: string, most: number): string => (text.length > most ? `${text.slice(0, most - 1)}${out("…", "dim")}` : text);
