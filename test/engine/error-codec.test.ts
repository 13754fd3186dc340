import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { decode, decodeError, encode, encodeError } from "../../engine/codec.ts";
import { Cancelled, FailNow, RetryAfter, WindhoverError } from "../../engine/errors.ts";
import { LIMITS } from "../../engine/limits.ts";

const again = <E>(error: E) => decodeError(encodeError(error)) as E;

class HttpError extends Error {
  readonly status: number;
  constructor(message: string, status: number) {
    super(message);
    this.status = status;
  }
}

describe("an error comes back as what it was", () => {
  test.each([Error, TypeError, RangeError, SyntaxError, ReferenceError, EvalError, URIError])("%o, with message and stack", (Class) => {
    const error = new Class("no");
    const back = again(error);
    expect(back).toBeInstanceOf(Class);
    expect(Object.getPrototypeOf(back)).toBe(Class.prototype);
    expect(back.message).toBe("no");
    expect(back.stack).toBe(error.stack);
    expect(Object.keys(back)).toEqual([]);
  });

  test("causes, also undefined ones, and an AggregateError's errors", () => {
    const back = again(new AggregateError([new TypeError("a"), "b"], "both", { cause: new Error("c", { cause: 5n }) }));
    expect(back).toBeInstanceOf(AggregateError);
    expect(back.errors[0]).toBeInstanceOf(TypeError);
    expect(back.errors[1]).toBe("b");
    expect((back.cause as Error).cause).toBe(5n);
    expect(Object.hasOwn(again(new Error("x", { cause: undefined })), "cause")).toBe(true);
    expect(Object.hasOwn(again(new Error("x")), "cause")).toBe(false);
  });

  test("own properties such as code", () => {
    const error = Object.assign(new TypeError("connect"), { code: "ECONNREFUSED", errno: -111, at: new Date(0), __proto__: undefined });
    expect({ ...again(error) }).toEqual({ code: "ECONNREFUSED", errno: -111, at: new Date(0) });
  });

  test("an abort", () => {
    const back = again(new DOMException("stop", "AbortError"));
    expect(back).toBeInstanceOf(DOMException);
    expect([back.name, back.message, back.code]).toEqual(["AbortError", "stop", 20]);
  });

  test("our own classes", () => {
    const ours = again(new WindhoverError("WH1104", { message: "big", expected: "small", got: "big", cause: new Error("y") }));
    expect(ours).toBeInstanceOf(WindhoverError);
    expect(ours).toMatchObject({ code: "WH1104", message: "WH1104: big", expected: "small", got: "big", docs: "docs/errors/WH1104.md", cause: new Error("y") });
    expect(again(new Cancelled())).toBeInstanceOf(Cancelled);
    expect(again(new FailNow("no use", { cause: 1 }))).toMatchObject({ name: "FailNow", message: "no use", cause: 1 });
    expect(again(new FailNow("no use"))).toBeInstanceOf(FailNow);
    const later = again(new RetryAfter("2 minutes", "busy"));
    expect(later).toBeInstanceOf(RetryAfter);
    expect(later).toMatchObject({ delayMs: 120_000, message: "busy" });
  });

  test("a class that is not known comes back as an Error with that name, and prints so", () => {
    const back = again(new HttpError("gone", 410));
    expect(back).toBeInstanceOf(Error);
    expect(back).not.toBeInstanceOf(HttpError);
    expect([back.name, back.status, String(back)]).toEqual(["HttpError", 410, "HttpError: gone"]);
    expect(back.stack).toMatch(/^HttpError: gone\n {4}at /);
    // Node's own way to print an error of another name.
    expect(inspect(back)).toMatch(/^Error \[HttpError\]: gone\n {4}at .*status: 410/s);
    expect(encodeError(back)).toBe(encodeError(again(back)));
  });

  test("a name that the author chose is kept", () => {
    const error = new TypeError("x");
    error.name = "ValidationError";
    expect(again(error)).toBeInstanceOf(TypeError);
    expect(again(error).name).toBe("ValidationError");
    const named = Object.assign(new Error("x"), { name: "AbortError" });
    expect(again(named).name).toBe("AbortError");
  });

  test("as part of a value", () => {
    const settled = [{ status: "rejected", reason: new RangeError("far") }];
    expect(decode(encode(settled))).toEqual(settled);
  });
});

describe("recording a failure never fails", () => {
  test("what was thrown and is no error stays what it was", () => {
    for (const thrown of ["a string", 5, null, undefined, { code: 1, at: new Date(0) }]) expect(again(thrown)).toEqual(thrown);
  });

  test("what cannot be stored is left out, and named", () => {
    class Socket {}
    const error = Object.assign(new Error("x", { cause: new Socket() }), { code: "E", socket: new Socket(), retry() {}, deep: { a: [new Socket()] } });
    expect({ ...again(error) }).toEqual({ code: "E", notStored: ["socket", "retry", "deep", "cause"] });
    const loop = new Error("loop");
    loop.cause = new Error("inner", { cause: loop });
    expect(again(loop).cause).toMatchObject({ message: "inner", notStored: ["cause"] });
    const huge = Object.assign(new Error("huge"), { body: "x".repeat(LIMITS.valueChars), code: 1 });
    expect({ ...again(huge) }).toEqual({ code: 1, notStored: ["body"] });
  });

  test("things that fight back become an error that describes them", () => {
    class Response {
      readonly status = 500;
      readonly message = "teapot";
      readonly go = () => {};
    }
    expect(again<unknown>(new Response())).toMatchObject({ name: "Error", message: "teapot", status: 500 });
    expect(again<unknown>(() => {})).toBeInstanceOf(Error);
    expect(again<unknown>(Symbol("s"))).toMatchObject({ message: "Symbol(s)" });
    const bomb = () => {
      throw new Error("boom");
    };
    const hostile = new Proxy({}, { get: bomb, ownKeys: bomb, getPrototypeOf: bomb, has: bomb, getOwnPropertyDescriptor: bomb });
    expect(again<unknown>(hostile)).toMatchObject({ message: "something that cannot be described" });
    expect(again(Object.defineProperty(new Error("x"), "message", { get: bomb }))).toBeInstanceOf(Error);
    expect(again(Object.defineProperty(new Error("x"), "code", { get: bomb, enumerable: true })).message).toBe("x");
    expect(again(new Error("x".repeat(LIMITS.valueChars))).message).toHaveLength(10_000);
    const cyclic: Record<string, unknown> = { code: 7 };
    cyclic.self = cyclic;
    expect(again<unknown>(cyclic)).toMatchObject({ code: 7 });
  });

  test("nor does reading one", () => {
    expect(decodeError("{nonsense")).toMatchObject({ message: "A recorded failure cannot be read." });
  });
});
