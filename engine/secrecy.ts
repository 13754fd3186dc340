/**
 * What is secret in this process, and how it is kept out of every text that leaves it. A block's secret values are noted as they are loaded; wherever one occurs
 * afterwards in a log line, an error, an artifact, an event, parameters or a result, `***` is written instead. It lies on `globalThis`, because a bundle and the package
 * may each bring a copy of this file.
 */

/** What stands for a secret. */
export const MASK = "***";
/** The same in base64, over and over: bytes stay bytes. */
const BASE64_MASK = "Kioq";
/** Shorter texts are no secrets, but would be found in half of all others. Unit: characters. */
const SHORTEST = 4;
/** From this length on its base64 and its single lines are looked for as well. Unit: characters. */
const LONG = 8;
/** Secrets that a process remembers: beyond this the one that was loaded longest ago is forgotten. */
const REMEMBERED = 1000;

/** An object with it is printed and stored as what it returns. */
export const SHOWN = Symbol.for("windhover.shown");

interface Known {
  /** Each secret with the forms in which it may occur. */
  readonly secrets: Map<string, readonly string[]>;
  readonly numbers: Set<number>;
  /** All forms, the longest first. */
  forms: readonly string[];
  /** How many texts had a secret in them. */
  found: number;
}
const key = Symbol.for("windhover.secrets");
const holder = globalThis as unknown as Record<symbol, Known | undefined>;
const known: Known = (holder[key] ??= { secrets: new Map(), numbers: new Set(), forms: [], found: 0 });

/** From now on no text of this process shows it: a text or number, or whatever consists of such. */
export function conceal(secret: unknown): void {
  const texts = new Set<string>();
  collect(secret, texts, 0);
  for (const text of texts) {
    if (text.length < SHORTEST) continue;
    const forms = known.secrets.get(text);
    // The latest is last.
    known.secrets.delete(text);
    known.secrets.set(text, forms ?? formsOf(text));
    if (known.secrets.size > REMEMBERED) known.secrets.delete(known.secrets.keys().next().value as string);
    if (!forms) known.forms = [...new Set([...known.secrets.values()].flat())].sort((a, b) => b.length - a.length);
  }
}

const DEPTH = 8;
function collect(value: unknown, into: Set<string>, depth: number): void {
  if (typeof value === "string") into.add(value);
  else if (typeof value === "bigint") into.add(String(value));
  else if (typeof value === "number") {
    into.add(String(value));
    if (String(value).length >= SHORTEST) known.numbers.add(value);
  } else if (typeof value === "object" && value !== null && depth < DEPTH) {
    if (value instanceof Uint8Array) into.add(Buffer.from(value).toString("utf8"));
    else for (const item of value instanceof Map || value instanceof Set ? value.values() : Object.values(value)) collect(item, into, depth + 1);
  }
}

/** As it is, within JSON (and JSON within JSON), within an address, and in base64 wherever it begins there; of a text of several lines also each of them. */
function formsOf(secret: string): string[] {
  const parts = [secret, ...(secret.includes("\n") ? secret.split(/\r?\n/).map((line) => line.trim()) : [])];
  const forms = parts.flatMap((part, i) =>
    i > 0 && part.length < LONG ? [] : [part, escaped(part), escaped(escaped(part)), ...addressed(part), ...base64(part)],
  );
  return [...new Set(forms)].filter((form) => form.length >= SHORTEST);
}
const escaped = (text: string): string => JSON.stringify(text).slice(1, -1);
function addressed(text: string): string[] {
  if (/^[\w.~-]*$/.test(text)) return [];
  const url = new URL("http://host");
  url.password = text;
  return [new URLSearchParams([["", text]]).toString().slice(1), url.password, encodeURIComponent(text.replace(/[\uD800-\uDFFF]/gu, "\uFFFD"))];
}
/** Three bytes are four characters, so there are three ways; the characters that it shares with its neighbours are left off. */
function base64(text: string): string[] {
  const { length } = Buffer.from(text);
  if (length < LONG) return [];
  return [0, 1, 2].flatMap((before) => {
    const whole = Buffer.concat([Buffer.alloc(before), Buffer.from(text)]).toString("base64");
    const core = whole.slice(Math.ceil((before * 8) / 6), Math.floor(((before + length) * 8) / 6));
    return [core, core.replaceAll("+", "-").replaceAll("/", "_")];
  });
}

