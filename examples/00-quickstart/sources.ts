/** Where the quickstart's data comes from: three tables of the npm package vega-datasets, as they are, with their flaws. */
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import * as z from "zod";

const folder = join(dirname(createRequire(import.meta.url).resolve("vega-datasets")), "..", "data");

/** A row of a source before anybody has looked at it. */
export type Raw = Readonly<Record<string, unknown>>;

export const Day = z.object({
  location: z.string(),
  date: z.iso.date(),
  precipitation: z.coerce.number().nonnegative(),
  temp_max: z.coerce.number(),
  temp_min: z.coerce.number(),
  weather: z.enum(["drizzle", "fog", "rain", "snow", "sun"]),
});
/** Some rows of the file have the state "NA", others a code of four letters, which no airline knows: they are refused, and counted. */
export const Airport = z.object({
  iata: z.string().length(3),
  name: z.string(),
  city: z.string(),
  state: z.string().refine((state) => state !== "NA", "no state"),
});
export const Flight = z.object({
  date: z.string(),
  delay: z.number().int(),
  distance: z.number().positive(),
  origin: z.string().length(3),
  destination: z.string().length(3),
});
export type Day = z.infer<typeof Day>;
export type Airport = z.infer<typeof Airport>;
export type Flight = z.infer<typeof Flight>;

export async function readTable(file: string): Promise<Raw[]> {
  const text = await readFile(join(folder, file), "utf8");
  return file.endsWith(".json") ? (JSON.parse(text) as Raw[]) : parseCsv(text);
}

/** Comma-separated values with a header line; a field in quotes may contain commas. */
export function parseCsv(text: string): Raw[] {
  const [header = [], ...rows] = text.trim().split(/\r?\n/).map(fieldsOf);
  return rows.map((fields) => Object.fromEntries(header.map((name, i) => [name, fields[i] ?? ""])));
}

function fieldsOf(line: string): string[] {
  return [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain ?? "");
}
