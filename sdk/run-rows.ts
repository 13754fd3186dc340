/**
 * The runs table as people see it: with the runs that were accepted and that nobody has taken. Those have no row, because a row for each would be a write for each; their starts
 * lie in the mail and say all that a row would, where the mail can be looked into.
 */
import { WindhoverError } from "../engine/errors.ts";
import type { RunRow } from "../engine/events.ts";
import { type DeploymentSettings, parseActor, type StartMessage } from "../engine/messages.ts";
import { runName } from "../engine/names.ts";
import type { Ports, RunFilter, StartsWanted, WaitingStart } from "../engine/ports.ts";
import { matches } from "../engine/run-filter.ts";

type Looked = Pick<Ports, "index" | "log" | "mailbox">;
interface Page {
  readonly rows: readonly RunRow[];
  readonly cursor?: string;
}

/** As the index gives where it gives no limit. */
const PAGE = 100;

export async function runRow(ports: Looked, id: string): Promise<RunRow | null> {
  const row = await ports.index.run(id);
  if (row || !ports.mailbox.starts) return row;
  // Taken between the two looks, it has its row by now.
  return (await waitingRows(ports, { run: id }))[0] ?? (await ports.index.run(id));
}

/** Newest first. @throws WH2015 for a cursor of something else. */
export async function runRows(ports: Looked, filter: RunFilter): Promise<Page> {
  const { index, mailbox } = ports;
  const from = readPlace(filter.cursor);
  // A cursor of the index itself: no start was waiting when it was given, and those that came since are newer.
  if (!mailbox.starts || (filter.states && !filter.states.includes("PENDING")) || (filter.cursor !== undefined && !from)) return index.runs(filter);
  const until = Math.min(filter.until ?? Number.MAX_SAFE_INTEGER, from?.createdAt ?? Number.MAX_SAFE_INTEGER);
  // The mail comes first: what is taken after this look has its row in the next.
  const waiting = (await waitingRows(ports, { until })).filter((row) => matches(row, filter));
  const below: RunFilter = { ...filter, limit: Math.max(1, filter.limit ?? PAGE), cursor: from?.cursor || undefined };
  const page: Page = from?.cursor === false ? { rows: [] } : await index.runs(below);
  const isNew = (row: RunRow): boolean => !from || order(from, row) < 0;
  if (waiting.length === 0) return { ...page, rows: page.rows.filter(isNew) };
  const known = new Set(page.rows.map(({ id }) => id));
  // What is older than the page's end has its place on a later one, between the rows that are still to come.
  const last = page.cursor === undefined ? undefined : page.rows.at(-1);
  const here = waiting.filter((row) => isNew(row) && !known.has(row.id) && (!last || order(row, last) < 0));
  const all = [...page.rows.filter(isNew), ...here].sort(order);
  const rows = all.slice(0, below.limit);
  const end = rows.at(-1);
  if (!end || (rows.length === all.length && page.cursor === undefined)) return { rows };
  const taken = page.rows.indexOf(rows.findLast(({ id }) => known.has(id)) as RunRow) + 1;
  return { rows, cursor: writePlace({ createdAt: end.createdAt, id: end.id, cursor: await cursorAfter(index, below, page, taken) }) };
}

/** Where the index goes on after the first rows of a page; false when nothing is left there. */
async function cursorAfter(index: Ports["index"], filter: RunFilter, page: Page, taken: number): Promise<Place["cursor"]> {
  if (taken === page.rows.length) return page.cursor ?? false;
  if (taken === 0) return filter.cursor ?? null;
  return (await index.runs({ ...filter, limit: taken })).cursor ?? false;
}

/** The last run of a page, and the index's own cursor: null is its beginning, false its end. */
interface Place {
  readonly createdAt: number;
  readonly id: string;
  readonly cursor: string | null | false;
}
/** No index begins its cursors like this. */
const PREFIX = "w.";

const writePlace = ({ createdAt, id, cursor }: Place): string => PREFIX + Buffer.from(JSON.stringify([createdAt, id, cursor])).toString("base64url");

function readPlace(cursor: string | undefined): Place | undefined {
  if (!cursor?.startsWith(PREFIX)) return undefined;
  try {
    const [createdAt, id, inner] = JSON.parse(Buffer.from(cursor.slice(PREFIX.length), "base64url").toString()) as readonly unknown[];
    if (typeof createdAt === "number" && typeof id === "string" && (typeof inner === "string" || inner === null || inner === false))
      return { createdAt, id, cursor: inner };
  } catch {
    // Whatever it was, it is refused below.
  }
  throw new WindhoverError("WH2015", { message: `"${cursor}" is not a cursor.`, expected: "the cursor of the page before", got: cursor });
}

/** As every index has them: the newest first, and those of one moment by their ids. */
const order = (a: Pick<RunRow, "createdAt" | "id">, b: Pick<RunRow, "createdAt" | "id">): number =>
  b.createdAt - a.createdAt || (a.id < b.id ? 1 : a.id > b.id ? -1 : 0);

async function waitingRows(ports: Looked, wanted: StartsWanted): Promise<readonly RunRow[]> {
  const rows = new Map<string, RunRow>();
  const settings = new Map<string, DeploymentSettings | undefined>();
  for (const start of (await ports.mailbox.starts?.(wanted)) ?? []) {
    const { actor, message } = start;
    if (message.kind === "start") {
      rows.set(parseActor(actor).name, rowOfStart(parseActor(actor).name, message));
      continue;
    }
    // Between two turns the trigger and the start that came of it may both be in the mail.
    if (rows.has(message.run)) continue;
    if (!settings.has(actor)) settings.set(actor, start.settings ?? (await settingsOf(ports, actor)));
    rows.set(message.run, rowOfTrigger(parseActor(actor).name, message, settings.get(actor)));
  }
  return [...rows.values()];
}

async function settingsOf({ log }: Looked, actor: string): Promise<DeploymentSettings | undefined> {
  const state = (await log.tail(actor))?.state;
  return state?.kind === "deployment" ? state.settings : undefined;
}

function rowOfStart(
  id: string,
  { flow, name, deployment, starter, tags = [], createdAt, scheduledTime, version, build, origin, inherits }: StartMessage,
): RunRow {
  const parent = starter && parseActor(starter.actor).kind === "run" ? parseActor(starter.actor).name : undefined;
  return { ...waiting(id, createdAt), name, flow, deployment, parent, tags, scheduledTime, version, build, origin: origin?.run ?? inherits?.run };
}

function rowOfTrigger(
  deployment: string,
  { run, name = runName(run), tags = [], createdAt, scheduledTime }: Extract<WaitingStart["message"], { kind: "trigger" }>,
  settings: DeploymentSettings | undefined,
): RunRow {
  const { flow = "", tags: own = [], version } = settings ?? {};
  return { ...waiting(run, createdAt), name, flow, deployment, tags: [...new Set([...own, ...tags])], scheduledTime, version };
}

const waiting = (id: string, createdAt: number): Pick<RunRow, "id" | "seq" | "createdAt" | "state"> => ({
  id,
  seq: 0,
  createdAt,
  state: {
    type: "PENDING",
    name: "Pending",
    timestamp: createdAt,
    reason: { code: NOT_TAKEN, message: "Its start waits for a process that knows its flow: windhover dev", since: createdAt },
  },
});
/** Why a run waits that nobody has taken. */
export const NOT_TAKEN = "start";
