/**
 * The logs in the state table: an item an entry, under its actor and its number. The put of an item that must not be there yet is the commit of a turn, and the only write that a
 * step of a chain costs.
 */
import { type DynamoDBClient, GetItemCommand, PutItemCommand, QueryCommand, type QueryCommandInput } from "@aws-sdk/client-dynamodb";
import { WindhoverError } from "../../engine/errors.ts";
import { type Entry, LOG_VERSION } from "../../engine/events.ts";
import { parseActor } from "../../engine/messages.ts";
import type { Log, Results } from "../../engine/ports.ts";
import { pack, unpack } from "./entry-format.ts";
import { answered, failure, isConditionFailed } from "./failure.ts";
import type { Parts } from "./parts.ts";
import { createResults } from "./results.ts";
import { expiry, type Item, KEEP_MS, padded, pages, parse, text } from "./table.ts";

/** Beyond this a packed entry lies in the bucket, and its item holds the key; an item is at most 400 KB (rule 31). Unit: bytes. */
export const LARGEST_ITEM = 300_000;
/** What 8 digits can count. */
const LAST = 99_999_999;
/** Actors whose last entry is remembered. */
const REMEMBERED = 10_000;
/** Entries that are fetched from the bucket side by side. */
const AT_ONCE = 8;

export const createLog = (parts: Pick<Parts, "stack" | "clients" | "clock">): Log => new AwsLog(parts);

class AwsLog implements Log {
  readonly #client: DynamoDBClient;
  readonly #table: string;
  readonly #results: Results;
  /**
   * Entries that are known to be there, by actor: the latest. Entries do not go away, so an append that follows one of them need not look for it; and every turn reads the tail
   * before it appends.
   */
  readonly #known = new Map<string, number>();

  constructor(parts: Pick<Parts, "stack" | "clients" | "clock">) {
    this.#client = parts.clients.dynamodb;
    this.#table = parts.stack.stateTable;
    this.#results = createResults(parts);
  }

  async tail(actor: string): Promise<Entry | null> {
    const item = await this.#last(actor, { KeyConditionExpression: "pk = :actor", ExpressionAttributeValues: { ":actor": text(actor) } });
    if (item === undefined) return null;
    const entry = await this.#entry(actor, item);
    this.#know(actor, entry.n);
    return entry;
  }

  async read(actor: string, from = 1, to = LAST): Promise<readonly Entry[]> {
    const first = Math.max(1, from);
    const end = Math.min(to, LAST);
    if (first > end) return [];
    const entries: Entry[] = [];
    for await (const page of pages(this.#client, this.#range(actor, first, end))) {
      for (const [i, item] of page.entries()) if (item["sk"]?.S !== sortKeyOf(first + entries.length + i)) throw gap(actor, first + entries.length + i);
      for (let i = 0; i < page.length; i += AT_ONCE) {
        const few = page.slice(i, i + AT_ONCE);
        entries.push(...(await Promise.all(few.map((item) => this.#entry(actor, item)))));
      }
    }
    const next = first + entries.length;
    if (next > end || to >= LAST) return entries;
    // The range was not filled: either the log ends here, or what is missing stands before something.
    if (await this.#last(actor, { ...this.#range(actor, next, LAST), ProjectionExpression: "sk" })) throw gap(actor, next);
    return entries;
  }

  async append(entry: Entry): Promise<boolean> {
    const { actor, n } = entry;
    if (n < 1 || n > LAST || !(await this.#isThere(actor, n - 1))) return false;
    const json = JSON.stringify(entry);
    const z = pack(json);
    const stored: Item = z.length > LARGEST_ITEM ? { ref: text(await this.#results.put(json)) } : { z: { B: z } };
    // The tail of a limit or a deployment never expires (rule 32).
    const expires: Item = parseActor(actor).kind === "run" ? { ttl: expiry(entry.at + KEEP_MS) } : {};
    const item: Item = { ...keyOf(actor, n), ...stored, ...expires };
    try {
      await this.#client.send(new PutItemCommand({ TableName: this.#table, Item: item, ConditionExpression: "attribute_not_exists(pk)" }));
    } catch (error) {
      // Also when it was our own put whose answer was lost and which the SDK tried again: whose entry it is, its nonce tells (rule 8).
      if (isConditionFailed(error)) return false;
      throw failure(error, `appending entry ${n} to the log of ${actor}`);
    }
    this.#know(actor, n);
    return true;
  }

  async #isThere(actor: string, n: number): Promise<boolean> {
    if (n === 0 || (this.#known.get(actor) ?? 0) >= n) return true;
    const look = new GetItemCommand({ TableName: this.#table, Key: keyOf(actor, n), ConsistentRead: true, ProjectionExpression: "pk" });
    if ((await answered(this.#client.send(look), `reading the log of ${actor}`)).Item === undefined) return false;
    this.#know(actor, n);
    return true;
  }

  #know(actor: string, n: number): void {
    if (this.#known.size >= REMEMBERED) this.#known.clear();
    if (n > (this.#known.get(actor) ?? 0)) this.#known.set(actor, n);
  }

  #range(actor: string, from: number, to: number): QueryCommandInput {
    return {
      TableName: this.#table,
      ConsistentRead: true,
      KeyConditionExpression: "pk = :actor AND sk BETWEEN :from AND :to",
      ExpressionAttributeValues: { ":actor": text(actor), ":from": text(sortKeyOf(from)), ":to": text(sortKeyOf(to)) },
    };
  }

  async #last(actor: string, query: Partial<QueryCommandInput>): Promise<Item | undefined> {
    const asked = { TableName: this.#table, ConsistentRead: true, ScanIndexForward: false, Limit: 1, ...query };
    const { Items = [] } = await answered(this.#client.send(new QueryCommand(asked)), `reading the log of ${actor}`);
    return Items[0];
  }

  async #entry(actor: string, item: Item): Promise<Entry> {
    const what = `Entry ${Number(item["sk"]?.S)} of ${actor}`;
    const ref = item["ref"]?.S;
    const json = ref === undefined ? unpack(item["z"]?.B ?? new Uint8Array(), what) : await this.#results.get(ref);
    const entry = parse<Entry>(json, what);
    if (entry.version <= LOG_VERSION) return entry;
    throw new WindhoverError("WH3006", {
      message: `${what} was written in format ${entry.version}.`,
      expected: `format ${LOG_VERSION} or older`,
      got: String(entry.version),
    });
  }
}

const sortKeyOf = (n: number): string => padded(n, 8);
const keyOf = (actor: string, n: number): Item => ({ pk: text(actor), sk: text(sortKeyOf(n)) });

const gap = (actor: string, n: number): WindhoverError =>
  new WindhoverError("WH3005", { message: `Entry ${n} of the log of ${actor} is missing.`, expected: `entry ${n}`, got: "nothing" });
