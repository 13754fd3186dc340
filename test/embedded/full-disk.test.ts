/** A disk that is full: a clear error, nothing goes on in memory, and what was acknowledged is there afterwards. */
import { describe, expect, test } from "vitest";
import { openEmbedded } from "../../adapters/embedded/backend.ts";
import { entry, message, newDirectory } from "./place.ts";

const SMALL = 400 * 1024;

describe("a full disk", () => {
  test("fails what waits and all that comes later with WH3003, and keeps every acknowledged entry", async () => {
    const directory = newDirectory();
    const full = await openEmbedded({ directory, maxBytes: SMALL });
    await full.ports.inbox.receive(1);
    await full.ports.mailbox.send("run:b", message("kept"));
    let acknowledged = 0;
    const error = await (async () => {
      for (let n = 1; ; n++) {
        await full.ports.log.append(entry("run:a", n, "x".repeat(5000)));
        acknowledged = n;
      }
    })().catch((thrown: unknown) => thrown);
    const wanted = { name: "WindhoverError", code: "WH3003", message: expect.stringContaining("windhover.db") };
    expect(error).toMatchObject(wanted);
    const { ports } = full;
    const later: readonly (() => Promise<unknown>)[] = [
      () => ports.log.append(entry("run:c", 1)),
      () => ports.log.tail("run:a"),
      () => ports.log.read("run:a"),
      () => ports.mailbox.send("run:c", message("lost")),
      () => ports.mailbox.acknowledge([]),
      () => ports.inbox.receive(1),
      () => ports.inbox.release([]),
      () => ports.tasks.receive("default", 1),
      () => ports.tasks.enqueue("default", { id: "t", actor: "run:a", run: { runId: "a", runName: "a", flow: "f", parameters: "", tags: [] }, tasks: [] }),
      () => ports.timers.set("run:a", "t", 0, message("t")),
      () => ports.aborts.mark("run:a", "all"),
      () => ports.aborts.marked("run:a", "c"),
      () => ports.results.put("x"),
      () => ports.results.get("x"),
      () => ports.index.runs({}),
      () => ports.registry.put("variable", "a", null),
      () => ports.registry.get("variable", "a"),
      () => ports.secrets.get("a"),
      () => ports.logs.write([]),
      () => ports.logs.read("r"),
      () => ports.events.emit({ id: "e", type: "t", run: "r", at: 0, detail: "" }),
      () => full.settle(),
    ];
    for (const call of later) await expect(call(), call.toString()).rejects.toMatchObject(wanted);
    await full.close();
    expect(acknowledged).toBeGreaterThan(5);

    const roomy = await openEmbedded({ directory });
    const entries = await roomy.ports.log.read("run:a");
    expect(entries.map((each) => each.n)).toEqual(Array.from({ length: acknowledged }, (_, i) => i + 1));
    expect((await roomy.ports.inbox.receive(10)).map((each) => each.message.id)).toEqual(["kept"]);
    expect(await roomy.ports.log.append(entry("run:a", acknowledged + 1))).toBe(true);
    await roomy.close();
  });

  test("rejects every append of the flush that failed, and none of them is there", async () => {
    const directory = newDirectory();
    const full = await openEmbedded({ directory, maxBytes: SMALL });
    const answers = await Promise.allSettled(Array.from({ length: 200 }, (_, i) => full.ports.log.append(entry(`run:${i}`, 1, "x".repeat(5000)))));
    expect(new Set(answers.map((each) => each.status))).toEqual(new Set(["rejected"]));
    await full.close();
    const roomy = await openEmbedded({ directory });
    for (let i = 0; i < 200; i++) expect(await roomy.ports.log.tail(`run:${i}`)).toBeNull();
    await roomy.close();
  });

  test("wakes those who wait for work, so that they hear of it", async () => {
    const full = await openEmbedded({ directory: newDirectory(), maxBytes: SMALL });
    await full.ports.inbox.receive(1);
    const woken = [full.signals.mail, full.signals.tasks].map((signal) => new Promise<void>((resolve) => signal.subscribe(resolve)));
    await expect(full.ports.log.append(entry("run:a", 1, "x".repeat(SMALL)))).rejects.toMatchObject({ code: "WH3003" });
    await Promise.all(woken);
    await full.close();
  });
});
