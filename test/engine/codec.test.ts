import { isDeepStrictEqual } from "node:util";
import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { canonical, decode, encode, hash, references } from "../../engine/codec.ts";
import { WindhoverError } from "../../engine/errors.ts";
import { LIMITS } from "../../engine/limits.ts";

const again = (value: unknown) => decode(encode(value));

/** Keys that have hurt other codecs. */
const key = fc.oneof(fc.constantFrom("__proto__", "$", "$$", "$a", "constructor", "toString", "then", "0", "", "toJSON", "a.b"), fc.string({ unit: "binary" }));
const bytes = fc.uint8Array({ maxLength: 40 });
const leaf: fc.Arbitrary<unknown> = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.constantFrom("$", "undefined", '{"$":"NaN"}', "\ud800", "\u2028"),
  fc.double(),
  fc.integer(),
  fc.boolean(),
  fc.constantFrom(null, undefined, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0),
  fc.bigInt(),
  fc.date({ noInvalidDate: true }),
  fc.constantFrom(/a\/b/giu, /^$/, new URL("https://a.example/b?c=d#e")),
  bytes.map((b) => b.buffer.slice(0)),
  bytes,
  bytes.map((b) => Buffer.from(b)),
  bytes.map((b) => new Uint8ClampedArray(b)),
  bytes.map((b) => new DataView(b.buffer.slice(0))),
  fc.oneof(
    fc.int8Array(),
    fc.int16Array(),
    fc.uint16Array(),
    fc.int32Array(),
    fc.uint32Array(),
    fc.float32Array(),
    fc.float64Array(),
    fc.bigInt64Array(),
    fc.bigUint64Array(),
  ),
);
const object = (item: fc.Arbitrary<unknown>) =>
  fc.array(fc.tuple(key, item), { maxLength: 6 }).map((entries) => {
    const out = {};
    for (const [name, value] of entries) Object.defineProperty(out, name, { value, writable: true, enumerable: true, configurable: true });
    return out;
  });
const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 5, depthSize: "small", withCrossShrink: true },
    leaf,
    fc.array(tie("value"), { maxLength: 6 }),
    object(tie("value")),
    fc.array(fc.tuple(tie("value"), tie("value")), { maxLength: 4 }).map((entries) => new Map(entries)),
    fc.array(tie("value"), { maxLength: 4 }).map((items) => new Set(items)),
    fc.tuple(fc.string(), tie("value")).map(([message, cause]) => new RangeError(message, { cause })),
    fc.sparseArray(tie("value"), { maxNumElements: 4, maxLength: 8 }),
  ),
}));

describe("a value comes back as what it was", () => {
  test("for every value that can be stored", () => {
    fc.assert(
      fc.property(value, (one) => isDeepStrictEqual(again(one), one)),
      { numRuns: 3000 },
    );
  });

  test("with the same text each time, also after a round trip", () => {
    fc.assert(
      fc.property(value, (one) => encode(again(one)) === encode(one)),
      { numRuns: 1000 },
    );
  });

  test("and plain data costs no more than JSON: it is JSON", () => {
    fc.assert(
      fc.property(fc.json({ stringUnit: "binary" }), (text) => {
        const one: unknown = JSON.parse(text);
        fc.pre(!text.includes("$") && !/-0\b/.test(text));
        expect(encode(one)).toBe(JSON.stringify(one));
      }),
    );
  });

  test("special numbers, holes, undefined", () => {
    expect(again([undefined, -0, Number.NaN, { a: undefined }])).toStrictEqual([undefined, -0, Number.NaN, { a: undefined }]);
    expect(again(undefined)).toBeUndefined();
    // biome-ignore lint/suspicious/noSparseArray: the hole is what is tested.
    const holes = [1, , 3];
    expect(Object.keys(again(holes) as object)).toEqual(["0", "2"]);
    const vast = new Array(4_000_000_000);
    vast[7] = new Date(1);
    expect(encode(vast).length).toBeLessThan(100);
    expect(again(vast)).toHaveLength(4_000_000_000);
  });

  test("dates that are none, regular expressions with a place, addresses", () => {
    expect(again(new Date(Number.NaN))).toEqual(new Date(Number.NaN));
    const expression = /x/g;
    expression.lastIndex = 3;
    expect((again(expression) as RegExp).lastIndex).toBe(3);
    expect(again(new URL("https://a.example/ä"))).toBeInstanceOf(URL);
  });

  test("bytes keep their type, have a buffer of their own, and only what the view shows is kept", () => {
    const whole = new Uint8Array([0, 1, 2, 3, 4, 5, 6, 7]);
    const view = again(new Uint16Array(whole.buffer, 2, 2)) as Uint16Array;
    expect(view).toBeInstanceOf(Uint16Array);
    expect([...new Uint8Array(view.buffer)]).toEqual([2, 3, 4, 5]);
    const buffer = again(Buffer.from("héllo"));
    expect(Buffer.isBuffer(buffer) && buffer.toString()).toBe("héllo");
    expect((again(new DataView(whole.buffer, 1, 3)) as DataView).byteLength).toBe(3);
  });

  test("what is referred to twice is written twice", () => {
    const shared = { n: 1 };
    const [a, b] = again([shared, shared]) as [object, object];
    expect(a).toEqual(b);
    expect(a).not.toBe(b);
  });

  test("objects without prototype and from another realm are plain objects", () => {
    expect(again(Object.assign(Object.create(null), { a: 1 }))).toStrictEqual({ a: 1 });
    expect(again(runInNewContext("({ a: [new Date(5), new Map([[1, new Set([2])]]), new TypeError('no')] })"))).toEqual({
      a: [new Date(5), new Map([[1, new Set([2])]]), new TypeError("no")],
    });
  });

  test("a hidden toJSON is not asked", () => {
    const object = Object.defineProperty({ a: 1 }, "toJSON", { value: () => "gone", enumerable: false });
    const array = Object.defineProperty([1], "toJSON", { value: () => "gone", enumerable: false });
    expect(again({ object, array })).toStrictEqual({ object: { a: 1 }, array: [1] });
  });
});

