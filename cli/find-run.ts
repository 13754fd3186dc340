/** Which run is meant: by its id, by the beginning of its id, by its name, or `last`: the newest that is no subflow. */
import { WindhoverError } from "../engine/errors.ts";
import type { RunRow } from "../engine/events.ts";
import type { Ports } from "../engine/ports.ts";
import { runRow as rowOfLog } from "../engine/run.ts";
import { runRow, runRows } from "../sdk/run-rows.ts";
import { closest } from "./suggestion.ts";
import { dateTime } from "./terminal.ts";

const PAGE = 500;
/** Further back a run is named by its whole id. */
const ROWS = 20_000;

/** @throws WH2002 when no run is meant, or more than one. */
export async function findRun(ports: Pick<Ports, "index" | "log" | "mailbox">, text: string): Promise<RunRow> {
  const exact = (await ports.index.run(text)) ?? (await justStarted(ports.log, text)) ?? (await runRow(ports, text));
  if (exact) return exact;
  const found: RunRow[] = [];
  const names: string[] = [];
  let cursor: string | undefined;
  let seen = 0;
  do {
    const page = await runRows(ports, { limit: PAGE, cursor });
    const newest = text === "last" ? page.rows.find((row) => row.parent === undefined) : undefined;
    if (newest) return newest;
    for (const row of page.rows) {
      if (row.name === text || (text.length >= 3 && row.id.startsWith(text))) found.push(row);
      names.push(row.name);
    }
    seen += page.rows.length;
    cursor = page.cursor;
  } while (cursor !== undefined && seen < ROWS);
  const [first] = found;
  if (first && found.length === 1) return first;
  if (found.length > 1) {
    const list = found.slice(0, 5).map((row) => `${row.id} (${row.name}, ${row.flow}, ${dateTime(row.createdAt)})`);
    throw new WindhoverError("WH2002", {
      message: `"${text}" means ${found.length} runs.`,
      expected: `one of ${list.join(", ")}${found.length > 5 ? " …" : ""}`,
      got: text,
      action: "Use the run's id.",
    });
  }
  const guess = closest(text, names);
  if (names.length === 0) throw new WindhoverError("WH2002", { message: "There are no runs here yet.", got: text, action: "Start one: windhover run FILE" });
  throw new WindhoverError("WH2002", {
    message: `There is no run "${text}" here.${guess ? ` Did you mean "${guess}"?` : ""}`,
    expected: "a run's id, the beginning of one, its name, or `last`",
    got: text,
  });
}

/** A run's row may come a little after its first entry. */
async function justStarted(log: Ports["log"], id: string): Promise<RunRow | null> {
  const tail = await log.tail(`run:${id}`);
  return tail?.state.kind === "run" ? rowOfLog(id, tail.n, tail.state) : null;
}
