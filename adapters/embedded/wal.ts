/**
 * The write-ahead log is given its full length before it is needed. A file that grows makes every fsync write its new length too; overwriting what is there already makes a
 * commit about a third faster. Nothing but zeros is added, and SQLite stops reading at the first frame whose checksum is wrong.
 */
import { closeSync, fstatSync, fsyncSync, openSync, writeSync } from "node:fs";
import type { Database } from "./database.ts";

/** After so many pages SQLite folds the write-ahead log into the file and begins to overwrite it. Unit: pages of 4096 bytes, each with a header of 24. */
export const CHECKPOINT_PAGES = 1000;
const FULL_BYTES = 32 + CHECKPOINT_PAGES * (4096 + 24);

/** Call inside a write transaction: its lock keeps every other process from writing frames where the zeros go. */
export function extendLog(database: Database): void {
  try {
    const handle = openSync(`${database.file}-wal`, "r+");
    try {
      const { size } = fstatSync(handle);
      if (size < FULL_BYTES) writeSync(handle, Buffer.alloc(FULL_BYTES - size), 0, FULL_BYTES - size, size);
      fsyncSync(handle);
    } finally {
      closeSync(handle);
    }
  } catch {
    // It only costs speed; a disk that is full says so at the next commit.
  }
}
