/** Clock: the only one who reads the time. */
import { expect } from "vitest";
import { contract, type Make, type Skips } from "./backend.ts";

export function clockContract(make: Make, skips: Skips = {}): void {
  contract("clock", make, skips, (check) => {
    check("the time is a whole number of milliseconds that never goes back", async (subject) => {
      let before = subject.ports.clock.now();
      expect(Number.isInteger(before)).toBe(true);
      for (let i = 0; i < 20; i++) {
        await subject.advance(1);
        const now = subject.ports.clock.now();
        expect(now).toBeGreaterThanOrEqual(before);
        before = now;
      }
    });

    check("as much time passes as was let pass", async (subject) => {
      const before = subject.ports.clock.now();
      await subject.advance(1_234);
      expect(subject.ports.clock.now() - before).toBeGreaterThanOrEqual(1_234);
    });

    check("a wait ends after its time and not before", async (subject) => {
      const { clock } = subject.ports;
      const from = clock.now();
      let ended = 0;
      const waiting = clock.wait(1_000).then(() => {
        ended = clock.now();
      });
      await subject.advance(400);
      expect(ended).toBe(0);
      await subject.advance(800);
      await waiting;
      expect(ended - from).toBeGreaterThanOrEqual(1_000);
    });

    check("waits end in the order of their times, and those of one time in the order in which they began", async (subject) => {
      const ended: string[] = [];
      const waits = (
        [
          ["d", 900],
          ["b", 300],
          ["a", 0],
          ["c", 300],
          ["e", 900],
        ] as const
      ).map(async ([name, ms]) => {
        await subject.ports.clock.wait(ms);
        ended.push(name);
      });
      await subject.advance(1_000);
      await Promise.all(waits);
      expect(ended).toEqual(["a", "b", "c", "d", "e"]);
    });

    check("a wait that follows a wait ends within the same advance", async (subject) => {
      const { clock } = subject.ports;
      let rounds = 0;
      const loop = (async () => {
        for (; rounds < 5; rounds++) await clock.wait(100);
      })();
      await subject.advance(1_000);
      await loop;
      expect(rounds).toBe(5);
    });

    check("an aborted wait ends at once, without an error, and leaves no listener behind", async ({ ports: { clock } }) => {
      const controller = new AbortController();
      const from = clock.now();
      const waiting = clock.wait(3_600_000, controller.signal);
      controller.abort();
      await waiting;
      await clock.wait(3_600_000, controller.signal);
      await clock.wait(3_600_000, AbortSignal.abort(new Error("gone")));
      expect(clock.now() - from).toBeLessThan(3_600_000);
    });

    check("a wait of nothing or less ends", async (subject) => {
      const waits = [subject.ports.clock.wait(0), subject.ports.clock.wait(-5)];
      await subject.advance(1);
      await Promise.all(waits);
    });
  });
}
