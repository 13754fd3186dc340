/**
 * Turns a value into a tree that JSON can write. A part that JSON keeps as it is stays the very same object, so plain data costs one scan and no copy;
 * what JSON would lose becomes a tag: an object with the one key `$`. A key that consists of `$` alone gets one more, so that data never looks like a tag.
 */
import types from "node:util/types";
import { className, isError, setOwn, takeApart } from "./error-codec.ts";
import { WindhoverError } from "./errors.ts";
import { LIMITS } from "./limits.ts";
import { SHOWN } from "./secrecy.ts";

export interface EncodeOptions {
  /** Gives an id for an object that stands for something else, such as a future: the id is kept in its place. */
  readonly reference?: (value: object) => string | undefined;
  /** What the value is called in messages: `result` in `result.items[3]`. */
  readonly name?: string;
}

export const TYPED_ARRAYS = [
  "Int8Array",
  "Uint8Array",
  "Uint8ClampedArray",
  "Int16Array",
  "Uint16Array",
  "Int32Array",
  "Uint32Array",
  "Float16Array",
  "Float32Array",
  "Float64Array",
  "BigInt64Array",
  "BigUint64Array",
] as const;

export const ONLY_DOLLARS = /^\$+$/;
const tag = (content: unknown) => ({ $: content });
const UNDEFINED = tag("undefined");
/** Up to this depth the ancestors are searched one by one, which for real data is faster than a Set. */
const SHALLOW = 32;

/** A step of a path that is written as it stands. */
interface Step {
  readonly step: string;
}

export class Tagging {
  /** How to get from the root to the value at hand; the ancestors are the objects on that way. */
  private readonly path: (string | number | Step)[] = [];
  private readonly ancestors: object[] = [];
  private deep: Set<object> | undefined;
  private left: number = LIMITS.valueChars;
  private readonly options: EncodeOptions;
  /** Parts of an error that cannot be kept are left out instead of refused: to lose the failure itself would be worse. */
  private readonly lenient: boolean;

  constructor(options: EncodeOptions = {}, lenient = false) {
    this.options = options;
    this.lenient = lenient;
  }

  tag(value: unknown): unknown {
    switch (typeof value) {
      case "string":
        this.spend(value.length + 2);
        return value;
      case "number":
        this.spend(2);
        if (Number.isFinite(value)) return Object.is(value, -0) ? tag("-0") : value;
        return tag(String(value));
      case "boolean":
        this.spend(4);
        return value;
      case "undefined":
        return UNDEFINED;
      case "bigint":
        return tag(["BigInt", this.text(String(value))]);
      case "object":
        return value === null ? null : this.object(value);
      case "function":
        return this.refuse(value.name === "" ? "a function" : `the function ${value.name}`);
      default:
        return this.refuse(`the symbol ${String(value)}`);
    }
  }

  private object(value: object): unknown {
    const id = this.options.reference?.(value);
    if (id !== undefined) return tag(["ref", this.text(id)]);
    const depth = this.ancestors.length;
    if (depth === SHALLOW) this.deep = new Set(this.ancestors);
    if (this.deep?.has(value) ?? this.ancestors.includes(value)) return this.refuseCycle(value);
    if (depth >= LIMITS.valueDepth) throw tooLarge(this.where(), `at most ${LIMITS.valueDepth} objects within objects`, "more");
    this.spend(2);
    this.ancestors.push(value);
    this.deep?.add(value);
    const prototype: unknown = Object.getPrototypeOf(value);
    const tagged =
      prototype === Object.prototype || prototype === null
        ? this.plain(value as Record<string, unknown>)
        : Array.isArray(value) && className(value) === "Array"
          ? this.array(value)
          : this.special(value);
    this.ancestors.pop();
    if (depth === SHALLOW) this.deep = undefined;
    this.deep?.delete(value);
    return tagged;
  }

