/** What is kept of an Error, and how an Error is made of it again. `codec.ts` calls this; nothing else should. */
import { Cancelled, type ErrorCode, FailNow, isFailNow, isRetryAfter, RetryAfter, WindhoverError } from "./errors.ts";

/** The parts of an error, not yet encoded. `class` says what it comes back as; `name` stands only where the author chose another one. */
export interface ErrorParts {
  readonly class: string;
  readonly name?: string;
  readonly message: string;
  readonly stack?: string;
  /** Holds the cause, if there is one: an error's cause may be undefined. */
  readonly cause?: readonly [unknown];
  readonly errors?: readonly unknown[];
  /** Own enumerable properties such as `code` and `status`. */
  readonly props: Readonly<Record<string, unknown>>;
}

const STANDARD = { Error, TypeError, RangeError, SyntaxError, ReferenceError, EvalError, URIError };
const OWN = { Cancelled, WindhoverError, FailNow, RetryAfter };
const KNOWN: ReadonlySet<string> = new Set([...Object.keys(STANDARD), ...Object.keys(OWN), "AggregateError", "DOMException"]);
/** These are kept as parts of their own, or follow from the class. */
const NOT_PROPS: ReadonlySet<string> = new Set(["name", "message", "stack", "cause"]);

export function isError(value: object): value is Error {
  return value instanceof Error || Object.prototype.toString.call(value) === "[object Error]";
}

export function className(value: object): string {
  const prototype: unknown = Object.getPrototypeOf(value);
  const made: unknown = prototype === null ? undefined : (prototype as { constructor?: unknown }).constructor;
  return typeof made === "function" && made.name !== "" ? made.name : "Object";
}

/** Own classes are told by `instanceof` or their mark, because a bundler may have renamed them; a user's subclass of one comes back as that one. */
function classOf(error: Error): string {
  if (isFailNow(error)) return "FailNow";
  if (isRetryAfter(error)) return "RetryAfter";
  for (const [name, known] of Object.entries(OWN)) if (error instanceof known) return name;
  const own = className(error);
  if (own !== "Error" || !Object.hasOwn(error, "name")) return own;
  // What was decoded once is an Error with a name: it encodes to the same text again, so that hashes of values agree.
  return typeof error.name === "string" && error.name !== "" && !KNOWN.has(error.name) ? error.name : "Error";
}

export function takeApart(error: Error): ErrorParts {
  const label = classOf(error);
  const inherited = !Object.hasOwn(error, "name") && KNOWN.has(error.name);
  const name = inherited || typeof error.name !== "string" || error.name === "" ? label : error.name;
  const props: Record<string, unknown> = {};
  const skip = (key: string) => NOT_PROPS.has(key) || (key === "errors" && error instanceof AggregateError);
  for (const key of Object.keys(error)) if (!skip(key)) setOwn(props, key, readProperty(error, key));
  return {
    class: label,
    ...(name === label ? {} : { name }),
    message: String(error.message),
    ...(typeof error.stack === "string" ? { stack: relabel(error.stack, name) } : {}),
    ...(Object.hasOwn(error, "cause") ? { cause: [error.cause] as const } : {}),
    ...(error instanceof AggregateError ? { errors: [...error.errors] } : {}),
    props,
  };
}

/** A getter that throws must not hide the failure that the error stands for. */
function readProperty(error: Error, key: string): unknown {
  try {
    return (error as unknown as Record<string, unknown>)[key];
  } catch {
    return undefined;
  }
}

/** V8 writes the name that an error had when it was made, which for a plain `class X extends Error {}` is "Error". */
function relabel(stack: string, name: string): string {
  const header = /^(\w*Error)(?=[:\n]|$)/.exec(stack)?.[1];
  return header !== undefined && header !== name && header in STANDARD ? name + stack.slice(header.length) : stack;
}

export function putTogether(parts: ErrorParts): Error {
  const error = make(parts);
  hide(error, "message", parts.message);
  if (parts.stack !== undefined) hide(error, "stack", parts.stack);
  const name = parts.name ?? parts.class;
  if (error.name !== name) hide(error, "name", name);
  if (parts.cause) hide(error, "cause", parts.cause[0]);
  for (const key of Object.keys(parts.props)) setOwn(error, key, parts.props[key]);
  return error;
}

function make({ class: label, name, message, errors, props }: ErrorParts): Error {
  switch (label) {
    case "AggregateError":
      return new AggregateError(errors ?? [], message);
    case "DOMException":
      return new DOMException(message, name ?? "Error");
    case "WindhoverError":
      return new WindhoverError(String(props.code) as ErrorCode, { message, action: String(props.action) });
    case "Cancelled":
      return new Cancelled(message);
    case "FailNow":
      return new FailNow(message);
    case "RetryAfter":
      return new RetryAfter(0, message);
    default:
      return new (Object.hasOwn(STANDARD, label) ? STANDARD[label as keyof typeof STANDARD] : Error)(message);
  }
}

function hide(target: object, key: string, value: unknown): void {
  Object.defineProperty(target, key, { value, writable: true, enumerable: false, configurable: true });
}

/** Defines instead of assigning: a key such as `__proto__` becomes a property, never a prototype. */
export function setOwn(target: object, key: string, value: unknown): void {
  if (key === "__proto__") Object.defineProperty(target, key, { value, writable: true, enumerable: true, configurable: true });
  else (target as Record<string, unknown>)[key] = value;
}
