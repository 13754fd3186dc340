/** One run's lines as they were found so far, in the order of time, each once. */
import type { LogLine } from "../../engine/ports.ts";
import type { NumberedLine } from "./log-format.ts";

interface Found extends NumberedLine {
  /** When CloudWatch got it. Unit: milliseconds since 1970. */
  readonly cameAt: number;
}

export class RunLines {
  #byId = new Map<string, Found>();
  #sorted: readonly LogLine[] | undefined;
  /** When CloudWatch got the last of them. Unit: milliseconds since 1970. */
  newest: number | undefined;

  /** The same line again is one line: the first one. */
  add({ line, seq }: NumberedLine, cameAt: number): void {
    this.newest = Math.max(this.newest ?? cameAt, cameAt);
    const found = { line, seq, cameAt };
    const known = this.#byId.get(line.id);
    if (known && order(known, found) <= 0) return;
    this.#byId.set(line.id, found);
    this.#sorted = undefined;
  }

  /** True if a whole page is known: what comes after it does not matter. */
  has(after: string | undefined, call: string | undefined, limit: number | undefined): boolean {
    if (limit === undefined || after === undefined || !this.#byId.has(after)) return false;
    return this.page(after, call, limit).length === limit;
  }

  page(after: string | undefined, call: string | undefined, limit = Number.POSITIVE_INFINITY): readonly LogLine[] {
    this.#sorted ??= [...this.#byId.values()].sort(order).map(({ line }) => line);
    const page: LogLine[] = [];
    const start = after === undefined ? 0 : this.#sorted.findIndex((line) => line.id === after) + 1;
    for (let i = start; i < this.#sorted.length && page.length < limit; i++) {
      const line = this.#sorted[i] as LogLine;
      if (call === undefined || line.call === call) page.push(line);
    }
    return page;
  }
}

const order = (a: Found, b: Found): number =>
  a.line.at - b.line.at || a.cameAt - b.cameAt || a.seq - b.seq || (a.line.id < b.line.id ? -1 : a.line.id > b.line.id ? 1 : 0);
