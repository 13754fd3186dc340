/** Results: texts under the address of their content. */
import fc from "fast-check";
import { expect } from "vitest";
import { contract, type Make, type Skips } from "./backend.ts";

/** Well-formed text without NUL: what the codec writes. */
const TEXTS = ["", " ", "{}", '"żółć 東京 🪁👩‍👩‍👧 שלום"', "e\u0301", "\u00e9", "line\r\nfeed\n", "'); DROP TABLE results; --", "0", "null"];

export function resultsContract(make: Make, skips: Skips = {}): void {
  contract("results", make, skips, (check) => {
    check("what was put is got under its key", async ({ ports: { results } }) => {
      const keys = await Promise.all(TEXTS.map((text) => results.put(text)));
      expect(await Promise.all(keys.map((key) => results.get(key)))).toEqual(TEXTS);
    });

    check("the same text has the same key, another text another key", async ({ ports: { results } }) => {
      const once = await Promise.all(TEXTS.map((text) => results.put(text)));
      const again = await Promise.all(TEXTS.map((text) => results.put(text)));
      expect(again).toEqual(once);
      expect(new Set(once).size).toBe(TEXTS.length);
    });

    check("one text put by many at once is there", async ({ ports: { results } }) => {
      const keys = await Promise.all(Array.from({ length: 20 }, () => results.put("the same")));
      expect(new Set(keys).size).toBe(1);
      expect(await results.get(keys[0] as string)).toBe("the same");
    });

    check("a key is short enough for a log, and has no spaces", async ({ ports: { results } }) => {
      expect(await results.put("x".repeat(100_000))).toMatch(/^\S{16,200}$/);
    });

    check("a large text is kept whole", async ({ ports: { results } }) => {
      const large = JSON.stringify(Array.from({ length: 60_000 }, (_, i) => ({ i, text: `row ${i} żółć 🪁` })));
      expect(large.length).toBeGreaterThan(2_000_000);
      const got = await results.get(await results.put(large));
      expect(got.length).toBe(large.length);
      expect(got === large).toBe(true);
    });

    check("what is not there is an error, not an empty text", async ({ ports: { results } }) => {
      const key = await results.put("there");
      const other = key.slice(0, -1) + (key.endsWith("0") ? "1" : "0");
      for (const missing of [other, "nothing", ""]) await expect(results.get(missing)).rejects.toMatchObject({ name: "WindhoverError", code: "WH3007" });
    });

    check("any text comes back as it was", async ({ ports: { results } }) => {
      const character = fc.oneof(fc.integer({ min: 1, max: 0xd7ff }), fc.integer({ min: 0xe000, max: 0x10_ffff })).map((code) => String.fromCodePoint(code));
      const text = fc.string({ unit: character, maxLength: 200 });
      const promise = fc.asyncProperty(text, async (each) => {
        expect(await results.get(await results.put(each))).toBe(each);
      });
      await fc.assert(promise, { numRuns: 50 });
    });

    check("what was put is there after the process died", async (subject) => {
      const key = await subject.ports.results.put("kept");
      const next = await subject.reopen();
      expect(await next.ports.results.get(key)).toBe("kept");
      expect(await next.ports.results.put("kept")).toBe(key);
    });
  });
}
