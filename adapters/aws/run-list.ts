/**
 * Lists of runs, newest first. A filter is asked of the index that knows most about it (parent, flow, state), the rest is looked at here. What no single partition answers, such as
 * all runs, is merged from several: a table has no index over everything, because its one partition would take every run's writes.
 */
import { type DynamoDBClient, QueryCommand } from "@aws-sdk/client-dynamodb";
import { WindhoverError } from "../../engine/errors.ts";
import type { RunRow, StateType } from "../../engine/events.ts";
import type { RunFilter } from "../../engine/ports.ts";
import { matches } from "../../engine/run-filter.ts";
import { answered } from "./failure.ts";
import { moment } from "./run-place.ts";
import { type Item, text, unpacked } from "./table.ts";

/** Rows of a page for which no limit was given. */
const PAGE = 100;
/** Rows that one call looks at: a filter that hardly anything passes gives a short page, or an empty one, and a cursor. */
const LOOKS = 10_000;
/** Rows of one query. */
const FETCH = { least: 10, most: 500 };

export interface RunTable {
  readonly client: DynamoDBClient;
  readonly table: string;
  /** The names of all flows that have runs. */
  flows(): Promise<readonly string[]>;
}

const compare = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

const toCursor = (place: string): string => Buffer.from(JSON.stringify(place)).toString("base64url");

function fromCursor(cursor: string): string {
  try {
    const place: unknown = JSON.parse(Buffer.from(cursor, "base64url").toString());
    if (typeof place === "string" && /^\d{15}#./su.test(place)) return place;
  } catch {
    // Whatever it was, it is refused below.
  }
  throw new WindhoverError("WH2015", { message: `${JSON.stringify(cursor)} is not a cursor.`, got: cursor });
}

interface Range {
  readonly low: string;
  readonly high: string;
  /** Only what stands before it: the row that the page before ended with. */
  readonly before?: string;
}

/** The runs of one partition of an index, the newest first, fetched as they are wanted. */
class Partition {
  readonly #table: RunTable;
  readonly #index: string;
  readonly #key: string;
  readonly #value: string;
  readonly #range: Range;
  readonly #fetch: number;
  #rows: { readonly place: string; readonly row: RunRow }[] = [];
  #from: Item | undefined;
  #ended = false;

  constructor(table: RunTable, [index, key, value]: Source, range: Range, fetch: number) {
    this.#table = table;
    this.#index = index;
    this.#key = key;
    this.#value = value;
    this.#range = range;
    this.#fetch = fetch;
  }

  /** Makes sure that the next row is known, if there is one. */
  async fill(): Promise<void> {
    while (this.#rows.length === 0 && !this.#ended) {
      const { low, high, before } = this.#range;
      const page = await answered(
        this.#table.client.send(
          new QueryCommand({
            TableName: this.#table.table,
            IndexName: this.#index,
            KeyConditionExpression: "#key = :key AND #at BETWEEN :low AND :high",
            ExpressionAttributeNames: { "#key": this.#key, "#at": "at" },
            ExpressionAttributeValues: { ":key": text(this.#value), ":low": text(low), ":high": text(high) },
            ScanIndexForward: false,
            Limit: this.#fetch,
            ...(this.#from && { ExclusiveStartKey: this.#from }),
          }),
        ),
        "listing runs",
      );
      this.#from = page.LastEvaluatedKey;
      this.#ended = this.#from === undefined;
      const rows = (page.Items ?? []).map((item) => ({ place: item["at"]?.S as string, row: unpacked<RunRow>(item, `The row of run ${item["pk"]?.S}`) }));
      this.#rows = rows.filter(({ place }) => place !== before);
    }
  }

  get place(): string | undefined {
    return this.#rows[0]?.place;
  }

  take(): RunRow {
    return (this.#rows.shift() as { readonly row: RunRow }).row;
  }
}

type Source = readonly [index: string, key: string, value: string];

/** Runs in these states are not in the index by state: a stack has most of its runs in them. */
const UNLISTED: ReadonlySet<StateType> = new Set<StateType>(["COMPLETED", "CANCELLED"]);
/** Of these there are never more than run at the moment. */
const PASSING: ReadonlySet<StateType> = new Set<StateType>(["SCHEDULED", "PENDING", "RUNNING", "CANCELLING", "PAUSED"]);

async function sourcesOf(table: RunTable, { parent, flow, states }: RunFilter): Promise<readonly Source[]> {
  const byState = (types: readonly StateType[]): readonly Source[] => [...new Set(types)].map((type) => ["byState", "state", type]);
  if (parent !== undefined) return parent === "" ? [] : [["byParent", "parent", parent]];
  if (states?.every((type) => PASSING.has(type))) return byState(states);
  if (flow !== undefined) return flow === "" ? [] : [["byFlow", "flow", flow]];
  if (states?.every((type) => !UNLISTED.has(type))) return byState(states);
  return (await table.flows()).map((name) => ["byFlow", "flow", name]);
}

export interface RunPage {
  readonly rows: readonly RunRow[];
  readonly cursor?: string;
}

/** @throws WindhoverError WH2015 when the cursor is none of ours. */
export async function listRuns(table: RunTable, filter: RunFilter): Promise<RunPage> {
  const before = filter.cursor === undefined ? undefined : fromCursor(filter.cursor);
  const limit = Math.max(1, filter.limit ?? PAGE);
  const latest = filter.until === undefined ? "9$" : `${moment(filter.until)}$`;
  const low = moment(filter.since ?? 0);
  const high = before !== undefined && compare(before, latest) < 0 ? before : latest;
  if (compare(low, high) > 0) return { rows: [] };
  const sources = await sourcesOf(table, filter);
  const fetch = Math.min(FETCH.most, limit + 2, Math.max(FETCH.least, Math.ceil((2 * limit) / Math.max(1, sources.length))));
  const range: Range = before === undefined ? { low, high } : { low, high, before };
  const partitions = sources.map((source) => new Partition(table, source, range, fetch));
  const rows: RunRow[] = [];
  const seen = new Set<string>();
  let last = "";
  for (let looks = 0; ; looks++) {
    await Promise.all(partitions.map((partition) => partition.fill()));
    const newest = newestOf(partitions);
    if (newest === undefined) return { rows };
    // Only now is it known that there is more.
    if (rows.length === limit || looks === LOOKS) return { rows, cursor: toCursor(last) };
    last = newest.place as string;
    const row = newest.take();
    // A run that changed its state while we asked is in two lists.
    if (matches(row, filter) && !seen.has(row.id)) rows.push(row);
    seen.add(row.id);
  }
}

function newestOf(partitions: readonly Partition[]): Partition | undefined {
  let newest: Partition | undefined;
  for (const partition of partitions)
    if (partition.place !== undefined && (newest?.place === undefined || compare(partition.place, newest.place) > 0)) newest = partition;
  return newest;
}
