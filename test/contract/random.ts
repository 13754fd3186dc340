/** Random: the only one who draws. */
import { expect } from "vitest";
import { contract, type Make, type Skips } from "./backend.ts";

export function randomContract(make: Make, skips: Skips = {}): void {
  contract("random", make, skips, (check) => {
    check("an identifier has at least 16 lower-case letters and digits", async ({ ports: { random } }) => {
      for (let i = 0; i < 1_000; i++) expect(random.id()).toMatch(/^[a-z0-9]{16,64}$/);
    });

    check("no two identifiers are the same", async ({ ports: { random } }) => {
      expect(new Set(Array.from({ length: 50_000 }, () => random.id())).size).toBe(50_000);
    });

    check("a fraction lies between 0 and 1, and all tenths are drawn about equally often", async ({ ports: { random } }) => {
      const tenths = Array<number>(10).fill(0);
      for (let i = 0; i < 20_000; i++) {
        const x = random.fraction();
        if (!(x >= 0 && x < 1)) expect.fail(`${x} is no fraction.`);
        tenths[Math.floor(x * 10)] = (tenths[Math.floor(x * 10)] as number) + 1;
      }
      // 2,000 each are expected, with a deviation of 42: five hundred off is a fault, not bad luck.
      for (const count of tenths) expect(Math.abs(count - 2_000)).toBeLessThan(500);
    });

    check("a process that starts anew draws other identifiers", async (subject) => {
      const first = Array.from({ length: 1_000 }, () => subject.ports.random.id());
      const next = await subject.reopen();
      const second = Array.from({ length: 1_000 }, () => next.ports.random.id());
      expect(new Set([...first, ...second]).size).toBe(2_000);
    });

    check("two processes side by side draw different identifiers", async (first) => {
      const second = await first.beside();
      const drawn = Array.from({ length: 1_000 }, () => [first.ports.random.id(), second.ports.random.id()]);
      expect(new Set(drawn.flat()).size).toBe(2_000);
    });
  });
}
