/** Items of a table: how values are written into one and read out, and how a query is read to its end. */
import { createHash } from "node:crypto";
import { type AttributeValue, type DynamoDBClient, QueryCommand, type QueryCommandInput } from "@aws-sdk/client-dynamodb";
import { damaged, pack, unpack } from "./entry-format.ts";
import { answered } from "./failure.ts";

export type Item = Record<string, AttributeValue>;

export const DAY_MS = 864e5;
/** How long what belongs to a run is kept: longer than a run may wait (366 days), by a month (rule 32). */
export const KEEP_MS = 400 * DAY_MS;

export const text = (value: string): AttributeValue => ({ S: value });
export const number = (value: number): AttributeValue => ({ N: String(value) });

/** The attribute `z`: a value as packed JSON. */
export const packed = (value: unknown): AttributeValue => ({ B: pack(JSON.stringify(value)) });

/** @throws WindhoverError WH3006 or WH3001 when it cannot be read: see `unpack`. */
export function unpacked<T>(item: Item, what: string): T {
  const bytes = item["z"]?.B;
  if (bytes === undefined) throw damaged(what, "its item has no value");
  return parse<T>(unpack(bytes, what), what);
}

export function parse<T>(json: string, what: string): T {
  try {
    return JSON.parse(json) as T;
  } catch (cause) {
    throw damaged(what, (cause as Error).message, cause);
  }
}

/** A time as the time to live wants it: in whole seconds, and not before that time. */
export const expiry = (ms: number): AttributeValue => number(Math.ceil(ms / 1000));

/** A number as text in the order of numbers. */
export const padded = (value: number, digits: number): string => String(value).padStart(digits, "0");

/** What a sort key may be at most. Unit: bytes. */
const LONGEST_KEY = 900;
const HASHED = "sha256:";

/** Any text as a sort key, of which DynamoDB wants 1 to 1024 bytes: what does not fit is hashed, and so is what looks like a hash of ours. Different texts have different keys. */
export function sortKey(value: string): string {
  const fits = value !== "" && !value.startsWith(HASHED) && Buffer.byteLength(value) <= LONGEST_KEY;
  return fits ? value : HASHED + createHash("sha256").update(value).digest("base64url");
}
export const isHashed = (key: string): boolean => key.startsWith(HASHED);

/** All items of a query, page by page; a page is at most 1 MB. @throws WindhoverError WH31xx: see `failure.ts`. */
export async function* pages(client: DynamoDBClient, query: QueryCommandInput): AsyncGenerator<readonly Item[], void> {
  let from: Item | undefined;
  do {
    const page = await answered(client.send(new QueryCommand({ ...query, ...(from && { ExclusiveStartKey: from }) })), `reading ${query.TableName}`);
    yield page.Items ?? [];
    from = page.LastEvaluatedKey;
  } while (from);
}

export async function items(client: DynamoDBClient, query: QueryCommandInput): Promise<Item[]> {
  const all: Item[] = [];
  for await (const page of pages(client, query)) all.push(...page);
  return all;
}
