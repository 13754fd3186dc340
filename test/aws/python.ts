/**
 * A Python environment of the project's own, made by the first test that needs it and kept in `node_modules/.cache`. Its name holds a hash of what it contains, so that a
 * change of `requirements.txt` makes a new one.
 */
import { execFile, execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { exclusively } from "./lock.ts";

const here = dirname(fileURLToPath(import.meta.url));
export const CACHE = join(dirname(dirname(here)), "node_modules", ".cache", "windhover");
const requirements = join(here, "requirements.txt");
const run = promisify(execFile);

/** Why these tests cannot run here, or undefined. In continuous integration a missing Python is a failure, not a reason. */
export function missingPython(): string | undefined {
  for (const python of ["python3", "python"]) {
    try {
      execFileSync(python, ["-c", "import sys, venv; assert sys.version_info >= (3, 10)"], { stdio: "ignore" });
      return undefined;
    } catch {}
  }
  return "Python 3.10 or newer, with venv, is not on the PATH";
}

/** The folder with the environment's programs. */
export async function pythonPrograms(): Promise<string> {
  const hash = createHash("sha256").update(readFileSync(requirements)).digest("hex").slice(0, 12);
  const home = join(CACHE, `python-${hash}`);
  const programs = join(home, process.platform === "win32" ? "Scripts" : "bin");
  const ready = join(home, ".ready");
  if (existsSync(ready)) return programs;
  mkdirSync(CACHE, { recursive: true });
  await exclusively(join(CACHE, "python.lock"), async () => {
    if (existsSync(ready)) return;
    rmSync(home, { recursive: true, force: true });
    await run(process.platform === "win32" ? "python" : "python3", ["-m", "venv", home]);
    await run(join(programs, "python"), ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", requirements], { maxBuffer: 1 << 26 });
    writeFileSync(ready, "");
  });
  return programs;
}
