/** The files taken away under a process that has them open, and who is there to work on them. */
import { cpSync, existsSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type EmbeddedBackend, openEmbedded } from "../../adapters/embedded/backend.ts";
import { Child } from "./child-process.ts";
import { entry, message, newDirectory } from "./place.ts";

/** Resolves with what the backend fails with, as whoever waits for its mail is told. */
async function failure({ ports, signals }: EmbeddedBackend): Promise<unknown> {
  for (;;) {
    try {
      for (const delivery of await ports.inbox.receive(10)) await ports.mailbox.acknowledge([delivery]);
    } catch (error) {
      return error;
    }
    await signals.mail.wait();
  }
}

describe("a database that is taken away while it is open", () => {
  test("stops whoever has it open, and what is made in its place is left alone", async () => {
    const directory = newDirectory();
    const ghost = await openEmbedded({ directory });
    await ghost.ports.log.append(entry("run:lost", 1));
    const told = failure(ghost);
    rmSync(directory, { recursive: true });
    const next = await openEmbedded({ directory });
    await next.ports.log.append(entry("run:kept", 1));
    expect(await told).toMatchObject({ code: "WH3009", message: expect.stringMatching(/windhover\.db was replaced while this process had it open/) });
    await expect(ghost.ports.mailbox.send("run:a", message("1"))).rejects.toMatchObject({ code: "WH3009" });
    await ghost.close();
    await next.ports.log.append(entry("run:kept", 2));
    await next.close();
    const again = await openEmbedded({ directory });
    expect([await again.ports.log.tail("run:lost"), (await again.ports.log.tail("run:kept"))?.n]).toEqual([null, 2]);
    await again.close();
  });

  test("is told apart: deleted, moved, or replaced by a copy", async () => {
    const [deleted, moved, restored] = [newDirectory(), newDirectory(), newDirectory()];
    const backends = await Promise.all([deleted, moved, restored].map((directory) => openEmbedded({ directory })));
    const told = Promise.all(backends.map(failure));
    rmSync(join(deleted, "windhover.db"));
    renameSync(moved, `${moved}-aside`);
    cpSync(join(restored, "windhover.db"), join(restored, "copy.db"));
    renameSync(join(restored, "copy.db"), join(restored, "windhover.db"));
    const said = (await told).map((error) => [(error as { code: string }).code, (error as Error).message.replace(/^.*windhover\.db /, "")]);
    expect(said).toEqual([
      ["WH3009", "was deleted or moved while this process had it open."],
      ["WH3009", "was deleted or moved while this process had it open."],
      ["WH3009", "was replaced while this process had it open."],
    ]);
    for (const backend of backends) await backend.close();
    expect(existsSync(join(deleted, "windhover.db"))).toBe(false);
    rmSync(`${moved}-aside`, { recursive: true });
  });
});

test("whether a living process works on a directory can be asked by one that only looks", { timeout: 60_000 }, async () => {
  const directory = newDirectory();
  const looks = await openEmbedded({ directory });
  expect(looks.served()).toBe(false);
  const other = await openEmbedded({ directory });
  expect([other.served(), looks.served()]).toEqual([false, false]);
  await other.ports.inbox.receive(1);
  expect([other.served(), looks.served()]).toEqual([true, true]);
  await other.close();
  expect(looks.served()).toBe(false);
  const child = await Child.start("work", directory, "w");
  await looks.ports.mailbox.send("run:a", message("1"));
  await child.until((said) => said.some((each) => each.what === "appended"));
  expect(looks.served()).toBe(true);
  await child.kill();
  expect(looks.served()).toBe(false);
  await looks.close();
});