describe("data never looks like a tag, and never reaches a prototype", () => {
  test("keys of dollars, in their order", () => {
    const tricky = { b: 1, $: ["Date", 0], $$: { $: "undefined" }, $$$: 1, a: 2 };
    expect(again(tricky)).toStrictEqual(tricky);
    expect(Object.keys(again(tricky) as object)).toEqual(["b", "$", "$$", "$$$", "a"]);
  });

  test("__proto__ is a key like any other", () => {
    const evil = JSON.parse('{"__proto__":{"polluted":true,"when":{"x":1}},"$":1}');
    Object.defineProperty(evil, "__proto__", { value: { polluted: true, when: new Date(0) }, enumerable: true });
    const back = again(evil) as object;
    expect(Object.getPrototypeOf(back)).toBe(Object.prototype);
    expect(Object.getOwnPropertyDescriptor(back, "__proto__")?.value).toEqual({ polluted: true, when: new Date(0) });
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
    expect((back as Record<string, unknown>).polluted).toBeUndefined();
  });
});

describe("what cannot be stored is refused with its path", () => {
  class Client {
    readonly host = "x";
  }
  const refused = (one: unknown, name?: string): WindhoverError => {
    try {
      encode(one, name === undefined ? {} : { name });
    } catch (error) {
      if (error instanceof WindhoverError) return error;
      throw error;
    }
    throw new Error("It was not refused.");
  };
  const items = [{}, {}, {}];

  test.each<[string, unknown, string]>([
    ["a class instance", { items: [...items, { client: new Client() }] }, "result.items[3].client is an instance of Client,"],
    ["a function", { go: function start() {} }, "result.go is the function start,"],
    ["a symbol", [Symbol("s")], "result[0] is the symbol Symbol(s),"],
    ["a symbol as a key", { a: { [Symbol("s")]: 1 } }, "result.a[Symbol(s)] is the symbol"],
    ["a key that is no identifier", { "a b": new Client() }, 'result["a b"] is'],
    ["a map's value", new Map([["k", new Client()]]), 'result.get("k") is'],
    ["a map's key", new Map([[new Client(), 1]]), "result.keys[0] is"],
    ["a set's item", new Set([1, new Client()]), "result.values[1] is"],
    ["a subclass of a known class", new (class Bag extends Map {})(), "result is an instance of Bag,"],
    ["a boxed number", Object(1), "result is an instance of Number,"],
    ["an inherited object", Object.create({ a: 1 }), "result is an object with a prototype of its own,"],
    ["a weak map", new WeakMap(), "result is an instance of WeakMap,"],
    ["a property of an error", Object.assign(new Error("x"), { request: new Client() }), "result.request is"],
    ["an error's cause", new Error("x", { cause: { a: new Client() } }), "result.cause.a is"],
  ])("%s: WH1102", (_, one, message) => {
    const error = refused(one, "result");
    expect(error.code).toBe("WH1102");
    expect(error.message).toContain(message);
  });

  test("a promise, with the advice to await it", () => {
    expect(refused({ page: Promise.resolve(1) })).toMatchObject({ code: "WH1102", got: "an instance of Promise at value.page", action: "Await it first." });
  });

  test("a cycle: WH1103, in objects, maps, errors, and deep down", () => {
    const node: Record<string, unknown> = { child: {} };
    (node.child as Record<string, unknown>).parent = node;
    expect(refused({ tree: node })).toMatchObject({ code: "WH1103", message: "WH1103: value.tree.child.parent refers back to value.tree." });
    const map = new Map<string, unknown>();
    map.set("me", [map]);
    expect(refused(map).message).toContain('value.get("me")[0] refers back to value.');
    const error = new Error("x");
    error.cause = error;
    expect(refused(error).code).toBe("WH1103");
    let deep: Record<string, unknown> = {};
    const inner = deep;
    for (let i = 0; i < 100; i++) deep = { in: deep };
    inner.back = deep;
    expect(refused(deep).code).toBe("WH1103");
  });

  test("too large: WH1104, before the text is built", () => {
    expect(refused("x".repeat(LIMITS.valueChars), "result")).toMatchObject({ code: "WH1104", message: "WH1104: result is too large." });
    expect(refused(new Uint8Array(LIMITS.valueChars)).code).toBe("WH1104");
    expect(refused(["\u0000".repeat(LIMITS.valueChars / 4)]).code).toBe("WH1104");
    let doubled: unknown = "x".repeat(1000);
    for (let i = 0; i < 60; i++) doubled = [doubled, doubled];
    expect(refused(doubled).code).toBe("WH1104");
  });

  test("nested without end: WH1104; nested as far as is allowed: kept", () => {
    const nest = (levels: number) => {
      let one: unknown = 1;
      for (let i = 0; i < levels; i++) one = i % 2 ? { in: one } : new Map([[1, one]]);
      return one;
    };
    expect(refused(nest(LIMITS.valueDepth + 1)).code).toBe("WH1104");
    expect(encode(again(nest(LIMITS.valueDepth)))).toBe(encode(nest(LIMITS.valueDepth)));
  });

  test("text that is none of ours: WH9001", () => {
    for (const text of ["", "{", '{"$":["Client",1]}', '{"$":1}', '{"$":["ref","a"]}']) expect(() => decode(text)).toThrow("WH9001");
  });
});