const within = (text: string): boolean => known.forms.some((form) => text.includes(form));

/** The text with `***` in the place of every secret. */
export function masked(text: string): string {
  if (known.forms.length === 0 || !within(text)) return text;
  known.found++;
  return replaced(text, () => MASK);
}
function replaced(text: string, by: (form: string) => string): string {
  let rest = text;
  for (const form of known.forms) if (rest.includes(form)) rest = rest.replaceAll(form, by(form));
  return rest;
}

/** How often something had to be masked so far: who wants to say so looks before and after. */
export const timesMasked = (): number => known.found;

/** As {@link masked}, for a text that `encode` makes: its structure stays what it is. */
export function maskedEncoding(text: string): string {
  if (known.forms.length === 0 || !within(text)) return text;
  const before = JSON.stringify(JSON.parse(text));
  const after = JSON.stringify(walk(JSON.parse(text)));
  if (after === before) return text;
  known.found++;
  return after;
}

function walk(node: unknown): unknown {
  if (typeof node === "string") return replaced(node, () => MASK);
  if (typeof node === "number") return known.numbers.has(node) ? MASK : node;
  if (typeof node !== "object" || node === null) return node;
  if (Array.isArray(node)) return node.map(walk);
  const object = node as Readonly<Record<string, unknown>>;
  if (Array.isArray(object.$)) return walkTag(object.$);
  if ("$" in object) return node;
  return Object.fromEntries(Object.entries(object).map(([name, value]) => [replaced(name, () => MASK), walk(value)]));
}

/** What the codec writes for values that JSON does not have: their kind, and what is theirs. */
function walkTag(content: readonly unknown[]): unknown {
  const [kind, first, ...rest] = content;
  switch (kind) {
    case "Map":
    case "Set":
      return { $: [kind, walk(first)] };
    case "Array":
      return { $: [kind, first, (rest[0] as [number, unknown][]).map(([index, item]) => [index, walk(item)])] };
    case "Error":
      return { $: [kind, Object.fromEntries(Object.entries(first as object).map(([part, value]) => [part, walk(value)]))] };
    case "Date":
    case "ref":
      return { $: content };
    case "BigInt":
    case "RegExp":
      return within(String(first)) ? MASK : { $: content };
    case "URL": {
      const url = replaced(String(first), () => MASK);
      return URL.canParse(url) ? { $: [kind, url] } : url;
    }
    default:
      return { $: [kind, replaced(String(first), (form) => BASE64_MASK.repeat(Math.ceil(form.length / 4)).slice(0, form.length))] };
  }
}

/** In place, for an error that ends the process: Node prints it, and nobody of ours is asked. */
export function maskError(error: unknown, depth = 0): void {
  if (!(error instanceof Error) || depth > DEPTH) return;
  for (const part of Object.getOwnPropertyNames(error)) {
    const value: unknown = (error as unknown as Record<string, unknown>)[part];
    if (typeof value === "string" && within(value))
      Object.defineProperty(error, part, {
        value: masked(value),
        configurable: true,
        writable: true,
        enumerable: Object.prototype.propertyIsEnumerable.call(error, part),
      });
    else if (typeof value === "object" && value !== null && !(value instanceof Error)) maskObject(value, error, part);
  }
  maskError(error.cause, depth + 1);
  if (error instanceof AggregateError) for (const inner of error.errors) maskError(inner, depth + 1);
}
/** Such as the request that a client of HTTP hangs on its errors. */
function maskObject(value: object, error: Error, part: string): void {
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch {
    // What refers to itself is not shown at all.
  }
  if (text !== undefined && !within(text)) return;
  Object.defineProperty(error, part, { value: MASK, configurable: true, writable: true, enumerable: part !== "errors" && part !== "cause" });
}
