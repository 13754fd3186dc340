/** The limit by itself: what the simulation found of it, each as the smallest case that shows it. */
import { expect, test } from "vitest";
import { advanceLimit } from "../../engine/limit.ts";

test("a rate whose process's clock is behind waits for its time instead of asking again and again", () => {
  const acquire = (request: string) => ({ kind: "acquire" as const, id: `acquire:${request}`, request, holder: "run:r", occupy: 1 });
  const first = advanceLimit({ name: "rate", n: 1, now: 100_000 }, null, [
    { kind: "configure", id: "c", limit: 1, perSeconds: 60 },
    acquire("a"),
    acquire("b"),
  ]);
  const timer = first.effects.find((effect) => effect.do === "timer");
  expect(timer).toMatchObject({ at: 160_000 });
  // It fired, so it is 160,000; the clock of this process says 155,000.
  const second = advanceLimit({ name: "rate", n: 2, now: 155_000 }, first.state, [{ kind: "fire", id: "f", timer: timer?.id as string }]);
  expect(second.events).toContainEqual({ type: "granted", request: "b", fence: 2 });
});

test("a rate's time does not go back with the clock of the process that takes its next turn", () => {
  const acquire = (request: string) => ({ kind: "acquire" as const, id: `acquire:${request}`, request, holder: "run:r", occupy: 1 });
  const first = advanceLimit({ name: "rate", n: 1, now: 160_000 }, null, [{ kind: "configure", id: "c", limit: 2, perSeconds: 60 }, acquire("a")]);
  const second = advanceLimit({ name: "rate", n: 2, now: 155_000 }, first.state, [acquire("b")]);
  expect(second.state.holders.map(({ since }) => since)).toEqual([160_000, 160_000]);
});

test("a request that gave its slot back, and comes again from a process that was taken for dead, is not granted again", () => {
  const acquire = { kind: "acquire" as const, id: "acquire:a", request: "a", holder: "run:r", occupy: 1 };
  const configure = (limit: number, id: string) => ({ kind: "configure" as const, id, limit });
  const first = advanceLimit({ name: "l", n: 1, now: 0 }, null, [configure(1, "one"), acquire]);
  const second = advanceLimit({ name: "l", n: 2, now: 0 }, first.state, [configure(2, "two"), { kind: "release", id: "release:a:1", request: "a", fence: 1 }]);
  const again = advanceLimit({ name: "l", n: 3, now: 0 }, second.state, [acquire, configure(1, "one")]);
  expect(again.events).toEqual([]);
  expect(again.effects).toEqual([]);
});
