import { describe, expect, test } from "vitest";
import { closest } from "../../cli/suggestion.ts";
import { cut, table } from "../../cli/table.ts";
import { relative } from "../../cli/terminal.ts";
import { shortSpan } from "../../engine/span.ts";
import { spaced } from "../../engine/state.ts";

const RED = "\u001b[31m";
const PLAIN = "\u001b[39m";

describe("tables", () => {
  const columns = [{ title: "NAME" }, { title: "TOOK", right: true as const }, { title: "WHY", shrinks: true as const }];
  const rows = [
    ["a", "1 s", "because of this"],
    ["long-name", "12 min", `${RED}it failed for many reasons${PLAIN}`],
  ];

  test("columns stand under one another, numbers to the right", () => {
    expect(table(columns, rows, Number.POSITIVE_INFINITY)).toEqual([
      "NAME         TOOK  WHY",
      "a             1 s  because of this",
      `long-name  12 min  ${RED}it failed for many reasons${PLAIN}`,
    ]);
  });
  test("in a narrow terminal the column that may shrink gives way, and keeps its colour", () => {
    expect(table(columns, rows, 34)).toEqual([
      "NAME         TOOK  WHY",
      "a             1 s  because of this",
      `long-name  12 min  ${RED}it failed for …${PLAIN}`,
    ]);
  });
  test("the rows ran into one another, and the reason was cut to a word: now it goes below, and what is needed least goes", () => {
    const runs = [
      { title: "NAME" },
      { title: "FLOW", shrinks: true as const },
      { title: "CREATED", right: true as const, drops: 2 },
      { title: "ID", drops: 1 },
      { title: "WHY", shrinks: true as const, below: true as const },
    ];
    const two = [
      ["calm-kite", "measure-the-stations", "2 min ago", "abcdefgh", `${RED}It waits for the input "approval" (2 d left)${PLAIN}`],
      ["able-owl", "short", "3 min ago", "hgfedcba", ""],
    ];
    expect(table(runs, two, 90)).toEqual([
      "NAME       FLOW                    CREATED  ID        WHY",
      `calm-kite  measure-the-stations  2 min ago  abcdefgh  ${RED}It waits for the input "approval" (…${PLAIN}`,
      "able-owl   short                 3 min ago  hgfedcba",
    ]);
    expect(table(runs, two, 60)).toEqual([
      "NAME       FLOW                    CREATED  ID",
      "calm-kite  measure-the-stations  2 min ago  abcdefgh",
      `  ${RED}It waits for the input "approval" (2 d left)${PLAIN}`,
      "able-owl   short                 3 min ago  hgfedcba",
    ]);
    expect(table(runs, two, 30)).toEqual([
      "NAME       FLOW",
      "calm-kite  measure-the-statio…",
      `  ${RED}It waits for the input "app…${PLAIN}`,
      "able-owl   short",
    ]);
  });
  test("what fits is left alone", () => {
    expect([cut("abc", 3), cut("abcd", 3), cut("", 0)]).toEqual(["abc", "ab…", ""]);
  });
});

test("times as a person reads them", () => {
  expect([5, 999, 1500, 59_000, 61_000, 3_600_000, 3_700_000, 90_000_000].map(shortSpan)).toEqual([
    "5 ms",
    "999 ms",
    "1.5 s",
    "59 s",
    "1 min 1 s",
    "1 h",
    "1 h 2 min",
    "1 d 1 h",
  ]);
  expect([relative(1000, 1000), relative(0, 90_000), relative(7_200_000, 0)]).toEqual(["now", "1 min ago", "in 2 h"]);
  expect(spaced("AwaitingConcurrencySlot")).toBe("Awaiting concurrency slot");
});

test("the name that was probably meant", () => {
  expect([closest("digets", ["digest", "other"]), closest("etl", ["weather"]), closest("", [])]).toEqual(["digest", undefined, undefined]);
});
