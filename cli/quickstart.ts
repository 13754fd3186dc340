/** `npm start`: runs the quickstart of `examples` on this machine, shows what came of it, and stays up so that one can look around. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { WindhoverError } from "../engine/errors.ts";
import { shortSpan } from "../engine/span.ts";
import { EXIT } from "./failure.ts";
import { ROOT, VERSION } from "./installation.ts";
import { type Loaded, loadEntries } from "./loader.ts";
import { breakage, fact, onFreePort, type Serving, startServing, untilAsked } from "./serving.ts";
import { readSettings, type SettingFlags } from "./settings.ts";
import { shortPath } from "./stack.ts";
import { type Column, printTable } from "./table.ts";
import { err, out, print, stateText, tell } from "./terminal.ts";

export interface QuickstartFlags extends SettingFlags {
  readonly exit?: boolean;
}

const ENTRY = join(ROOT, "examples", "00-quickstart", "flow.ts");

/** What the example's flow gives. */
interface Result {
  readonly database: string;
  readonly rows: Readonly<Record<string, number>>;
  readonly refused: Readonly<Record<string, number>>;
  readonly climate: readonly Cells[];
  readonly delays: readonly Cells[];
}
type Cells = Readonly<Record<string, string | number>>;

export async function quickstart(flags: QuickstartFlags): Promise<void> {
  if (!existsSync(ENTRY))
    throw new WindhoverError("WH2009", {
      message: "The quickstart comes with the repository, not with the package.",
      expected: ENTRY,
      got: "no such file",
      action: "Clone the repository and run `npm start` there; in your own project, `windhover run FILE`.",
    });
  const settings = await readSettings(flags);
  const loaded = await loadEntries([ENTRY]);
  const { broken, onFatal } = breakage();
  // With --exit nobody will look at the port, so none is asked for that somebody may have.
  const serving = await onFreePort(flags.exit ? 0 : settings.port, (port) => startServing(loaded, { ...settings, port, onFatal }));
  const asked = untilAsked(broken);
  asked.catch(() => {});
  try {
    tell(`\n${err(`Windhover ${VERSION}`, "bold")}  ${err("the quickstart: three real tables, extracted, validated, loaded, summed up", "dim")}\n`);
    const completed = await Promise.race([runOnce(serving, loaded, settings.directory), asked.then(() => "interrupted" as const)]);
    if (completed === "interrupted") {
      process.exitCode = EXIT.interrupted;
      return;
    }
    if (!completed) process.exitCode = EXIT.failed;
    if (flags.exit) return;
    tellWhere(serving, settings.directory);
    await asked;
  } finally {
    await serving.close();
  }
}

async function runOnce({ client, backend }: Serving, loaded: Loaded, directory: string): Promise<boolean> {
  const definition = loaded.code.flow("quickstart");
  const run = await client.start(definition, { database: join(directory, "quickstart.db") });
  await run.result().catch(() => undefined);
  const state = await run.state();
  await backend.settle();
  const { runs } = await client.runs({ flow: "quickstart", limit: 10 });
  const summary = runs.find(({ id }) => id === run.id);
  const took = summary?.endedAt && summary.startedAt ? ` in ${shortSpan(summary.endedAt.getTime() - summary.startedAt.getTime())}` : "";
  tell(`\n${stateText(state, err)} ${err(summary?.name ?? run.id, "bold")}${took}\n`);
  if (state.type !== "COMPLETED") return false;
  show(state.result as Result);
  return true;
}

function show({ database, rows, refused, climate, delays }: Result): void {
  print(out("What was loaded", "bold"));
  printCells(Object.entries(rows).map(([table, count]) => ({ table, rows: count, refused: refused[table] ?? 0 })));
  print(`\n${out("The weather of two cities", "bold")}${out(", 2012 to 2015", "dim")}`);
  printCells(climate);
  print(`\n${out("Departures from the busiest airports", "bold")}${out(", a sample of early 2001", "dim")}`);
  printCells(delays);
  print(`\n${out(`In ${shortPath(database)}, a SQLite file with the tables ${Object.keys(rows).join(", ")}.`, "dim")}`);
}

/** Numbers of one column have the same number of decimals. */
function printCells(rows: readonly Cells[]): void {
  const titles = Object.keys(rows[0] ?? {});
  const columns = titles.map((title): Column => ({ title, ...(typeof rows[0]?.[title] === "number" ? { right: true } : { shrinks: true }) }));
  const digits = titles.map((title) => (rows.every((row) => Number.isInteger(row[title])) ? 0 : 1));
  const cell = (value: string | number | undefined, i: number): string =>
    typeof value === "number" ? value.toLocaleString("en-US", { minimumFractionDigits: digits[i], maximumFractionDigits: 1 }) : (value ?? "");
  printTable(
    columns,
    rows.map((row) => titles.map((title, i) => cell(row[title], i))),
  );
}

function tellWhere({ api }: Serving, directory: string): void {
  tell(`\n${err("Where to look", "bold")}`);
  fact("The runs", err(api.url, "cyan"));
  fact("As JSON", `${api.url}/api/runs`);
  fact("The code", shortPath(ENTRY));
  fact("The data", shortPath(directory));
  fact("Commands", `npx windhover runs ls   ${err("and", "dim")} runs inspect last   ${err("and", "dim")} --help`);
  tell(err("\nStart it again and the airports come from the cache. Ctrl-C stops.", "dim"));
}
