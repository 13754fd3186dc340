/** Real processes: `child.ts`, bundled once a test file, and what it says line by line. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { afterAll } from "vitest";

const here = dirname(fileURLToPath(import.meta.url));
const folder = join(here, "..", "..", "node_modules", `.windhover-child-${process.pid}`);
const programs = new Map<string, Promise<string>>();

/** The path of the bundle of a program beside this file, or of one given by its path. It lies where `libsql` is found. */
export function bundled(source: string = join(here, "child.ts")): Promise<string> {
  const known = programs.get(source);
  if (known) return known;
  const program = (async () => {
    const outfile = join(folder, `child-${programs.size}.mjs`);
    mkdirSync(folder, { recursive: true });
    await build({ entryPoints: [source], bundle: true, packages: "external", platform: "node", format: "esm", outfile, logLevel: "error" });
    return outfile;
  })();
  programs.set(source, program);
  return program;
}
afterAll(async () => {
  await Promise.all(programs.values());
  rmSync(folder, { recursive: true, force: true });
});

export interface Said {
  readonly what: string;
  readonly id?: string;
  readonly [key: string]: unknown;
}

export class Child {
  readonly said: Said[] = [];
  readonly ended: Promise<number | null>;
  readonly #process: ChildProcess;
  #listeners: (() => void)[] = [];

  private constructor(process: ChildProcess) {
    this.#process = process;
    createInterface({ input: process.stdout as NodeJS.ReadableStream }).on("line", (line) => {
      // A line that a killed process did not finish says nothing.
      if (line.endsWith("}")) this.said.push(JSON.parse(line) as Said);
      this.#tell();
    });
    this.ended = new Promise((resolve) => process.on("close", resolve));
    void this.ended.then(() => this.#tell());
  }

  static start(...args: readonly string[]): Promise<Child> {
    return Child.run(undefined, args);
  }
  static async run(source: string | undefined, args: readonly string[]): Promise<Child> {
    return new Child(spawn(process.execPath, [await bundled(source), ...args], { stdio: ["ignore", "pipe", "inherit"] }));
  }

  /** Resolves when the condition holds, or the process has ended. */
  async until(condition: (said: readonly Said[]) => boolean): Promise<void> {
    while (!condition(this.said) && this.#process.exitCode === null && this.#process.signalCode === null)
      await new Promise<void>((resolve) => this.#listeners.push(resolve));
  }

  async kill(): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.ended;
  }

  #tell(): void {
    const listeners = this.#listeners;
    this.#listeners = [];
    for (const listener of listeners) listener();
  }
}
