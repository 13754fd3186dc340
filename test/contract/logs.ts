/** Logs: a run's lines in the order of time, each once however often it is written. */
import { expect } from "vitest";
import type { LogLine, Logs } from "../../engine/ports.ts";
import { contract, eventually, type Make, type Skips, type Subject } from "./backend.ts";
import { AWKWARD, LOOKALIKES, logLine, NOON } from "./samples.ts";

const ids = (lines: readonly LogLine[]): readonly string[] => lines.map((line) => line.id);

/** Lines may be slightly behind: waits until a run has so many. */
async function written(subject: Subject, run: string, count: number): Promise<readonly LogLine[]> {
  return await eventually(subject, `${count} lines of ${run}`, async () =>
    ((lines) => (lines.length >= count ? lines : undefined))(await pages(subject.ports.logs, run)),
  );
}

/** All lines of a run, page by page, following the last line's id. */
async function pages(logs: Logs, run: string, limit = 100, call?: string): Promise<readonly LogLine[]> {
  const lines: LogLine[] = [];
  for (;;) {
    const after = lines.at(-1)?.id;
    const page = await logs.read(run, { limit, ...(after === undefined ? {} : { after }), ...(call === undefined ? {} : { call }) });
    expect(page.length).toBeLessThanOrEqual(limit);
    if (page.length === 0) return lines;
    lines.push(...page);
    expect(new Set(ids(lines)).size, "a line was given twice").toBe(lines.length);
  }
}

export function logsContract(make: Make, skips: Skips = {}): void {
  contract("logs", make, skips, (check) => {
    check("a run without lines has none", async ({ ports: { logs } }) => {
      await logs.write([]);
      expect(await logs.read("r1")).toEqual([]);
    });

    check("lines come back as they were written, in the order of time", async (subject) => {
      const lines = [3, 1, 2].map((i) => logLine("r1", `l-${i}`, { at: NOON + i, level: "warn", call: "fetch-0", fields: `{"i":${i}}`, message: AWKWARD }));
      await subject.ports.logs.write(lines.slice(0, 1));
      await subject.ports.logs.write(lines.slice(1));
      expect(await written(subject, "r1", 3)).toEqual([lines[1], lines[2], lines[0]]);
      expect(await subject.ports.logs.read("r1")).toEqual([lines[1], lines[2], lines[0]]);
    });

    check("a line written twice is one line, also within one write", async (subject) => {
      const a = logLine("r1", "a", { at: NOON });
      const b = logLine("r1", "b", { at: NOON + 1 });
      await subject.ports.logs.write([a, a]);
      await Promise.all([subject.ports.logs.write([a, b]), subject.ports.logs.write([b, a]), subject.ports.logs.write([a, b])]);
      await written(subject, "r1", 2);
      await subject.advance(1_000);
      expect(await subject.ports.logs.read("r1")).toEqual([a, b]);
    });

    check("one write has lines of several runs, and runs are apart", async (subject) => {
      await subject.ports.logs.write(LOOKALIKES.flatMap((run, i) => Array.from({ length: (i % 3) + 1 }, (_, k) => logLine(run, `l-${k}`, { at: NOON + k }))));
      for (const [i, run] of LOOKALIKES.entries()) {
        const lines = await written(subject, run, (i % 3) + 1);
        expect(
          lines.map((line) => line.run),
          run,
        ).toEqual(Array((i % 3) + 1).fill(run));
      }
    });

    check("after a line come the later ones, at most as many as asked for", async (subject) => {
      await subject.ports.logs.write(Array.from({ length: 9 }, (_, i) => logLine("r1", `l-${i}`, { at: NOON + i })));
      await written(subject, "r1", 9);
      const { logs } = subject.ports;
      expect(ids(await logs.read("r1", { limit: 3 }))).toEqual(["l-0", "l-1", "l-2"]);
      expect(ids(await logs.read("r1", { after: "l-2", limit: 3 }))).toEqual(["l-3", "l-4", "l-5"]);
      expect(ids(await logs.read("r1", { after: "l-5" }))).toEqual(["l-6", "l-7", "l-8"]);
      expect(await logs.read("r1", { after: "l-8" })).toEqual([]);
      await logs.write([logLine("r1", "l-9", { at: NOON + 9 })]);
      await written(subject, "r1", 10);
      expect(ids(await logs.read("r1", { after: "l-8" }))).toEqual(["l-9"]);
    });

    check("pages give every line once, also among lines of the same moment", async (subject) => {
      const lines = Array.from({ length: 47 }, (_, i) => logLine("r1", `l-${(i * 19) % 47}`, { at: NOON + (i % 3) }));
      await subject.ports.logs.write(lines.slice(0, 20));
      await subject.ports.logs.write(lines.slice(20));
      const all = await written(subject, "r1", 47);
      expect(ids(all).toSorted()).toEqual(ids(lines).toSorted());
      expect(all.map((line) => line.at)).toEqual(all.map((line) => line.at).toSorted((a, b) => a - b));
      for (const limit of [1, 4, 10, 47]) expect(ids(await pages(subject.ports.logs, "r1", limit)), `by ${limit}`).toEqual(ids(all));
    });

    check("a call's lines alone, also after a line of another call", async (subject) => {
      await subject.ports.logs.write([
        logLine("r1", "1", { at: NOON + 1, call: "a" }),
        logLine("r1", "2", { at: NOON + 2, call: "b" }),
        logLine("r1", "3", { at: NOON + 3 }),
        logLine("r1", "4", { at: NOON + 4, call: "a" }),
        logLine("r1", "5", { at: NOON + 5, call: "aa" }),
        logLine("r1", "6", { at: NOON + 6, call: "a" }),
        logLine("r2", "7", { at: NOON + 7, call: "a" }),
      ]);
      await written(subject, "r1", 6);
      const { logs } = subject.ports;
      expect(ids(await logs.read("r1", { call: "a" }))).toEqual(["1", "4", "6"]);
      expect(ids(await logs.read("r1", { call: "a", limit: 2 }))).toEqual(["1", "4"]);
      expect(ids(await logs.read("r1", { call: "a", after: "1" }))).toEqual(["4", "6"]);
      expect(ids(await logs.read("r1", { call: "a", after: "2", limit: 1 }))).toEqual(["4"]);
      expect(ids(await logs.read("r1", { call: "none" }))).toEqual([]);
      expect(ids(await pages(logs, "r1", 1, "a"))).toEqual(["1", "4", "6"]);
    });

    check("a long message and many lines are kept whole", async (subject) => {
      const long = logLine("r1", "long", { message: "żółć 🪁 ".repeat(3_000) });
      await subject.ports.logs.write([long]);
      expect(await written(subject, "r1", 1)).toEqual([long]);
      await subject.ports.logs.write(Array.from({ length: 500 }, (_, i) => logLine("r2", `l-${i}`, { at: NOON + i })));
      expect(ids(await written(subject, "r2", 500))).toEqual(Array.from({ length: 500 }, (_, i) => `l-${i}`));
    });

    check("lines are there after the process died", async (subject) => {
      await subject.ports.logs.write([logLine("r1", "a")]);
      await written(subject, "r1", 1);
      const next = await subject.reopen();
      await next.ports.logs.write([logLine("r1", "a"), logLine("r1", "b", { at: NOON + 1 })]);
      expect(await written(next, "r1", 2)).toEqual([logLine("r1", "a"), logLine("r1", "b", { at: NOON + 1 })]);
    });
  });
}
