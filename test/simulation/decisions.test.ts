/** When two histories of a run count as the same. */
import { expect, test } from "vitest";
import { type Decision, firstDifference } from "../../sdk/testing/decisions.ts";

const made = (line: string): Decision => ({ line, free: false });
const free = (line: string): Decision => ({ line, free: true });

test("the same decisions in the same order are the same history", () => {
  expect(firstDifference([made("a = 1"), made("b = 2")], [made("a = 1"), made("b = 2")])).toBeUndefined();
});

test("a decision that is missing, is there besides, or came to something else is a difference", () => {
  expect(firstDifference([made("a = 1"), made("b = 2")], [made("a = 1")])).toBe("it did not decide: b = 2");
  expect(firstDifference([made("a = 1")], [made("a = 1"), made("a = 1")])).toBe("it decided besides: a = 1");
  expect(firstDifference([made("a = 1")], [made("a = 2")])).toBe("it did not decide: a = 1");
});

test("what follows one another comes in one order", () => {
  expect(firstDifference([made("a = 1"), made("b = 2")], [made("b = 2"), made("a = 1")])).toBe("it decided first: b = 2; and only then: a = 1");
});

test("two branches may take turns otherwise, as long as something else was open for the first of them in both histories", () => {
  const begun = [made("left = 1"), made("right = 2")];
  expect(firstDifference([...begun, free("left 2 = 3"), made("right 2 = 4")], [...begun, free("right 2 = 4"), made("left 2 = 3")])).toBeUndefined();
  expect(firstDifference([...begun, free("left 2 = 3"), made("right 2 = 4")], [...begun, made("right 2 = 4"), made("left 2 = 3")])).toContain(
    "right 2 = 4; and only then",
  );
});

test("a subflow's history belongs to its parent's", () => {
  const parent = (...child: readonly Decision[]): Decision => ({ line: "flow kid = 1", free: false, child });
  expect(firstDifference([parent(made("x = 1"))], [parent(made("x = 1"))])).toBeUndefined();
  expect(firstDifference([parent(made("x = 1"))], [parent(made("x = 2"))])).toBe("in its subflow it did not decide: x = 1");
});
