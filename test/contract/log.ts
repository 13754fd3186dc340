/** Log: the truth. An entry is appended if it is the next one, once, and is read back as it was written. */
import { expect } from "vitest";
import type { Entry } from "../../engine/events.ts";
import type { Log } from "../../engine/ports.ts";
import { contract, type Make, type Skips } from "./backend.ts";
import { AWKWARD, AWKWARD_NAME, entry, LOOKALIKES } from "./samples.ts";

async function fill(log: Log, actor: string, count: number): Promise<readonly Entry[]> {
  const entries: Entry[] = [];
  for (let n = 1; n <= count; n++) {
    const next = entry(actor, n);
    expect(await log.append(next)).toBe(true);
    entries.push(next);
  }
  return entries;
}

/** Only the log's last entry is sure to have its state: what earlier ones folded to may be gone, and is null then. */
async function expectRead(log: Log, actor: string, expected: readonly Entry[], from?: number, to?: number): Promise<void> {
  const last = (await log.tail(actor))?.n;
  const read = await log.read(actor, from, to);
  expect(read.map((each, i) => (each.n !== last && each.state === null ? { ...each, state: expected[i]?.state } : each))).toEqual(expected);
}

/** A tail may leave its events empty: all else has to be there. */
const withoutEvents = (tail: Entry | null): unknown => tail && { ...tail, events: [] };

