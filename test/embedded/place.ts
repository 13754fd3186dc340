/** A directory for one test, and the store's file in it. */
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { Entry } from "../../engine/events.ts";
import type { Message } from "../../engine/messages.ts";

export function newDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), "windhover-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

export const databaseIn = (directory: string): string => join(directory, "windhover.db");

/** Names and contents of the database's files; the index of the write-ahead log (`-shm`) is rebuilt at every start and holds nothing, nor does an empty file. */
export function fingerprint(directory: string): Readonly<Record<string, string>> {
  const names = readdirSync(directory).filter((name) => name.startsWith("windhover.db") && !name.endsWith("-shm") && statSync(join(directory, name)).size > 0);
  return Object.fromEntries(
    names.map((name) => [
      name,
      createHash("sha256")
        .update(readFileSync(join(directory, name)))
        .digest("hex"),
    ]),
  );
}

export function entry(actor: string, n: number, text = ""): Entry {
  return { actor, n, at: n, nonce: `nonce-${n}`, version: 1, physical: [], events: [text], effects: [], state: { n } } as unknown as Entry;
}

export const message = (id: string): Message => ({ kind: "cancel", id });
