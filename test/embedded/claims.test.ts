/** Claims in the store: one commit for all that are asked for at once, and a table that files of before are given. */
import { expect, test } from "vitest";
import { openEmbedded } from "../../adapters/embedded/backend.ts";
import { loadDriver, openDatabase } from "../../adapters/embedded/database.ts";
import { databaseIn, newDirectory } from "./place.ts";

test("claims that are asked for at once share one commit", async () => {
  const backend = await openEmbedded({ directory: newDirectory() });
  await backend.ports.claims.take("run:a", "first", "{}");
  const before = backend.stats().flushes;
  await Promise.all(Array.from({ length: 50 }, (_, i) => backend.ports.claims.take("run:a", `call-${i}#1`, "{}")));
  expect(backend.stats().flushes - before).toBe(1);
  await backend.close();
});

test("a file that was made before there were claims gets their table when it is opened", async () => {
  const directory = newDirectory();
  await (await openEmbedded({ directory })).close();
  await loadDriver();
  const database = openDatabase(databaseIn(directory));
  database.exec("DROP TABLE attempt_claims");
  database.close();
  const backend = await openEmbedded({ directory });
  expect(await backend.ports.claims.take("run:a", "call-0#1", '"mine"')).toBe('"mine"');
  expect(await backend.ports.claims.take("run:a", "call-0#1", '"late"')).toBe('"mine"');
  await backend.close();
});

test("whoever waits for a claim hears when the backend is gone", async () => {
  const backend = await openEmbedded({ directory: newDirectory() });
  const waiting = backend.ports.claims.take("run:a", "call-0#1", "{}");
  backend.kill();
  await expect(waiting).rejects.toMatchObject({ code: "WH3008" });
  await expect(backend.ports.claims.take("run:a", "call-0#1", "{}")).rejects.toMatchObject({ code: "WH3008" });
});
