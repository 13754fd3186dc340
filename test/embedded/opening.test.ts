/** Opening a store that others are busy with. */
import { afterEach, expect, test, vi } from "vitest";
import { openEmbedded } from "../../adapters/embedded/backend.ts";
import { loadDriver, openDatabase } from "../../adapters/embedded/database.ts";
import { databaseIn, entry, newDirectory } from "./place.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

test("a process that opened a file while another one had it locked ended with `database is locked`", async () => {
  const directory = newDirectory();
  await loadDriver();
  const other = openDatabase(databaseIn(directory));
  // As one has it that makes or recovers the file, for longer than SQLite waits.
  other.exec("BEGIN EXCLUSIVE; CREATE TABLE theirs (a)");
  let waited = 0;
  vi.spyOn(Atomics, "wait").mockImplementation(() => {
    if (waited++ === 0) {
      other.exec("ROLLBACK");
      other.close();
    }
    return "timed-out";
  });
  const backend = await openEmbedded({ directory });
  expect(waited).toBeGreaterThan(0);
  expect(await backend.ports.log.append(entry("run:a", 1, "x"))).toBe(true);
  await backend.close();
});