describe("references", () => {
  const future = Object.assign(Promise.resolve(1), { id: "f1" });
  const reference = (one: object) => (one === future ? "f1" : undefined);

  test("stand for what the caller says", () => {
    const text = encode({ page: future, list: [future, new Date(0)] }, { reference });
    const result = new Map([["a", 1]]);
    expect(references(text)).toEqual(["f1"]);
    expect(decode(text, { resolve: (id) => (id === "f1" ? result : undefined) })).toEqual({ page: result, list: [result, new Date(0)] });
  });

  test("are told from data that looks like one", () => {
    expect(references(encode({ $: ["ref", "f1"] }))).toEqual([]);
  });
});

describe("canonical", () => {
  test("does not depend on the order of keys, entries and items", () => {
    const shuffled = (one: unknown): unknown => {
      if (one instanceof Map) return new Map([...one].reverse().map(([k, v]) => [k, shuffled(v)]));
      if (one instanceof Set) return new Set([...one].reverse());
      if (Array.isArray(one)) return one.map(shuffled);
      if (typeof one !== "object" || one === null || Object.getPrototypeOf(one) !== Object.prototype) return one;
      const out = {};
      for (const [name, item] of Object.entries(one).reverse())
        Object.defineProperty(out, name, { value: shuffled(item), writable: true, enumerable: true, configurable: true });
      return out;
    };
    fc.assert(fc.property(value, (one) => canonical(shuffled(one)) === canonical(one)));
    expect(canonical({ b: 1, a: [{ d: 1, c: 2 }] })).toBe('{"a":[{"c":2,"d":1}],"b":1}');
  });

  test("tells different values apart", () => {
    fc.assert(fc.property(value, value, (a, b) => canonical(a) !== canonical(b) || canonical(again(a)) === canonical(again(b))));
    const different = [
      1,
      "1",
      1n,
      [1],
      { 0: 1 },
      new Set([1]),
      new Map([[0, 1]]),
      null,
      undefined,
      Number.NaN,
      -0,
      0,
      new Date(1),
      new Error("1"),
      new TypeError("1"),
    ];
    expect(new Set(different.map((one) => canonical(one))).size).toBe(different.length);
  });

  test("says the same of an error wherever it was made", () => {
    const one = () => new Error("x");
    const other = () => new Error("x");
    expect(canonical([one()])).toBe(canonical([other()]));
  });
});

test("hash: 26 letters and digits, the same for ever", () => {
  expect(hash("")).toBe("4oymiquy7qobjgx36tejs35zeq");
  expect(hash("windhover")).toMatch(/^[a-z2-7]{26}$/);
  fc.assert(fc.property(fc.string(), fc.string(), (a, b) => (a === b) === (hash(a) === hash(b))));
});