  private plain(value: Record<string, unknown>): Record<string, unknown> {
    // JSON would call a hidden `toJSON`; one that is not hidden is refused below, as the function that it is.
    let copy: Record<string, unknown> | undefined = typeof value.toJSON === "function" ? {} : undefined;
    if (copy && SHOWN in value) return this.plain((value as { [SHOWN]: () => Record<string, unknown> })[SHOWN]());
    const keys = Object.keys(value);
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i] as string;
      const item = value[key];
      this.spend(key.length + 3);
      const tagged = this.at(key, item);
      const escaped = key.charCodeAt(0) === 36 && ONLY_DOLLARS.test(key) ? `$${key}` : key;
      if (copy === undefined && (tagged !== item || escaped !== key)) {
        copy = {};
        for (let j = 0; j < i; j++) setOwn(copy, keys[j] as string, value[keys[j] as string]);
      }
      if (copy) setOwn(copy, escaped, tagged);
    }
    for (const symbol of Object.getOwnPropertySymbols(value))
      if (Object.prototype.propertyIsEnumerable.call(value, symbol)) return this.at({ step: `[${String(symbol)}]` }, symbol) as never;
    return copy ?? value;
  }

  private array(value: readonly unknown[]): unknown {
    let copy: unknown[] | undefined = "toJSON" in value ? [] : undefined;
    for (let i = 0; i < value.length; i++) {
      const item = value[i];
      if (item === undefined && !(i in value)) return this.sparse(value);
      const tagged = this.at(i, item);
      if (copy === undefined && tagged !== item) copy = value.slice(0, i);
      copy?.push(tagged);
    }
    return copy ?? value;
  }

  /** Holes are neither null nor undefined. Only what is there is kept, so that an array of a billion holes stays small. */
  private sparse(value: readonly unknown[]): unknown {
    const there = Object.keys(value).filter((key) => /^\d+$/.test(key));
    return tag(["Array", value.length, there.map((key) => [Number(key), this.at(Number(key), value[Number(key)])])]);
  }

  private special(value: object): unknown {
    if (isError(value)) return this.error(value);
    const name = className(value);
    if (isPlainOfAnotherRealm(value)) return this.plain(value as Record<string, unknown>);
    if (name === "Date" && types.isDate(value)) return tag(["Date", Number.isNaN(value.getTime()) ? null : value.getTime()]);
    if (name === "RegExp" && types.isRegExp(value))
      return tag(["RegExp", this.text(value.source), value.flags, ...(value.lastIndex === 0 ? [] : [value.lastIndex])]);
    if (name === "URL" && value instanceof URL) return tag(["URL", this.text(value.href)]);
    if (name === "Map" && types.isMap(value)) return tag(["Map", Array.from(value, (entry, i) => this.entry(entry, i))]);
    if (name === "Set" && types.isSet(value)) return tag(["Set", Array.from(value, (item, i) => this.at({ step: `.values[${i}]` }, item))]);
    if (name === "ArrayBuffer" && types.isArrayBuffer(value)) return this.bytes(name, value, 0, value.byteLength);
    if (ArrayBuffer.isView(value) && (Buffer.isBuffer(value) ? name === "Buffer" : name === "DataView" || (TYPED_ARRAYS as readonly string[]).includes(name)))
      return this.bytes(name, value.buffer, value.byteOffset, value.byteLength);
    const advice = types.isPromise(value) ? "Await it first." : undefined;
    return this.refuse(name === "Object" ? "an object with a prototype of its own" : `an instance of ${name}`, advice);
  }

  private entry([key, item]: readonly [unknown, unknown], i: number): unknown[] {
    const step = typeof key === "string" || typeof key === "number" ? `.get(${JSON.stringify(key)})` : `.values[${i}]`;
    return [this.at({ step: `.keys[${i}]` }, key), this.at({ step }, item)];
  }

  private bytes(name: string, buffer: ArrayBufferLike, from: number, length: number): unknown {
    this.spend(Math.ceil(length / 3) * 4);
    return tag([name, Buffer.from(buffer, from, length).toString("base64")]);
  }

  private error(error: Error): unknown {
    const parts = takeApart(error);
    const lost: string[] = [];
    const props: Record<string, unknown> = {};
    for (const key of Object.keys(parts.props)) this.part(key, parts.props[key], lost, (tagged) => setOwn(props, key, tagged));
    const more: Record<string, unknown> = {};
    if (parts.cause) this.part("cause", parts.cause[0], lost, (tagged) => (more.cause = [tagged]));
    if (parts.errors) this.part("errors", parts.errors, lost, (tagged) => (more.errors = tagged));
    if (lost.length > 0) props.notStored = lost;
    for (const text of [parts.class, parts.name ?? "", parts.message, parts.stack ?? ""]) this.text(text);
    const { class: label, name, message, stack } = parts;
    return tag(["Error", { class: label, name, message, stack, ...more, ...(Object.keys(props).length > 0 ? { props: Object.entries(props) } : {}) }]);
  }

  private part(key: string, value: unknown, lost: string[], keep: (tagged: unknown) => void): void {
    const { left } = this;
    const depth = this.ancestors.length;
    const steps = this.path.length;
    try {
      keep(this.at(key, value));
    } catch (error) {
      if (!this.lenient) throw error;
      for (const ancestor of this.ancestors.splice(depth)) this.deep?.delete(ancestor);
      if (depth <= SHALLOW) this.deep = undefined;
      this.path.length = steps;
      this.left = left;
      lost.push(key);
    }
  }

  private at(step: string | number | Step, value: unknown): unknown {
    if (typeof value === "string" || typeof value === "number") return this.tag(value);
    this.path.push(step);
    const tagged = this.tag(value);
    this.path.pop();
    return tagged;
  }

  private text(text: string): string {
    this.spend(text.length);
    return text;
  }

  /** What is certain to be written is counted on the way, so that a huge value is refused before it is built. */
  private spend(chars: number): void {
    this.left -= chars;
    if (this.left < 0) throw tooLarge(this.options.name ?? "value", `at most ${LIMITS.valueChars} characters when encoded`, "more");
  }

  private where(steps = this.path.length): string {
    return (this.options.name ?? "value") + this.path.slice(0, steps).map(written).join("");
  }

  private refuse(what: string, action?: string): never {
    const where = this.where();
    throw new WindhoverError("WH1102", {
      message: `${where} is ${what}, which cannot be stored.`,
      expected: "plain data",
      got: `${what} at ${where}`,
      ...(action ? { action } : {}),
    });
  }

  private refuseCycle(value: object): never {
    const target = this.where(this.ancestors.indexOf(value));
    throw new WindhoverError("WH1103", {
      message: `${this.where()} refers back to ${target}.`,
      expected: "a value without cycles",
      got: `a cycle at ${this.where()}`,
    });
  }
}

function written(step: string | number | Step): string {
  if (typeof step === "object") return step.step;
  return typeof step === "string" && /^[\p{ID_Start}_$][\p{ID_Continue}$]*$/u.test(step) ? `.${step}` : `[${JSON.stringify(step)}]`;
}

export function tooLarge(where: string, expected: string, got: string): WindhoverError {
  return new WindhoverError("WH1104", { message: `${where} is too large.`, expected, got });
}

/** `{}` made in another realm, such as a `vm` context: its prototype is a root, with the methods of `Object.prototype`. */
function isPlainOfAnotherRealm(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype !== null && Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype as object, "hasOwnProperty");
}
