/** Aborts: a mark reaches code that runs now and code that starts later, in whichever process. */
import { expect } from "vitest";
import { contract, eventually, type Make, type Skips } from "./backend.ts";
import { AWKWARD_NAME, LOOKALIKES } from "./samples.ts";

export function abortsContract(make: Make, skips: Skips = {}): void {
  contract("aborts", make, skips, (check) => {
    check("nothing is marked until somebody marks it", async ({ ports: { aborts } }) => {
      expect(await aborts.marked("run:a", "c-0")).toBe(false);
      await aborts.mark("run:a", []);
      expect(await aborts.marked("run:a", "c-0")).toBe(false);
    });

    check("a mark is for the calls that it names, and of that actor", async ({ ports: { aborts } }) => {
      await aborts.mark("run:a", ["c-0", "c-2"]);
      expect(await Promise.all(["c-0", "c-1", "c-2"].map((call) => aborts.marked("run:a", call)))).toEqual([true, false, true]);
      expect(await aborts.marked("run:b", "c-0")).toBe(false);
    });

    check("later marks add to earlier ones", async ({ ports: { aborts } }) => {
      await Promise.all(["c-0", "c-1", "c-2"].map((call) => aborts.mark("run:a", [call])));
      await aborts.mark("run:a", ["c-3", "c-0"]);
      expect(await Promise.all(["c-0", "c-1", "c-2", "c-3", "c-4"].map((call) => aborts.marked("run:a", call)))).toEqual([true, true, true, true, false]);
    });

    check('"all" is every call of the actor, whatever is marked before and after', async ({ ports: { aborts } }) => {
      await aborts.mark("run:a", ["c-0"]);
      await aborts.mark("run:a", "all");
      await aborts.mark("run:a", ["c-1"]);
      for (const call of ["c-0", "c-1", "never heard of"]) expect(await aborts.marked("run:a", call)).toBe(true);
      expect(await aborts.marked("run:b", "c-0")).toBe(false);
    });

    check("names that look alike are different names", async ({ ports: { aborts } }) => {
      await aborts.mark(`run:${AWKWARD_NAME}`, [AWKWARD_NAME, LOOKALIKES[0]]);
      expect(await aborts.marked(`run:${AWKWARD_NAME}`, AWKWARD_NAME)).toBe(true);
      for (const name of LOOKALIKES.slice(1)) expect(await aborts.marked(`run:${AWKWARD_NAME}`, name), name).toBe(false);
    });

    check("a mark that is taken back is there no more, however often it is taken back, and can be set again", async (subject) => {
      const { aborts } = subject.ports;
      await aborts.mark("run:a", ["c-0", "c-1"]);
      for (let time = 0; time < 2; time++) await aborts.unmark("run:a", ["c-0", "c-7", "c-0"]);
      await aborts.unmark("run:a", []);
      await aborts.unmark("run:b", ["c-1"]);
      expect(await Promise.all(["c-0", "c-1"].map((call) => aborts.marked("run:a", call)))).toEqual([false, true]);
      let fired = 0;
      aborts.watch("run:a", "c-0", () => fired++);
      await subject.advance(1_000);
      expect(fired).toBe(0);
      await aborts.mark("run:a", ["c-0"]);
      await eventually(subject, "the watch fires", () => (fired > 0 ? true : undefined));
      await aborts.unmark("run:a", ["c-0"]);
      const next = await subject.reopen();
      expect(await Promise.all(["c-0", "c-1"].map((call) => next.ports.aborts.marked("run:a", call)))).toEqual([false, true]);
    });

    check('a mark of "all" is not taken back by its calls', async ({ ports: { aborts } }) => {
      await aborts.mark("run:a", "all");
      await aborts.unmark("run:a", ["c-0"]);
      expect(await aborts.marked("run:a", "c-0")).toBe(true);
    });

    check("a watch fires once after a mark that names its call", async (subject) => {
      let fired = 0;
      subject.ports.aborts.watch("run:a", "c-0", () => fired++);
      await subject.ports.aborts.mark("run:a", ["c-1"]);
      await subject.ports.aborts.mark("run:b", "all");
      await subject.advance(1_000);
      expect(fired).toBe(0);
      await subject.ports.aborts.mark("run:a", ["c-1", "c-0"]);
      await eventually(subject, "the watch fires", () => (fired > 0 ? true : undefined));
      await subject.ports.aborts.mark("run:a", ["c-0"]);
      await subject.ports.aborts.mark("run:a", "all");
      await subject.advance(1_000);
      expect(fired).toBe(1);
    });

    check("a watch of a call that is marked already fires too, but not before `watch` has returned", async (subject) => {
      await subject.ports.aborts.mark("run:a", ["c-0"]);
      let fired = 0;
      subject.ports.aborts.watch("run:a", "c-0", () => fired++);
      expect(fired).toBe(0);
      await eventually(subject, "the watch fires", () => (fired > 0 ? true : undefined));
      await subject.advance(1_000);
      expect(fired).toBe(1);
    });

    check('"all" reaches every watch of the actor, and several watches of one call all fire', async (subject) => {
      const fired: string[] = [];
      for (const call of ["c-0", "c-0", "c-1"]) subject.ports.aborts.watch("run:a", call, () => fired.push(call));
      subject.ports.aborts.watch("run:b", "c-0", () => fired.push("other"));
      await subject.ports.aborts.mark("run:a", "all");
      await eventually(subject, "all three fire", () => (fired.length >= 3 ? true : undefined));
      expect(fired.toSorted()).toEqual(["c-0", "c-0", "c-1"]);
    });

    check("a watch that was stopped does not fire, and stopping twice is harmless", async (subject) => {
      const fired: string[] = [];
      const stop = subject.ports.aborts.watch("run:a", "c-0", () => fired.push("stopped"));
      subject.ports.aborts.watch("run:a", "c-0", () => fired.push("going on"));
      stop();
      stop();
      await subject.ports.aborts.mark("run:a", ["c-0"]);
      const late = subject.ports.aborts.watch("run:a", "c-0", () => fired.push("stopped at once"));
      late();
      await eventually(subject, "the other watch fires", () => (fired.length > 0 ? true : undefined));
      await subject.advance(1_000);
      expect(fired).toEqual(["going on"]);
    });

    check("a mark made in one process fires a watch in another", async (first) => {
      const second = await first.beside();
      let fired = 0;
      first.ports.aborts.watch("run:a", "c-0", () => fired++);
      await second.ports.aborts.mark("run:a", "all");
      await eventually(first, "the watch fires", () => (fired > 0 ? true : undefined));
      expect(await first.ports.aborts.marked("run:a", "c-0")).toBe(true);
    });

    check("marks are there after the process died, and reach what starts later", async (subject) => {
      await subject.ports.aborts.mark("run:a", ["c-0"]);
      await subject.ports.aborts.mark("run:b", "all");
      const next = await subject.reopen();
      expect(await next.ports.aborts.marked("run:a", "c-0")).toBe(true);
      expect(await next.ports.aborts.marked("run:a", "c-1")).toBe(false);
      expect(await next.ports.aborts.marked("run:b", "c-9")).toBe(true);
      let fired = 0;
      next.ports.aborts.watch("run:b", "c-9", () => fired++);
      await eventually(next, "the watch fires", () => (fired > 0 ? true : undefined));
    });
  });
}
