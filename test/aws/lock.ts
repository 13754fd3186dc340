/** One process at a time: a folder that only one can make. A holder that died is found by its process number. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export async function exclusively<T>(folder: string, work: () => Promise<T>): Promise<T> {
  while (!take(folder)) await new Promise((resolve) => setTimeout(resolve, 100));
  try {
    return await work();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function take(folder: string): boolean {
  try {
    mkdirSync(folder);
  } catch {
    if (isDead(folder)) rmSync(folder, { recursive: true, force: true });
    return false;
  }
  writeFileSync(join(folder, "pid"), String(process.pid));
  return true;
}

function isDead(folder: string): boolean {
  try {
    return !isAlive(Number(readFileSync(join(folder, "pid"), "utf8")));
  } catch {
    return false; // It is being made.
  }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
