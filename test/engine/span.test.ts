import { expect, test } from "vitest";
import { shortSpan, span } from "../../engine/span.ts";

test("lengths of time as a person says them", () => {
  expect([0, 300, 1000, 1500, 59_000, 60_000, 90_000, 3_600_000, 90_000_000].map(span)).toEqual([
    "0 ms",
    "300 ms",
    "1 second",
    "1.5 seconds",
    "59 seconds",
    "1 minute",
    "1 minute 30 seconds",
    "1 hour",
    "1 day 1 hour",
  ]);
});

test("119.7 seconds were 1 minute 60 seconds, and two hours less a moment 1 hour 60 minutes", () => {
  expect([1040, 59_970, 119_700, 7_199_000, 86_399_000, 172_790_000].map(span)).toEqual(["1 second", "1 minute", "2 minutes", "2 hours", "1 day", "2 days"]);
  expect([999.6, 9960, 59_970, 119_700, 7_199_000, 86_399_000].map(shortSpan)).toEqual(["1.0 s", "10 s", "1 min", "2 min", "2 h", "1 d"]);
});

test("in a table they are short", () => {
  expect([0, 999, 1000, 9940, 10_400, 61_000, 7_500_000, 90_000_000].map(shortSpan)).toEqual([
    "0 ms",
    "999 ms",
    "1.0 s",
    "9.9 s",
    "10 s",
    "1 min 1 s",
    "2 h 5 min",
    "1 d 1 h",
  ]);
});
