/** Claims: whoever is first under a key stays there, and everybody is told who that is. */
import { expect } from "vitest";
import { contract, type Make, type Skips } from "./backend.ts";
import { AWKWARD, AWKWARD_NAME, LOOKALIKES } from "./samples.ts";

export function claimsContract(make: Make, skips: Skips = {}): void {
  contract("claims", make, skips, (check) => {
    check("the first to come stays, and all who come later are told its mark", async ({ ports: { claims } }) => {
      expect(await claims.take("run:a", "call-0#1", "first")).toBe("first");
      expect(await claims.take("run:a", "call-0#1", "second")).toBe("first");
      expect(await claims.take("run:a", "call-0#1", "third")).toBe("first");
    });

    check("whoever asks again, as after a lost answer, finds itself", async ({ ports: { claims } }) => {
      for (let i = 0; i < 3; i++) expect(await claims.take("run:a", "call-0#1", "mine")).toBe("mine");
    });

    check("of many who come at once one stays", async ({ ports: { claims } }) => {
      const marks = Array.from({ length: 20 }, (_, i) => `mark-${i}`);
      const found = new Set(await Promise.all(marks.map((mark) => claims.take("run:a", "call-0#1", mark))));
      expect(found.size).toBe(1);
      expect(marks).toContain([...found][0]);
    });

    check("of two processes that come at once one stays, whoever it is", async (first) => {
      const second = await first.beside();
      for (let i = 0; i < 20; i++) {
        const key = `call-${i}#1`;
        const [one, other] = await Promise.all([first.ports.claims.take("run:a", key, "first"), second.ports.claims.take("run:a", key, "second")]);
        expect(other).toBe(one);
        expect(["first", "second"]).toContain(one);
      }
    });

    check("actors are apart, and so are keys that look alike", async ({ ports: { claims } }) => {
      const keys = [...LOOKALIKES, AWKWARD_NAME, "call-1#1", "call-1#11", "call-11#1", "call-1#1/1", "long".repeat(400)];
      for (const actor of ["run:a", "run:b", "run:a/call-1"])
        for (const key of keys) expect(await claims.take(actor, key, `${actor} ${key}`)).toBe(`${actor} ${key}`);
      for (const actor of ["run:a", "run:b", "run:a/call-1"]) for (const key of keys) expect(await claims.take(actor, key, "late")).toBe(`${actor} ${key}`);
    });

    check("a mark, which is JSON, comes back as it was", async ({ ports: { claims } }) => {
      const mark = JSON.stringify({ nonce: AWKWARD });
      expect(await claims.take("run:a", "call-0#1", mark)).toBe(mark);
      expect(await claims.take("run:a", "call-0#1", "{}")).toBe(mark);
    });

    check("a claim is there after its process died", async (subject) => {
      await subject.ports.claims.take("run:a", "call-0#1", "dead");
      const next = await subject.reopen();
      expect(await next.ports.claims.take("run:a", "call-0#1", "late")).toBe("dead");
      expect(await next.ports.claims.take("run:a", "call-1#1", "late")).toBe("late");
    });
  });
}
