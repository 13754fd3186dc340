/**
 * Values as text. Parameters, results and errors go through here on their way into a log and back.
 *
 * Kept: what JSON keeps; undefined, NaN, ±Infinity, -0 and holes; BigInt, Date, RegExp, URL, Map, Set, ArrayBuffer, typed arrays, DataView and Buffer (each
 * comes back as what it was; of a view only its own bytes are kept); Errors with class name, message, stack, cause and own properties. An object that is
 * referred to twice is written twice. An object without prototype comes back with the usual one, and what an array has besides its items is not kept.
 * Everything else (functions, symbols, instances of classes) is refused rather than changed.
 */
import { type ErrorParts, putTogether, setOwn } from "./error-codec.ts";
import { WindhoverError } from "./errors.ts";
import { LIMITS } from "./limits.ts";
import { maskedEncoding } from "./secrecy.ts";
import { type EncodeOptions, ONLY_DOLLARS, Tagging, TYPED_ARRAYS, tooLarge } from "./tagging.ts";

export { hash } from "./hash.ts";

/**
 * The same value always gives the same text, keys in the order in which the object has them. What is known as a secret in this process is written as `***`.
 * @throws WH1102 for a value that cannot be stored, WH1103 for a cycle, both with the path; WH1104 for one that is too large.
 * @example encode({ since: new Date(0), ids: new Set([1n]) }, { name: "result" })
 */
export function encode(value: unknown, options?: EncodeOptions): string {
  return maskedEncoding(write(new Tagging(options).tag(value), options?.name));
}

/** As {@link encode}, with the secrets: for what keeps them encrypted. */
export function encodeSecret(value: unknown): string {
  return write(new Tagging().tag(value));
}

function write(tagged: unknown, name = "value"): string {
  let text: string;
  try {
    text = JSON.stringify(tagged);
  } catch (error) {
    // Escapes can make a text longer than the longest string that there is.
    if (error instanceof RangeError) throw tooLarge(name, `at most ${LIMITS.valueChars} characters when encoded`, "more");
    throw error;
  }
  if (text.length > LIMITS.valueChars) throw tooLarge(name, `at most ${LIMITS.valueChars} characters when encoded`, String(text.length));
  return text;
}

/**
 * A text that does not depend on the order of an object's keys, a Map's entries or a Set's items, nor on where an error was made: a key for caches.
 * It cannot be decoded. Errors as for {@link encode}.
 */
export function canonical(value: unknown, options?: EncodeOptions): string {
  return sorted(new Tagging(options).tag(value));
}

function sorted(node: unknown): string {
  if (typeof node !== "object" || node === null) return JSON.stringify(node);
  if (Array.isArray(node)) return `[${node.map(sorted).join()}]`;
  const content: unknown = Object.hasOwn(node, "$") ? (node as { $: unknown }).$ : undefined;
  if (Array.isArray(content)) {
    const [kind, first] = content as [string, unknown];
    if (kind === "Map" || kind === "Set") return `{"$":["${kind}",[${(first as unknown[]).map(sorted).sort().join()}]]}`;
    if (kind === "Error") return `{"$":["Error",${members({ ...(first as object), stack: undefined })}]}`;
  }
  return members(node);
}

function members(node: object): string {
  const entries = Object.entries(node).filter(([, item]) => item !== undefined);
  // Two keys are never equal, so the order is total.
  entries.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${sorted(item)}`).join()}}`;
}

export interface DecodeOptions {
  /** What a reference (see {@link EncodeOptions}) stands for. */
  readonly resolve?: (id: string) => unknown;
}

/**
 * @throws WH9001 when the text was not written by {@link encode}.
 * @example decode('{"$":["Date",0]}') // new Date(0)
 */
export function decode(text: string, options: DecodeOptions = {}): unknown {
  const node: unknown = parse(text);
  return text.includes('"$') ? revive(node, options) : node;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw unreadable(text.slice(0, 100), cause);
  }
}

function unreadable(got: string, cause?: unknown): WindhoverError {
  return new WindhoverError("WH9001", { message: "A stored value cannot be read.", expected: "text that was written by encode", got, cause });
}

/** The ids of all references in an encoded value, in order, each once. */
export function references(text: string): string[] {
  const ids = new Set<string>();
  if (text.includes('["ref",')) decode(text, { resolve: (id) => ids.add(id) });
  return [...ids];
}

/** Works in place: the tree is fresh from `JSON.parse`, and its keys, `__proto__` among them, are its own. */
function revive(node: unknown, options: DecodeOptions): unknown {
  if (typeof node !== "object" || node === null) return node;
  if (Array.isArray(node)) {
    for (let i = 0; i < node.length; i++) if (typeof node[i] === "object") node[i] = revive(node[i], options);
    return node;
  }
  if (Object.hasOwn(node, "$")) return untag((node as { $: unknown }).$, options);
  const object = node as Record<string, unknown>;
  const keys = Object.keys(object);
  for (const key of keys) if (typeof object[key] === "object") setOwn(object, key, revive(object[key], options));
  return keys.some((key) => ONLY_DOLLARS.test(key)) ? unescaped(object, keys) : object;
}

