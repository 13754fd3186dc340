/**
 * Aligned columns without rules; in a pipe nothing is cut. On a narrow terminal the column that says most goes under its row, then those go that are needed least, and then the widest
 * that may shrink gives way.
 */
import { stripVTControlCharacters } from "node:util";
import { out, print, width } from "./terminal.ts";

export interface Column {
  readonly title: string;
  /** Numbers stand to the right. */
  readonly right?: true;
  /** May be cut when the terminal is narrow. */
  readonly shrinks?: true;
  /** Left out when the terminal is narrow, the lowest number first. */
  readonly drops?: number;
  /** What one reads the table for: where little room is left for it, it stands on a line of its own under its row. */
  readonly below?: true;
}

const GAP = 2;
const LEAST = 8;
/** So much of a column that may shrink is left before another one is dropped. */
const SHORT = 16;
/** So much room the column has that would else go below. */
const READABLE = 32;
const INDENT = "  ";
const lengthOf = (text: string): number => [...stripVTControlCharacters(text)].length;

export function table(columns: readonly Column[], rows: readonly (readonly string[])[], most = width()): string[] {
  const { shown, below } = layOut(columns, rows, most);
  const lines = aligned(
    shown.map((i) => columns[i] as Column),
    rows.map((row) => shown.map((i) => row[i] ?? "")),
    most,
  );
  if (below === undefined) return lines;
  return lines.flatMap((line, i) => {
    const text = i === 0 ? "" : (rows[i - 1]?.[below] ?? "");
    return text === "" ? [line] : [line, `${INDENT}${cut(text, most - INDENT.length)}`];
  });
}

/** Which columns stand side by side, and which one goes below. */
function layOut(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  most: number,
): { readonly shown: readonly number[]; readonly below?: number } {
  const widths = widthsOf(columns, rows);
  const sum = (shown: readonly number[], least: number): number =>
    total(shown.map((i) => (columns[i]?.shrinks ? Math.min(widths[i] as number, least) : (widths[i] as number))));
  let shown: readonly number[] = columns.map((_, i) => i);
  const below = columns.findIndex((column) => column.below);
  const others = shown.filter((i) => i !== below);
  const needs = Math.min(widths[below] ?? 0, READABLE);
  const goesBelow = below >= 0 && sum(others, Number.POSITIVE_INFINITY) + GAP + needs > most;
  if (goesBelow) shown = others;
  while (sum(shown, SHORT) > most) {
    const [first] = shown.filter((i) => columns[i]?.drops !== undefined).sort((a, b) => (columns[a]?.drops as number) - (columns[b]?.drops as number));
    if (first === undefined) break;
    shown = shown.filter((i) => i !== first);
  }
  return { shown, ...(goesBelow && { below }) };
}

const widthsOf = (columns: readonly Column[], rows: readonly (readonly string[])[]): number[] =>
  columns.map((column, i) => Math.max(lengthOf(column.title), ...rows.map((row) => lengthOf(row[i] ?? ""))));

function aligned(columns: readonly Column[], rows: readonly (readonly string[])[], most: number): string[] {
  const widths = widthsOf(columns, rows);
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
