/** Aligned columns without rules. On a terminal the widest column that may shrink gives way; in a pipe nothing is cut. */
import { stripVTControlCharacters } from "node:util";
import { out, print, width } from "./terminal.ts";

export interface Column {
  readonly title: string;
  /** Numbers stand to the right. */
  readonly right?: true;
  /** May be cut when the terminal is narrow. */
  readonly shrinks?: true;
}

const GAP = 2;
const LEAST = 8;
const lengthOf = (text: string): number => [...stripVTControlCharacters(text)].length;

export function table(columns: readonly Column[], rows: readonly (readonly string[])[], most = width()): string[] {
  const widths = columns.map((column, i) => Math.max(lengthOf(column.title), ...rows.map((row) => lengthOf(row[i] ?? ""))));
  for (let over = total(widths) - most; over > 0; over = total(widths) - most) {
    const widest = columns.reduce(
      (best, column, i) => (column.shrinks && (widths[i] as number) > LEAST && (best < 0 || (widths[i] as number) > (widths[best] as number)) ? i : best),
      -1,
    );
    if (widest < 0) break;
    widths[widest] = Math.max(LEAST, (widths[widest] as number) - over);
  }
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, i) => pad(cut(cell, widths[i] as number), widths[i] as number, columns[i]?.right === true, i === cells.length - 1))
      .join(" ".repeat(GAP))
      .trimEnd();
  return [out(line(columns.map((column) => column.title)), "dim"), ...rows.map(line)];
}

export function printTable(columns: readonly Column[], rows: readonly (readonly string[])[]): void {
  for (const line of table(columns, rows)) print(line);
}

const total = (widths: readonly number[]): number => widths.reduce((sum, w) => sum + w, 0) + GAP * (widths.length - 1);

function pad(text: string, size: number, right: boolean, last: boolean): string {
  const fill = " ".repeat(Math.max(0, size - lengthOf(text)));
  return right ? fill + text : last ? text : text + fill;
}

const ESCAPE = "\u001b";
const PARTS = new RegExp(`${ESCAPE}\\[[0-9;]*m|[\\s\\S]`, "gu");
const COLOURS_AT_END = new RegExp(`(${ESCAPE}\\[[0-9;]*m)*$`);

/** Cuts by visible characters: what is painted keeps its colours. */
export function cut(text: string, most: number): string {
  if (lengthOf(text) <= most) return text;
  let seen = 0;
  let kept = "";
  // Escape sequences are taken whole.
  for (const part of text.match(PARTS) ?? []) {
    if (part.startsWith(ESCAPE)) kept += part;
    else if (seen < most - 1) {
      kept += part;
      seen++;
    }
  }
  return kept.includes(ESCAPE) ? kept.replace(COLOURS_AT_END, (end) => `…${end}`) : `${kept}…`;
}
