import { createHash } from "node:crypto";
import { deflateRawSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DICTIONARY } from "../../adapters/aws/dictionary.ts";
import { pack, unpack } from "../../adapters/aws/entry-format.ts";
import { itemSize } from "../../adapters/aws/item-size.ts";
import { packed } from "../../adapters/aws/table.ts";
import type { Entry } from "../../engine/events.ts";
import { realEntries } from "./real-entries.ts";

describe("the format of what lies in a table", () => {
  test("gives back any text", () => {
    const character = fc.oneof(fc.integer({ min: 0, max: 0xd7ff }), fc.integer({ min: 0xe000, max: 0x10_ffff })).map((code) => String.fromCodePoint(code));
    fc.assert(fc.property(fc.string({ unit: character, maxLength: 2000 }), (text) => unpack(pack(text), "it") === text));
  });

  test("is read for ever: the dictionary of format 1 does not change, nor does what was packed with it", () => {
    expect(createHash("sha256").update(DICTIONARY).digest("hex")).toBe("379337d230f854e344f8fb1ae7f98b6d73746301d8019a71f0ead3fcd207fb66");
    const packedThen = Buffer.from("AUNNOIWlmcnZuhmpkLktSBoiIkEUl4BbTNgShSFoshMA", "base64");
    expect(unpack(packedThen, "it")).toBe('{"actor":"run:quick-heron","n":2,"events":[{"type":"settled","call":"step-0","ok":true,"value":"1"}]}');
  });

  test("of a newer version is refused, and left alone", () => {
    const newer = Buffer.concat([Buffer.from([2]), deflateRawSync("{}")]);
    expect(() => unpack(newer, "Entry 3 of run:a")).toThrowError(
      expect.objectContaining({ code: "WH3006", message: expect.stringContaining("Entry 3 of run:a") }),
    );
  });

  test("is told from damage", () => {
    const whole = pack("a text that is long enough to be cut");
    for (const damage of [new Uint8Array(), Uint8Array.of(0, 1, 2), whole.subarray(0, 5), Uint8Array.of(1, 0xff, 0xff, 0xff, 0xff)])
      expect(() => unpack(damage, "Entry 3 of run:a")).toThrowError(expect.objectContaining({ code: "WH3001" }));
  });
});

describe("an entry as an item", async () => {
  const logs = await realEntries();
  const sizeOf = (entry: Entry): number => itemSize({ pk: { S: entry.actor }, sk: { S: "00000001" }, z: packed(entry), ttl: { N: "1829865612" } });
  const largest = (entries: readonly Entry[]): number => Math.max(...entries.map(sizeOf));

  test("of a chain of 100 inline tasks is less than half a kilobyte, with its state and its keys: a step costs one write unit", () => {
    expect(logs.chain).toHaveLength(101);
    expect(largest(logs.chain)).toBeLessThan(400);
    expect(largest(logs.pages)).toBeLessThan(400);
  });

  test("is one write unit for every turn of sleeps, inputs, slots, retries and schedules", () => {
    for (const entries of [logs.mixed, logs.limit, logs.deployment.slice(0, 24)]) expect(largest(entries)).toBeLessThan(1024);
  });

  test("that starts 100 tasks at once is two write units", () => {
    expect(sizeOf(logs["fan-out"][0] as Entry)).toBeLessThan(2048);
  });
});
