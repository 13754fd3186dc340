/** Group commit: who asks together shares a flush, what cancels out is never written, and disk has one order. */
import { describe, expect, test } from "vitest";
import { openEmbedded } from "../../adapters/embedded/backend.ts";
import { loadDriver, openDatabase } from "../../adapters/embedded/database.ts";
import { databaseIn, entry, message, newDirectory } from "./place.ts";

const row = (id: string, seq: number) => ({
  id,
  seq,
  name: `at ${seq}`,
  flow: "f",
  state: { type: "RUNNING" as const, name: "Running", timestamp: 1 },
  tags: [],
  createdAt: 1,
});

describe("group commit", () => {
  test("a hundred appends that are asked for together are one flush", async () => {
    const backend = await openEmbedded({ directory: newDirectory() });
    const before = backend.stats().flushes;
    await Promise.all(Array.from({ length: 100 }, (_, i) => backend.ports.log.append(entry(`run:${i}`, 1))));
    expect(backend.stats().flushes - before).toBe(1);
    await backend.close();
  });

  test("an append is on disk when it resolves: another connection sees it", async () => {
    const directory = newDirectory();
    const [one, two] = [await openEmbedded({ directory }), await openEmbedded({ directory })];
    for (let n = 1; n <= 20; n++) {
      expect(await (n % 2 ? one : two).ports.log.append(entry("run:a", n))).toBe(true);
      expect((await (n % 2 ? two : one).ports.log.tail("run:a"))?.n).toBe(n);
    }
    await one.close();
    await two.close();
  });

  test("what follows from an append waits for no flush of its own, and comes before whatever is asked for later", async () => {
    const directory = newDirectory();
    const backend = await openEmbedded({ directory });
    await backend.ports.inbox.receive(1);
    await backend.ports.mailbox.send("run:a", message("1"));
    const deliveries = await backend.ports.inbox.receive(1);
    await backend.ports.log.append(entry("run:a", 1));
    const before = backend.stats().flushes;
    await Promise.all([
      backend.ports.index.putRun(row("a", 1)),
      backend.ports.index.putRun(row("a", 2)),
      backend.ports.timers.set("run:a", "t", Date.now() + 1e9, message("t")),
      backend.ports.mailbox.acknowledge(deliveries),
    ]);
    expect(backend.stats().flushes - before, "nobody waited").toBe(0);
    await backend.ports.log.append(entry("run:a", 2));
    expect(backend.stats().flushes - before, "one flush took them all").toBe(1);
    backend.kill();
    const again = await openEmbedded({ directory });
    expect((await again.ports.log.tail("run:a"))?.n).toBe(2);
    expect((await again.ports.index.run("a"))?.name).toBe("at 2");
    expect(await again.ports.inbox.receive(1)).toEqual([]);
    await again.close();
  });

  test("what is released before it was written keeps its place before what was sent later", async () => {
    const backend = await openEmbedded({ directory: newDirectory() });
    const { mailbox, inbox } = backend.ports;
    await inbox.receive(1);
    await mailbox.send("run:a", message("0"));
    const [first] = await inbox.receive(1);
    const sent = ["1", "2", "3"].map((id) => mailbox.send("run:a", message(id)));
    await mailbox.acknowledge(first ? [first] : []);
    const held = await inbox.receive(2);
    expect(held.map((each) => each.message.id)).toEqual(["1", "2"]);
    sent.push(mailbox.send("run:a", message("4")));
    await inbox.release(held);
    expect((await inbox.receive(10)).map((each) => each.message.id)).toEqual(["1", "2", "3", "4"]);
    await Promise.all(sent);
    await backend.close();
  });

  test("a message that was acknowledged before it was written is never written", async () => {
    const directory = newDirectory();
    const backend = await openEmbedded({ directory });
    await backend.ports.inbox.receive(1);
    await backend.ports.mailbox.send("run:a", message("first"));
    const held = await backend.ports.inbox.receive(1);
    const sent = backend.ports.mailbox.send("run:a", message("second"));
    await backend.ports.mailbox.acknowledge(held);
    const [second] = await backend.ports.inbox.receive(1);
    expect(second?.message.id).toBe("second");
    await backend.ports.mailbox.acknowledge(second ? [second] : []);
    await sent;
    await backend.settle();
    await loadDriver();
    const database = openDatabase(databaseIn(directory));
    expect(database.prepare("SELECT seq FROM sqlite_sequence WHERE name = 'mail'").get()).toMatchObject({ seq: 1 });
    expect(database.prepare("SELECT count(*) AS count FROM claims").get()).toMatchObject({ count: 0 });
    database.close();
    await backend.close();
  });

  test("whenever the process dies, the disk holds a beginning of what it said: no later thing without the earlier", async () => {
    for (let moment = 0; moment < 12; moment++) {
      const directory = newDirectory();
      const backend = await openEmbedded({ directory });
      for (let i = 0; i < 40; i++) {
        void backend.ports.mailbox.send("run:a", message(`${i}`)).catch(() => {});
        void backend.ports.index.putRun(row(`r-${i}`, 1)).catch(() => {});
        if (i === 10 + moment * 2) break;
        if (i % 7 === moment % 7) await new Promise((resolve) => setImmediate(resolve));
      }
      backend.kill();
      const again = await openEmbedded({ directory });
      const mail = (await again.ports.inbox.receive(100)).map((each) => Number(each.message.id));
      expect(mail).toEqual(mail.map((_, i) => i));
      const rows = (await again.ports.index.runs({})).rows.length;
      expect(rows).toBe(mail.length);
      await again.close();
    }
  });

  test("a closed backend refuses with WH3008, and closing twice is harmless", async () => {
    const backend = await openEmbedded({ directory: newDirectory() });
    const waiting = backend.ports.log.append(entry("run:a", 1));
    await backend.close();
    await backend.close();
    expect(await waiting).toBe(true);
    await expect(backend.ports.log.append(entry("run:a", 2))).rejects.toMatchObject({ code: "WH3008" });
    await expect(backend.ports.inbox.receive(1)).rejects.toMatchObject({ code: "WH3008" });
  });
});
