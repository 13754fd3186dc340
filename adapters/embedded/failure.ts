/** What a failing database means to the person at the console: damaged, or no room. */
import { WindhoverError } from "../../engine/errors.ts";

/** SQLite's primary result codes, https://www.sqlite.org/rescode.html */
const DAMAGED = new Set([11, 26]);
const NO_ROOM = new Set([3, 8, 10, 13, 14, 23]);
/** Node says ENOENT of a folder that cannot be made on a read-only disk. */
const SYSTEM = new Set(["ENOSPC", "EDQUOT", "EROFS", "EACCES", "EPERM", "EIO", "EMFILE", "ENFILE", "ENOTDIR", "EEXIST", "EISDIR", "ENOENT"]);
const BUSY = new Set([5, 6]);

/** The primary result code, or 0. `node:sqlite` calls it `errcode`, `libsql` `rawCode`, or a number at the end of the message when a file cannot be opened. */
function resultCode(error: unknown): number {
  const { errcode, rawCode, message } = error as { errcode?: number; rawCode?: number; message?: string };
  const atEnd = /Unable to open .*: (\d+)"?\)$/.exec(message ?? "");
  return (errcode ?? rawCode ?? Number(atEnd?.[1] ?? 0)) & 0xff;
}

export const isBusy = (error: unknown): boolean => BUSY.has(resultCode(error));

/** An error with a code of ours; `verb` completes "could not be …". */
export function mapFailure(error: unknown, file: string, verb: "opened" | "read" | "written"): WindhoverError {
  if (error instanceof WindhoverError) return error;
  const { code, message } = error as { code?: string; message?: string };
  const result = resultCode(error);
  const why = message ?? String(error);
  if (DAMAGED.has(result)) return damaged(file, why, error);
  if (NO_ROOM.has(result) || BUSY.has(result) || SYSTEM.has(code ?? ""))
    return new WindhoverError("WH3003", { message: `${file} could not be ${verb}: ${why}.`, ...remedy(code ?? "", result), cause: error });
  return new WindhoverError("WH9001", { message: `${file} could not be ${verb}: ${why}.`, cause: error });
}

/** What is expected and to be done, by what stands in the way. Without one the table's own words hold. */
function remedy(code: string, result: number): { readonly expected?: string; readonly action?: string } {
  const elsewhere = "choose another directory with --directory (WINDHOVER_DIRECTORY)";
  if (["ENOTDIR", "EEXIST", "EISDIR"].includes(code))
    return { expected: "a folder, or a path where one can be made", action: `A file is in the way: ${elsewhere}.` };
  if (["EROFS", "EACCES", "EPERM", "ENOENT"].includes(code) || result === READ_ONLY || result === CANNOT_OPEN)
    return { expected: "a folder that this user may write to", action: `Give this user the right to write there, or ${elsewhere}.` };
  if (["EMFILE", "ENFILE"].includes(code))
    return { expected: "room for another open file", action: "Raise the limit of open files (ulimit -n), or close what has them open." };
  return {};
}
const READ_ONLY = 8;
const CANNOT_OPEN = 14;

export function damaged(file: string, reason: string, cause?: unknown): WindhoverError {
  // SQLite's own report has several lines.
  const why = reason.replace(/\s+/g, " ").trim();
  return new WindhoverError("WH3001", {
    message: `${file} is damaged or is no database of Windhover: ${why}.`,
    expected: "a SQLite database written by Windhover",
    got: why,
    cause,
  });
}
