/** Values as JSON for people and other languages: what JSON lacks is written as its nearest text. Our own codec keeps types; this does not. */
import type { Context } from "hono";
import { decode } from "../engine/codec.ts";
import { WindhoverError } from "../engine/errors.ts";
import type { Payload } from "../engine/events.ts";
import { payloadText, readPayload } from "../engine/payload.ts";
import type { Results } from "../engine/ports.ts";

/** Dates as ISO 8601, Maps as objects or pairs, Sets as arrays, BigInts and numbers that are not finite as text, bytes as base64, Errors as name and message. */
export function jsonOf(value: unknown): unknown {
  if (value === null || value === undefined || typeof value === "string" || typeof value === "boolean") return value ?? null;
  if (typeof value === "number") return Number.isFinite(value) ? value : String(value);
  if (typeof value === "bigint") return String(value);
  if (Array.isArray(value)) return Array.from(value, jsonOf);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (value instanceof Map) return [...value.keys()].every((key) => typeof key === "string") ? jsonOf(Object.fromEntries(value)) : [...value].map(jsonOf);
  if (value instanceof Set) return [...value].map(jsonOf);
  if (value instanceof Error)
    return {
      name: value.name,
      message: value.message,
      ...("code" in value && { code: jsonOf(value.code) }),
      ...(value.cause !== undefined && { cause: jsonOf(value.cause) }),
    };
  if (ArrayBuffer.isView(value)) return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("base64");
  if (typeof value !== "object") return String(value);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, jsonOf(item)]));
}

/** A program of ours asks for values as our codec writes them, and sends them so: nothing that JSON lacks is lost on the way. */
export const VALUES_HEADER = "x-windhover-values";
export const wantsTags = (context: Context): boolean => context.req.header(VALUES_HEADER) === "tagged";

/** A value of a request's body. @throws WH2017 when it is said to be tagged, and is not. */
export function given<T>(value: T, context: Context): T {
  if (value === undefined || !wantsTags(context)) return value;
  try {
    return decode(JSON.stringify(value)) as T;
  } catch (error) {
    throw new WindhoverError("WH2017", {
      message: "A value cannot be read as tagged JSON.",
      expected: `values as the client writes them, or no header ${VALUES_HEADER}`,
      cause: error,
    });
  }
}

/** A stored value for an answer: tagged as it lies in the store, or as JSON for everybody. */
export async function shown(payload: Payload, results: Results, tagged: boolean): Promise<unknown> {
  if (!tagged) return jsonOf(await readPayload(payload, results));
  return JSON.parse(await payloadText(payload, results));
}

export const iso = (ms: number): string => new Date(ms).toISOString();