export function logContract(make: Make, skips: Skips = {}): void {
  contract("log", make, skips, (check) => {
    check("an actor without entries has no tail and nothing to read", async ({ ports: { log } }) => {
      expect(await log.tail("run:a")).toBeNull();
      expect(await log.read("run:a")).toEqual([]);
      expect(await log.read("run:a", 1, 10)).toEqual([]);
    });

    check("what was appended is read as it was written", async ({ ports: { log } }) => {
      const entries = await fill(log, "run:a", 3);
      await expectRead(log, "run:a", entries);
      expect(withoutEvents(await log.tail("run:a"))).toEqual(withoutEvents(entries[2] as Entry));
    });

    check("ranges include both ends and stop at the log's", async ({ ports: { log } }) => {
      const entries = await fill(log, "run:a", 12);
      await expectRead(log, "run:a", entries.slice(3), 4);
      await expectRead(log, "run:a", entries.slice(3, 6), 4, 6);
      await expectRead(log, "run:a", entries.slice(4, 5), 5, 5);
      await expectRead(log, "run:a", entries.slice(8, 11), 9, 11);
      await expectRead(log, "run:a", entries.slice(10), 11, 99);
      await expectRead(log, "run:a", entries.slice(0, 2), undefined, 2);
      expect(await log.read("run:a", 13)).toEqual([]);
      expect(await log.read("run:a", 6, 5)).toEqual([]);
    });

    check("an entry that is not the next one is refused and changes nothing", async ({ ports: { log } }) => {
      expect(await log.append(entry("run:a", 2))).toBe(false);
      expect(await log.append(entry("run:a", 0))).toBe(false);
      expect(await log.tail("run:a")).toBeNull();
      const entries = await fill(log, "run:a", 2);
      for (const n of [0, 1, 2, 4, 5]) expect(await log.append(entry("run:a", n, { nonce: "other" }))).toBe(false);
      await expectRead(log, "run:a", entries);
      expect(await log.append(entry("run:a", 3))).toBe(true);
    });

    check("the same entry appended again is refused: only its nonce tells whose it is", async ({ ports: { log } }) => {
      expect(await log.append(entry("run:a", 1, { nonce: "mine" }))).toBe(true);
      expect(await log.append(entry("run:a", 1, { nonce: "mine" }))).toBe(false);
      expect((await log.tail("run:a"))?.nonce).toBe("mine");
    });

    check("of many writers of one entry exactly one wins, and the log holds the winner's", async ({ ports: { log } }) => {
      for (let n = 1; n <= 5; n++) {
        const won = await Promise.all(Array.from({ length: 12 }, (_, writer) => log.append(entry("run:a", n, { nonce: `writer-${writer}` }))));
        expect(won.filter(Boolean)).toHaveLength(1);
        expect((await log.tail("run:a"))?.nonce).toBe(`writer-${won.indexOf(true)}`);
      }
      expect((await log.read("run:a")).map((each) => each.n)).toEqual([1, 2, 3, 4, 5]);
    });

    check("of two processes that write one entry exactly one wins", async (first) => {
      const second = await first.beside();
      for (let n = 1; n <= 10; n++) {
        const won = await Promise.all([
          first.ports.log.append(entry("run:a", n, { nonce: "first" })),
          second.ports.log.append(entry("run:a", n, { nonce: "second" })),
        ]);
        expect(won.filter(Boolean)).toHaveLength(1);
        const winner = won[0] ? "first" : "second";
        expect((await first.ports.log.tail("run:a"))?.nonce).toBe(winner);
        expect((await second.ports.log.tail("run:a"))?.nonce).toBe(winner);
      }
    });

    check("appends to many actors at once all succeed and stay apart", async ({ ports: { log } }) => {
      const actors = Array.from({ length: 40 }, (_, i) => `run:${i}`);
      for (let n = 1; n <= 3; n++) expect(await Promise.all(actors.map((actor) => log.append(entry(actor, n))))).toEqual(actors.map(() => true));
      for (const actor of actors)
        await expectRead(
          log,
          actor,
          [1, 2, 3].map((n) => entry(actor, n)),
        );
    });

    check("a tail read right after an append sees it", async ({ ports: { log } }) => {
      for (let n = 1; n <= 50; n++) {
        await log.append(entry("run:a", n));
        expect((await log.tail("run:a"))?.n).toBe(n);
      }
    });

    check("the tail is the last of many, by number and not by text", async ({ ports: { log } }) => {
      const entries = await fill(log, "limit:gpu", 120);
      expect(withoutEvents(await log.tail("limit:gpu"))).toEqual(withoutEvents(entries[119] as Entry));
      expect((await log.read("limit:gpu")).map((each) => each.n)).toEqual(entries.map((each) => each.n));
      expect((await log.read("limit:gpu", 99, 101)).map((each) => each.n)).toEqual([99, 100, 101]);
    });

    check("a big entry is kept whole", async ({ ports: { log } }) => {
      const big = entry("run:a", 1, { text: "0123456789abcdef🪁".repeat(120_000), physical: Array.from({ length: 1000 }, (_, i) => `p-${i}`) });
      expect(await log.append(big)).toBe(true);
      expect(await log.append(entry("run:a", 2))).toBe(true);
      await expectRead(log, "run:a", [big], 1, 1);
    });

    check("awkward text comes back as it was, in entries and in actors' names", async ({ ports: { log } }) => {
      const actor = `limit:${AWKWARD_NAME}`;
      const awkward = entry(actor, 1, { text: AWKWARD, nonce: AWKWARD });
      expect(await log.append(awkward)).toBe(true);
      await expectRead(log, actor, [awkward]);
      expect(withoutEvents(await log.tail(actor))).toEqual(withoutEvents(awkward));
    });

    check("actors with similar names have logs of their own", async ({ ports: { log } }) => {
      for (const [i, name] of LOOKALIKES.entries()) await fill(log, `limit:${name}`, (i % 3) + 1);
      for (const [i, name] of LOOKALIKES.entries()) {
        expect((await log.tail(`limit:${name}`))?.n, name).toBe((i % 3) + 1);
        expect(
          (await log.read(`limit:${name}`)).map((each) => each.actor),
          name,
        ).toEqual(Array((i % 3) + 1).fill(`limit:${name}`));
      }
    });

    check("what is stored is a copy: neither the writer nor a reader can change it", async ({ ports: { log } }) => {
      const written = entry("run:a", 1) as unknown as { nonce: string; physical: string[] };
      await log.append(written as unknown as Entry);
      written.nonce = "changed";
      written.physical.push("changed");
      const read = (await log.tail("run:a")) as unknown as { nonce: string };
      read.nonce = "changed";
      await expectRead(log, "run:a", [entry("run:a", 1)]);
      expect((await log.tail("run:a"))?.nonce).toBe("nonce-1");
    });

    check("a gap is an error, never skipped", async (subject) => {
      const { log } = subject.ports;
      await fill(log, "run:a", 5);
      await subject.lose("run:a", 3);
      await expect(log.read("run:a")).rejects.toMatchObject({ code: "WH3005" });
      await expect(log.read("run:a", 2, 4)).rejects.toMatchObject({ code: "WH3005" });
      await expect(log.read("run:a", 3, 3)).rejects.toMatchObject({ code: "WH3005" });
      expect((await log.read("run:a", 4)).map((each) => each.n)).toEqual([4, 5]);
      expect((await log.read("run:a", 1, 2)).map((each) => each.n)).toEqual([1, 2]);
    });

    check("an append that returned true is there after the process died, and the next one follows it", async (subject) => {
      const entries = await fill(subject.ports.log, "run:a", 20);
      const { log } = (await subject.reopen()).ports;
      await expectRead(log, "run:a", entries);
      expect(withoutEvents(await log.tail("run:a"))).toEqual(withoutEvents(entries[19] as Entry));
      expect(await log.append(entry("run:a", 20))).toBe(false);
      expect(await log.append(entry("run:a", 21))).toBe(true);
    });
  });
}
