/** A file that cannot be used is refused with a code that says why, and is left byte for byte as it was. */
import { spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type EmbeddedBackend, openEmbedded } from "../../adapters/embedded/backend.ts";
import { openDatabase } from "../../adapters/embedded/database.ts";
import { bundled } from "./child-process.ts";
import { databaseIn, entry, fingerprint, newDirectory } from "./place.ts";

/** A store with one log of `count` entries, closed well. */
async function filled(count = 200): Promise<string> {
  const directory = newDirectory();
  const backend = await openEmbedded({ directory });
  await append(backend, count);
  await backend.close();
  return directory;
}

async function append({ ports }: EmbeddedBackend, count: number): Promise<void> {
  const appended = await Promise.all(Array.from({ length: count }, (_, i) => ports.log.append(entry("run:a", i + 1, "x".repeat(500)))));
  expect(appended.every(Boolean)).toBe(true);
}

/** A store whose process died: the entries lie in the write-ahead log. The copy is what the dead process left. */
async function crashed(count: number): Promise<string> {
  const [directory, copy] = [newDirectory(), newDirectory()];
  const backend = await openEmbedded({ directory });
  await append(backend, count);
  for (const end of ["", "-wal"]) copyFileSync(databaseIn(directory) + end, databaseIn(copy) + end);
  await backend.close();
  return copy;
}

async function refused(directory: string, code: string): Promise<void> {
  const before = fingerprint(directory);
  await expect(openEmbedded({ directory })).rejects.toMatchObject({ name: "WindhoverError", code, message: expect.stringContaining("windhover.db") });
  expect(fingerprint(directory)).toEqual(before);
}

function overwrite(file: string, at: number, bytes: Buffer): void {
  const content = readFileSync(file);
  bytes.copy(content, at);
  writeFileSync(file, content);
}

describe("a database that cannot be used", () => {
  test("a file of something else is WH3001", async () => {
    const directory = newDirectory();
    writeFileSync(databaseIn(directory), "These are my notes, not a database.\n".repeat(400));
    await refused(directory, "WH3001");
  });

  test("a short file is WH3001", async () => {
    const directory = newDirectory();
    writeFileSync(databaseIn(directory), "SQLite format 3\0");
    await refused(directory, "WH3001");
  });

  test("another program's database is WH3001", async () => {
    const directory = newDirectory();
    const other = openDatabase(databaseIn(await filled(1)).replace("windhover.db", "other.db"));
    other.exec("CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)");
    other.close();
    copyFileSync(other.file, databaseIn(directory));
    await refused(directory, "WH3001");
  });

  test("a file cut in the middle is WH3001", async () => {
    const directory = await filled();
    truncateSync(databaseIn(directory), Math.floor(statSync(databaseIn(directory)).size / 2));
    await refused(directory, "WH3001");
  });

  test("a file cut to nothing beside a full write-ahead log is WH3001, and the log is not thrown away", async () => {
    const directory = await crashed(50);
    truncateSync(databaseIn(directory), 0);
    await refused(directory, "WH3001");
  });

  test("pages full of rubbish are WH3001", async () => {
    const directory = await filled();
    overwrite(databaseIn(directory), 4096, Buffer.alloc(8 * 4096, 0xa5));
    await refused(directory, "WH3001");
  });

  test("a file written by a newer release is WH3002", async () => {
    const directory = await filled();
    const version = Buffer.alloc(4);
    version.writeUInt32BE(99);
    overwrite(databaseIn(directory), 60, version);
    await refused(directory, "WH3002");
  });

  test("rubbish that is found later stops everything with WH3001", async () => {
    const directory = newDirectory();
    const backend = await openEmbedded({ directory });
    await append(backend, 15_000);
    await backend.close();
    const file = databaseIn(directory);
    const pages = statSync(file).size / 4096;
    // Too large to be checked as a whole when it is opened.
    expect(pages).toBeGreaterThan(2000);
    overwrite(file, 1500 * 4096, Buffer.alloc(400 * 4096, 0xa5));
    const before = fingerprint(directory);
    const damaged = await openEmbedded({ directory });
    await expect(damaged.ports.log.read("run:a")).rejects.toMatchObject({ code: expect.stringMatching(/^WH300[15]$/) });
    await damaged.close();
    expect(fingerprint(directory)).toEqual(before);
  });
});

describe("a write-ahead log that was cut off", () => {
  test("what was committed before the cut is there, without a gap, and the log goes on", async () => {
    for (const part of [0.9, 0.5, 0.1]) {
      const directory = await crashed(1);
      const backend = await openEmbedded({ directory });
      for (let n = 2; n <= 40; n++) await backend.ports.log.append(entry("run:a", n, "x".repeat(500)));
      const copy = newDirectory();
      for (const end of ["", "-wal"]) copyFileSync(databaseIn(directory) + end, databaseIn(copy) + end);
      await backend.close();
      truncateSync(`${databaseIn(copy)}-wal`, Math.floor(statSync(`${databaseIn(copy)}-wal`).size * part));
      const again = await openEmbedded({ directory: copy });
      const entries = await again.ports.log.read("run:a");
      expect(entries.length).toBeGreaterThan(0);
      expect(entries.length).toBeLessThan(40);
      expect(entries.map((each) => each.n)).toEqual(entries.map((_, i) => i + 1));
      expect((await again.ports.log.tail("run:a"))?.n).toBe(entries.length);
      expect(await again.ports.log.append(entry("run:a", entries.length + 1))).toBe(true);
      await again.close();
    }
  });
});

describe("a directory that cannot be written", () => {
  test("a file where the directory should be is WH3003", async () => {
    const file = join(newDirectory(), "taken");
    writeFileSync(file, "");
    await expect(openEmbedded({ directory: file })).rejects.toMatchObject({ code: "WH3003" });
    await expect(openEmbedded({ directory: join(file, "below") })).rejects.toMatchObject({ code: "WH3003" });
  });

  test("a directory without the right to write is WH3003, with a database in it or without", async () => {
    const program = await bundled();
    for (const directory of [newDirectory(), await filled(3)]) {
      const before = fingerprint(directory);
      const names = Object.keys(before);
      for (const name of names) chmodSync(join(directory, name), 0o444);
      chmodSync(directory, 0o555);
      // The superuser may write everywhere: then somebody else tries.
      const other = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {};
      const { stdout, stderr } = spawnSync(process.execPath, [program, "open", directory], { encoding: "utf8", ...other });
      chmodSync(directory, 0o755);
      expect(stdout, `${stderr} in ${JSON.stringify(names)} as ${JSON.stringify(other)}`).toContain('"code":"WH3003"');
      expect(fingerprint(directory)).toEqual(before);
    }
  });
});
