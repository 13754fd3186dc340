/** Runs the built command in a project of its own. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
export const main = join(root, "dist", "cli", "main.js");

/** Does nothing when the sources are what they were at the last build. */
export function build(): void {
  const done = spawnSync(process.execPath, [join(root, "scripts", "build.mjs")], { encoding: "utf8" });
  if (done.status !== 0) throw new Error(`The build failed.\n${done.stdout}${done.stderr}`);
}

export interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}
export interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  /** Resolves when the standard error has said it. */
  said(text: string): Promise<void>;
  /** What the standard error has said so far. */
  told(): string;
}

export class Project {
  readonly folder = mkdtempSync(join(tmpdir(), "windhover-cli-"));
  readonly #running = new Set<ChildProcess>();

  constructor(files: Readonly<Record<string, string>> = {}) {
    mkdirSync(join(this.folder, "node_modules"));
    symlinkSync(join(root, "node_modules", "zod"), join(this.folder, "node_modules", "zod"));
    for (const [name, text] of Object.entries(files)) this.write(name, text);
  }
  write(name: string, text: string): void {
    mkdirSync(dirname(join(this.folder, name)), { recursive: true });
    writeFileSync(join(this.folder, name), text);
  }
  start(args: readonly string[], env: Readonly<Record<string, string>> = {}, cwd = this.folder): Running {
    return this.#spawn([main, ...args], env, cwd);
  }
  run(...args: readonly string[]): Promise<Ended> {
    return this.start(args).ended;
  }
  async json<T = Record<string, unknown>>(...args: readonly string[]): Promise<T> {
    const { out, err, code } = await this.run(...args, "--json");
    if (out === "") throw new Error(`windhover ${args.join(" ")} printed nothing and ended with ${code}: ${err}`);
    return JSON.parse(out) as T;
  }
  /** An ordinary script, with the package installed. */
  script(file: string): Promise<Ended> {
    return this.program(file).ended;
  }
  program(file: string): Running {
    const installed = join(this.folder, "node_modules", "windhover");
    if (!existsSync(installed)) symlinkSync(root, installed);
    return this.#spawn([join(this.folder, file)], {}, this.folder);
  }
  end(): void {
    for (const child of this.#running) child.kill("SIGKILL");
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 3 });
  }

  #spawn(argv: readonly string[], env: Readonly<Record<string, string>>, cwd: string): Running {
    const { WINDHOVER_DIRECTORY: _, FORCE_COLOR: __, ...inherited } = process.env;
    const child = spawn(process.execPath, argv, { cwd, env: { ...inherited, NO_COLOR: "1", ...env }, stdio: ["ignore", "pipe", "pipe"] });
    this.#running.add(child);
    let out = "";
    let err = "";
    const waiting: { readonly text: string; readonly done: () => void }[] = [];
    child.stdout?.setEncoding("utf8").on("data", (chunk: string) => {
      out += chunk;
    });
    child.stderr?.setEncoding("utf8").on("data", (chunk: string) => {
      err += chunk;
      for (const { text, done } of waiting) if (err.includes(text)) done();
    });
    const ended = new Promise<Ended>((resolve) => {
      child.on("close", (code) => {
        this.#running.delete(child);
        resolve({ code, out, err });
      });
    });
    const said = (text: string): Promise<void> =>
      new Promise((done, reject) => {
        if (err.includes(text)) return done();
        waiting.push({ text, done });
        void ended.then(() => (err.includes(text) ? done() : reject(new Error(`It ended without saying "${text}": ${err}`))));
      });
    return { child, ended, said, told: () => err };
  }
}
