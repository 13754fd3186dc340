/** The file in which the tasks of `crash-flows.ts` say what they do: read as it grows. */
import { readFileSync, watch } from "node:fs";
import type { Line } from "./crash-flows.ts";

export class CrashFile {
  readonly path: string;
  #waiting: (() => void)[] = [];
  readonly #watcher: ReturnType<typeof watch>;

  constructor(path: string) {
    this.path = path;
    this.#watcher = watch(path, () => {
      for (const resolve of this.#waiting.splice(0)) resolve();
    });
  }

  get lines(): readonly Line[] {
    const text = readFileSync(this.path, "utf8");
    // What a process was killed in the middle of writing is no line.
    return text
      .slice(0, text.lastIndexOf("\n") + 1)
      .split("\n")
      .flatMap((line) => (line === "" ? [] : [JSON.parse(line) as Line]));
  }

  /** The first line, of those after the present ones and after `skipped` more, that is wanted. */
  async next(wanted: (line: Line) => boolean, skipped: number): Promise<Line> {
    const from = this.lines.length;
    for (;;) {
      const changed = new Promise<void>((resolve) => this.#waiting.push(resolve));
      const line = this.lines.slice(from).filter(wanted)[skipped];
      if (line) return line;
      await changed;
    }
  }

  close(): void {
    this.#watcher.close();
  }
}
