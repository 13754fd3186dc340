/** The quickstart: extract three tables side by side, validate them, load them into a file database, and say what they tell. */
import { artifact, cron, flow, log, runContext, task } from "windhover";
import * as z from "zod";
import { Airport, Day, Flight, type Raw, readTable } from "./sources.ts";
import { query, replaceTable } from "./warehouse.ts";

const extract = task({ name: "extract" }, async (file: string) => {
  const rows = await readTable(file);
  log.info(`${file}: ${rows.length} rows`);
  return rows;
});

/** A list of airports changes rarely: for a day, later runs take it from the cache. */
const extractAirports = task({ name: "extract-airports", cacheKey: "inputs", cacheExpirationSeconds: 24 * 3600 }, async (file: string) => readTable(file));

/** The first call of a run finds the feed out of order, on purpose. The second, a moment later, succeeds. */
const extractFlights = task({ name: "extract-flights", retries: 3, retryDelaySeconds: [0.2, 1, 5] }, async (file: string) => {
  if (runContext().task?.attempt === 1) throw new Error("the flight feed answered 503 Service Unavailable");
  return readTable(file);
});

const schemas = { weather: Day, airports: Airport, flights: Flight };
type Table = keyof typeof schemas;

const validate = task({ name: "validate" }, async (table: Table, rows: readonly Raw[]) => {
  const checked = rows.map((row) => schemas[table].safeParse(row));
  const good = checked.flatMap((row) => (row.success ? [row.data] : []));
  const refused = checked.length - good.length;
  if (refused > 0) log.warn(`${table}: ${refused} of ${rows.length} rows refused`);
  return { table, rows: good, refused };
});

const loadTable = task({ name: "load-table" }, async (database: string, table: Table, rows: readonly Record<string, string | number>[]) => {
  return replaceTable(database, table, rows);
});

const Checked = z.object({
  table: z.enum(["weather", "airports", "flights"]),
  rows: z.array(z.record(z.string(), z.union([z.string(), z.number()]))),
  refused: z.number(),
});

/** A flow that is called in a flow is a subflow: a run of its own, with its own state, log and page. */
export const load = flow({ name: "load", parameters: z.object({ database: z.string(), tables: z.array(Checked) }) }, async ({ database, tables }) => {
  const counts = await Promise.all(tables.map(({ table, rows }) => loadTable(database, table, rows)));
  return Object.fromEntries(tables.map(({ table }, i) => [table, counts[i] ?? 0]));
});

export interface Delays {
  readonly airport: string;
  readonly state: string;
  readonly flights: number;
  readonly "mean delay (min)": number;
  readonly "over 15 min late (%)": number;
}
export interface Climate {
  readonly city: string;
  readonly "wet days (%)": number;
  readonly "rain (mm a year)": number;
  readonly "warmest day (°C)": number;
}

const summarize = task({ name: "summarize" }, async (database: string) => ({
  delays: query<Delays>(
    database,
    `SELECT a.city || ' (' || f.origin || ')' AS airport, a.state AS state, count(*) AS flights, round(avg(f.delay), 1) AS "mean delay (min)",
       round(100.0 * sum(f.delay > 15) / count(*), 1) AS "over 15 min late (%)"
     FROM flights f JOIN airports a ON a.iata = f.origin GROUP BY f.origin ORDER BY flights DESC, f.origin LIMIT 8`,
  ),
  climate: query<Climate>(
    database,
    `SELECT location AS city, round(100.0 * sum(precipitation > 0) / count(*), 1) AS "wet days (%)",
       round(sum(precipitation) / count(DISTINCT substr(date, 1, 4))) AS "rain (mm a year)", max(temp_max) AS "warmest day (°C)"
     FROM weather GROUP BY location ORDER BY location`,
  ),
}));

export const quickstart = flow(
  { name: "quickstart", parameters: z.object({ database: z.string().default(".windhover/quickstart.db") }) },
  async ({ database }) => {
    // These three start now, side by side; a future is handed on like a value, and makes the dependency.
    const weather = validate("weather", extract("weather.csv"));
    const airports = validate("airports", extractAirports("airports.csv"));
    const flights = validate("flights", extractFlights("flights-2k.json"));
    const tables = await Promise.all([weather, airports, flights]);

    const rows = await load({ database, tables });
    const { delays, climate } = await summarize(database);
    await artifact.table("departures", delays);
    await artifact.markdown("summary", `# Weather and flights\n\n${markdown(climate)}\n\n## The busiest airports\n\n${markdown(delays)}\n`);
    return { database, rows, refused: Object.fromEntries(tables.map(({ table, refused }) => [table, refused])), climate, delays };
  },
);

/** Every morning at six, were it left running. */
export const morning = quickstart.deployment({ name: "quickstart-every-morning", schedules: [cron("0 6 * * *", { timezone: "America/Los_Angeles" })] });

function markdown(rows: readonly object[]): string {
  const columns = Object.keys(rows[0] ?? {});
  const line = (cells: readonly unknown[]): string => `| ${cells.join(" | ")} |`;
  return [line(columns), line(columns.map(() => "---")), ...rows.map((row) => line(Object.values(row)))].join("\n");
}
