/**
 * The logs in the state table: an item an entry, under its actor and its number. The put of an item that must not be there yet is the commit of a turn, and the only write that a
 * step of a chain costs.
 */
import { GetItemCommand, PutItemCommand, QueryCommand, type QueryCommandInput } from "@aws-sdk/client-dynamodb";
import { WindhoverError } from "../../engine/errors.ts";
import { type Entry, LOG_VERSION } from "../../engine/events.ts";
import { parseActor } from "../../engine/messages.ts";
import type { Log, Results } from "../../engine/ports.ts";
import { pack, unpack } from "./entry-format.ts";
import { answered, failure, isConditionFailed } from "./failure.ts";
import type { Parts } from "./parts.ts";
import { expiry, type Item, KEEP_MS, padded, pages, parse, text } from "./table.ts";

/** Beyond this a packed entry lies in the bucket, and its item holds the key; an item is at most 400 KB (rule 31). Unit: bytes. */
const LARGEST_ITEM = 300_000;
/** What 8 digits can count. */
const LAST = 99_999_999;
/** Actors whose last entry is remembered. */
const REMEMBERED = 10_000;
/** Stored entries that are fetched from the bucket side by side. */
const AT_ONCE = 8;

const sortKeyOf = (n: number): string => padded(n, 8);

export function createLog({ stack, clients }: Pick<Parts, "stack" | "clients">, results: Results): Log {
  /**
   * Entries that are known to be there, by actor: the latest. Entries do not go away, so an append that follows one of them need not look for it; and every turn reads the tail
   * before it appends.
   */
  const known = new Map<string, number>();
  const know = (actor: string, n: number): void => {
    if (known.size >= REMEMBERED) known.clear();
    if (n > (known.get(actor) ?? 0)) known.set(actor, n);
  };

  const { stateTable } = stack;
  const entriesOf = (actor: string, from: number, to: number): QueryCommandInput => ({
    TableName: stateTable,
    ConsistentRead: true,
    KeyConditionExpression: "pk = :actor AND sk BETWEEN :from AND :to",
    ExpressionAttributeValues: { ":actor": text(actor), ":from": text(sortKeyOf(from)), ":to": text(sortKeyOf(to)) },
  });

  async function entryOf(actor: string, item: Item): Promise<Entry> {
    const what = `Entry ${Number(item["sk"]?.S)} of ${actor}`;
    const ref = item["ref"]?.S;
    const json = ref === undefined ? unpack(item["z"]?.B ?? new Uint8Array(), what) : await results.get(ref);
    const entry = parse<Entry>(json, what);
    if (entry.version > LOG_VERSION)
      throw new WindhoverError("WH3006", {
        message: `${what} was written in format ${entry.version}.`,
        expected: `format ${LOG_VERSION} or older`,
        got: `${entry.version}`,
      });
    return entry;
  }

  async function last(actor: string, query: Partial<QueryCommandInput>): Promise<Item | undefined> {
    const asked = { TableName: stateTable, ConsistentRead: true, ScanIndexForward: false, Limit: 1, ...query };
    const found = await answered(clients.dynamodb.send(new QueryCommand(asked)), `reading the log of ${actor}`);
    return found.Items?.[0];
  }

  async function isThere(actor: string, n: number): Promise<boolean> {
    if (n === 0 || (known.get(actor) ?? 0) >= n) return true;
    const key = { pk: text(actor), sk: text(sortKeyOf(n)) };
    const found = await answered(
      clients.dynamodb.send(new GetItemCommand({ TableName: stateTable, Key: key, ConsistentRead: true, ProjectionExpression: "pk" })),
      `reading the log of ${actor}`,
    );
    if (found.Item === undefined) return false;
    know(actor, n);
    return true;
  }

  return {
    async tail(actor) {
      const item = await last(actor, { KeyConditionExpression: "pk = :actor", ExpressionAttributeValues: { ":actor": text(actor) } });
      if (item === undefined) return null;
      const entry = await entryOf(actor, item);
      know(actor, entry.n);
      return entry;
    },

    async read(actor, from = 1, to = LAST) {
      const first = Math.max(1, from);
      const end = Math.min(to, LAST);
      if (first > end) return [];
      const entries: Entry[] = [];
      for await (const page of pages(clients.dynamodb, entriesOf(actor, first, end))) {
        page.forEach((item, i) => {
          const n = first + entries.length + i;
          if (item["sk"]?.S !== sortKeyOf(n)) throw gap(actor, n);
        });
        for (let i = 0; i < page.length; i += AT_ONCE) entries.push(...(await Promise.all(page.slice(i, i + AT_ONCE).map((item) => entryOf(actor, item)))));
      }
      const next = first + entries.length;
      if (next > end || to >= LAST) return entries;
      // The range was not filled: either the log ends here, or what is missing stands before something.
      const later = { ...entriesOf(actor, next, LAST), ProjectionExpression: "sk" };
      if (await last(actor, later)) throw gap(actor, next);
      return entries;
    },

    async append(entry) {
      const { actor, n } = entry;
      if (n < 1 || n > LAST || !(await isThere(actor, n - 1))) return false;
      const json = JSON.stringify(entry);
      const z = pack(json);
      const stored: Item = z.length > LARGEST_ITEM ? { ref: text(await results.put(json)) } : { z: { B: z } };
      const expires: Item = parseActor(actor).kind === "run" ? { ttl: expiry(entry.at + KEEP_MS) } : {};
      const item: Item = { pk: text(actor), sk: text(sortKeyOf(n)), ...stored, ...expires };
      try {
        await clients.dynamodb.send(new PutItemCommand({ TableName: stateTable, Item: item, ConditionExpression: "attribute_not_exists(pk)" }));
      } catch (error) {
        // Also when it was our own put whose answer was lost and which the SDK tried again: whose entry it is, its nonce tells (rule 8).
        if (isConditionFailed(error)) return false;
        throw failure(error, `appending entry ${n} to the log of ${actor}`);
      }
      know(actor, n);
      return true;
    },
  };
}

const gap = (actor: string, n: number): WindhoverError =>
  new WindhoverError("WH3005", { message: `Entry ${n} of the log of ${actor} is missing.`, expected: `entry ${n}`, got: "nothing" });