/** Into a new object, because the order of the keys is part of the value. */
function unescaped(object: Record<string, unknown>, keys: readonly string[]): Record<string, unknown> {
  const copy: Record<string, unknown> = {};
  for (const key of keys) setOwn(copy, ONLY_DOLLARS.test(key) ? key.slice(1) : key, object[key]);
  return copy;
}

const CONSTANTS: Readonly<Record<string, unknown>> = {
  undefined,
  NaN: Number.NaN,
  Infinity: Number.POSITIVE_INFINITY,
  "-Infinity": Number.NEGATIVE_INFINITY,
  "-0": -0,
};

function untag(content: unknown, options: DecodeOptions): unknown {
  if (typeof content === "string" && Object.hasOwn(CONSTANTS, content)) return CONSTANTS[content];
  if (!Array.isArray(content) || typeof content[0] !== "string") throw unreadable(JSON.stringify(content));
  const [kind, first, second, third] = content;
  switch (kind) {
    case "BigInt":
      return BigInt(first);
    case "Date":
      return new Date(first ?? Number.NaN);
    case "RegExp":
      return Object.assign(new RegExp(first, second), { lastIndex: third ?? 0 });
    case "URL":
      return new URL(first);
    case "Map":
      return new Map(revive(first, options) as [unknown, unknown][]);
    case "Set":
      return new Set(revive(first, options) as unknown[]);
    case "Array":
      return fill(first, revive(second, options) as [number, unknown][]);
    case "Error":
      return putTogether(parts(revive(first, options) as EncodedError));
    case "ref":
      if (!options.resolve) throw unreadable(`a reference to ${first} where none can be`);
      return options.resolve(first);
    default:
      return bytes(kind, Buffer.from(String(first), "base64"));
  }
}

function fill(length: number, items: readonly (readonly [number, unknown])[]): unknown[] {
  const array = new Array<unknown>(length);
  for (const [index, item] of items) array[index] = item;
  return array;
}

type EncodedError = Omit<ErrorParts, "props"> & { readonly props?: readonly (readonly [string, unknown])[] };

function parts(error: EncodedError): ErrorParts {
  const props: Record<string, unknown> = {};
  for (const [key, value] of error.props ?? []) setOwn(props, key, value);
  return { ...error, props };
}

/** A buffer of its own, not a slice of Node's pool. */
function bytes(kind: string, content: Buffer): unknown {
  const buffer = content.buffer.slice(content.byteOffset, content.byteOffset + content.byteLength) as ArrayBuffer;
  if (kind === "ArrayBuffer") return buffer;
  if (kind === "Buffer") return Buffer.from(buffer);
  if (kind === "DataView") return new DataView(buffer);
  const known = (TYPED_ARRAYS as readonly string[]).includes(kind);
  const View = known ? (globalThis as unknown as Record<string, (new (buffer: ArrayBuffer) => unknown) | undefined>)[kind] : undefined;
  if (!View) throw unreadable(`a value of the unknown kind ${kind}`);
  return new View(buffer);
}

/** Of something thrown that cannot be stored as it is, so much is described. */
const DESCRIBED = { chars: 10_000, properties: 100 };

/**
 * Records what was thrown, and never throws itself, for then the failure would be lost. What cannot be stored is left out of an error and named in its
 * property `notStored`; something that is no error and cannot be stored becomes an error that describes it. A thrown string stays a string.
 */
export function encodeError(thrown: unknown): string {
  try {
    return maskedEncoding(write(new Tagging({ name: "error" }, true).tag(thrown)));
  } catch {
    return maskedEncoding(write(new Tagging({ name: "error" }, true).tag(described(thrown))));
  }
}

function described(thrown: unknown): Error {
  const message = [() => (thrown as Error).message, () => String(thrown)].map(attempt).find((text) => typeof text === "string");
  const error = new Error(String(message ?? "something that cannot be described").slice(0, DESCRIBED.chars));
  const label = attempt(() => (thrown as object).constructor.name);
  error.stack = `Error: ${error.message}\n    (${typeof label === "string" ? `thrown as ${label}` : "thrown"}, which cannot be stored as it is)`;
  if (typeof thrown !== "object" || thrown === null) return error;
  for (const key of (attempt(() => Object.keys(thrown)) ?? []).slice(0, DESCRIBED.properties)) {
    const text = attempt(() => encode((thrown as Record<string, unknown>)[key]));
    const fits = text !== undefined && text.length + key.length <= DESCRIBED.chars;
    if (fits && !["name", "message", "stack", "cause"].includes(key)) setOwn(error, key, decode(text));
  }
  return error;
}

function attempt<T>(what: () => T): T | undefined {
  try {
    return what();
  } catch {
    return undefined;
  }
}

/** What {@link encodeError} recorded. Never throws: a text that cannot be read gives an error that says so. */
export function decodeError(text: string): unknown {
  try {
    return decode(text);
  } catch (cause) {
    return new Error("A recorded failure cannot be read.", { cause });
  }
}
