/** The built command as a process of its own, talked to by what it prints. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { join } from "node:path";
import { root } from "../tidy/tree.ts";

export const MAIN = join(root, "dist", "cli", "main.js");

/** @throws when the sources do not compile. */
export function build(): void {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, "scripts", "build.mjs")], { cwd: root, encoding: "utf8" });
  if (status !== 0) throw new Error(stdout + stderr);
}

export class Command {
  readonly child: ChildProcess;
  text = "";
  readonly #waiting = new Set<() => void>();
  readonly ended: Promise<number | null>;
  constructor(args: readonly string[], cwd: string) {
    this.child = spawn(process.execPath, [MAIN, ...args], {
      cwd,
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, NO_COLOR: "1", WINDHOVER_DIRECTORY: "", WINDHOVER_LOG: "" },
    });
    for (const stream of [this.child.stdout, this.child.stderr])
      stream?.setEncoding("utf8").on("data", (text: string) => {
        this.text += text;
        for (const look of [...this.#waiting]) look();
      });
    this.ended = new Promise((resolve) => {
      this.child.on("close", (code) => {
        resolve(code);
        for (const look of [...this.#waiting]) look();
      });
    });
  }

  /** The first match in what was printed after `from`. @throws when the process ends without it. */
  async says(what: RegExp, from = 0): Promise<RegExpExecArray> {
    const look = (): RegExpExecArray | null => what.exec(this.text.slice(from));
    return new Promise((resolve, reject) => {
      const check = (): void => {
        const found = look();
        if (!found && this.child.exitCode === null) return;
        this.#waiting.delete(check);
        if (found) resolve(found);
        else reject(new Error(`It ended with ${this.child.exitCode} and never said ${what}:\n${this.text}`));
      };
      this.#waiting.add(check);
      check();
    });
  }
  stop(): Promise<number | null> {
    this.child.kill("SIGINT");
    return this.ended;
  }
}
