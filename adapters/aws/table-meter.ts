/**
 * What a request to DynamoDB costs on demand (docs.aws.amazon.com, "DynamoDB read and write operations"): writes by the larger of what is there and what is put, once more for
 * each index that the item is in, twice in one whose key changes; a failed condition like a success, without the indexes; transactions double.
 */
import type { AttributeValue } from "@aws-sdk/client-dynamodb";
import type { AnsweredRequest } from "./clients.ts";
import { type Item, itemSize, readUnits, valueSize, writeUnits } from "./item-size.ts";
import type { Amount, Usage } from "./usage.ts";

export interface IndexKeys {
  readonly index: string;
  /** The index's partition key and sort key. An item that lacks one is not in the index. */
  readonly keys: readonly string[];
}

interface Put {
  readonly TableName?: string;
  readonly Item?: Item;
  readonly Key?: Item;
  readonly ExpressionAttributeValues?: Item;
}
interface Read extends Put {
  readonly ConsistentRead?: boolean;
  readonly IndexName?: string;
}
interface Answer {
  readonly ConsumedCapacity?: Consumed | readonly Consumed[];
  readonly Item?: Item;
  readonly Items?: readonly Item[];
  readonly Attributes?: Item;
  readonly Responses?: unknown;
}
interface Consumed {
  readonly CapacityUnits?: number;
}
interface Written {
  readonly units: number;
  readonly bytes: number;
  readonly stored: number;
}

/** What DynamoDB adds to each item that it keeps. Unit: bytes. */
const ITEM_BYTES = 100;
const FREE = /^(Describe|List|Create|Delete|Update|Tag)(Table|Tables|TimeToLive|ContinuousBackups|Resource|Endpoints)$/;

export class TableMeter {
  readonly #indexes: Readonly<Record<string, readonly IndexKeys[]>>;
  readonly #known: Map<string, Item> | undefined;

  constructor(indexes: Readonly<Record<string, readonly IndexKeys[]>>, remember: boolean) {
    this.#indexes = indexes;
    this.#known = remember ? new Map() : undefined;
  }

  amountOf({ operation, input, output, error }: AnsweredRequest): Amount | undefined {
    if (FREE.test(operation)) return undefined;
    const refused = (error as { readonly name?: string } | undefined)?.name;
    if (error !== undefined && refused !== "ConditionalCheckFailedException" && refused !== "TransactionCanceledException") return undefined;
    const table = String((input as Put).TableName ?? "");
    const answer = output as Answer;
    switch (operation) {
      case "PutItem":
      case "UpdateItem":
      case "DeleteItem":
        return writing(table, this.#told(answer), [this.#write(operation, table, input as Put, answer.Attributes, error !== undefined)]);
      case "BatchWriteItem":
        return writing(tablesOf(input), this.#told(answer), this.#batch(input));
      case "TransactWriteItems":
        return writing("transaction", this.#told(answer), this.#transaction(input, error !== undefined), 2);
      case "GetItem":
        return reading(table, this.#told(answer), input as Read, [answer.Item ? this.#sizeOf(table, answer.Item) : 0]);
      case "Query":
      case "Scan":
        return reading(table, this.#told(answer), input as Read, [(answer.Items ?? []).reduce((sum, item) => sum + this.#sizeOf(table, item), 0)]);
      case "BatchGetItem": {
        const tables = Object.entries((answer.Responses ?? {}) as Readonly<Record<string, readonly Item[]>>);
        const sizes = tables.flatMap(([name, items]) => items.map((item) => this.#sizeOf(name, item)));
        const requested = (input as { readonly RequestItems: Readonly<Record<string, Read & { readonly Keys: readonly unknown[] }>> }).RequestItems;
        const keys = Object.values(requested).reduce((sum, { Keys }) => sum + Keys.length, 0);
        while (sizes.length < keys) sizes.push(0); // What is not there costs as well.
        return reading(tablesOf(input), this.#told(answer), { ConsistentRead: Object.values(requested).some(({ ConsistentRead }) => ConsistentRead) }, sizes);
      }
      default:
        return { of: table, bytes: 0, usage: { "unknown.requests": 1 } };
    }
  }

  /** What the answer itself says. */
  #told({ ConsumedCapacity }: Answer): number | undefined {
    if (ConsumedCapacity === undefined) return undefined;
    const all = Array.isArray(ConsumedCapacity) ? (ConsumedCapacity as readonly Consumed[]) : [ConsumedCapacity as Consumed];
    return all.reduce((sum, { CapacityUnits = 0 }) => sum + CapacityUnits, 0);
  }

  /** An item that was read through a projection is paid for whole. */
  #sizeOf(table: string, item: Item): number {
    return Math.max(itemSize(item), itemSize(this.#known?.get(nameOf(table, item)) ?? {}));
  }

  #write(operation: string, table: string, put: Put, attributes: Item | undefined, refused: boolean): Written {
    const name = nameOf(table, put.Item ?? put.Key ?? {});
    const before = this.#known?.get(name);
    const after = operation === "DeleteItem" ? undefined : (put.Item ?? updated(put, before, attributes));
    const bytes = Math.max(before ? itemSize(before) : 0, after ? itemSize(after) : 0);
    if (refused) return { units: writeUnits(bytes), bytes, stored: 0 };
    if (after) this.#known?.set(name, after);
    else this.#known?.delete(name);
    const indexes = this.#indexes[table] ?? [];
    const copies = (item: Item | undefined): number => (item ? 1 + indexes.filter(({ keys }) => isIn(item, keys)).length : 0);
    const kept = (item: Item | undefined): number => (item ? copies(item) * (itemSize(item) + ITEM_BYTES) : 0);
    const units = indexes.reduce((sum, { keys }) => sum + indexWrites(before, after, keys) * writeUnits(bytes), writeUnits(bytes));
    return { units, bytes, stored: kept(after) - kept(before) };
  }

  #batch(input: object): Written[] {
    const { RequestItems } = input as {
      readonly RequestItems: Readonly<Record<string, readonly { readonly PutRequest?: Put; readonly DeleteRequest?: Put }[]>>;
    };
    return Object.entries(RequestItems).flatMap(([table, requests]) =>
      requests.map(({ PutRequest, DeleteRequest = {} }) =>
        PutRequest ? this.#write("PutItem", table, PutRequest, undefined, false) : this.#write("DeleteItem", table, DeleteRequest, undefined, false),
      ),
    );
  }

  #transaction(input: object, refused: boolean): Written[] {
    const { TransactItems } = input as {
      readonly TransactItems: readonly { readonly Put?: Put; readonly Update?: Put; readonly Delete?: Put; readonly ConditionCheck?: Put }[];
    };
    return TransactItems.map(({ Put, Update, Delete, ConditionCheck }) => {
      if (Put) return this.#write("PutItem", String(Put.TableName), Put, undefined, refused);
      if (Update) return this.#write("UpdateItem", String(Update.TableName), Update, undefined, refused);
      if (Delete) return this.#write("DeleteItem", String(Delete.TableName), Delete, undefined, refused);
      return { units: 1, bytes: itemSize(ConditionCheck?.Key ?? {}), stored: 0 };
    });
  }
}

const nameOf = (table: string, item: Item): string => `${table}\n${item["pk"]?.S}\n${item["sk"]?.S}`;
const tablesOf = (input: object): string => Object.keys((input as { readonly RequestItems?: object }).RequestItems ?? {}).join(" ");
const isIn = (item: Item, keys: readonly string[]): boolean => keys.every((key) => item[key] !== undefined);
const textOf = (value: AttributeValue | undefined): string => JSON.stringify(value ?? null);

/** An update does not say what the item becomes: where neither the answer nor memory does, it is taken to be its key and the values that were given. */
function updated(update: Put, before: Item | undefined, attributes: Item | undefined): Item {
  if (attributes && "pk" in attributes) return attributes;
  const given = Object.fromEntries(Object.entries(update.ExpressionAttributeValues ?? {}).filter(([, value]) => valueSize(value) > 0));
  return { ...update.Key, ...given, ...before };
}

function indexWrites(before: Item | undefined, after: Item | undefined, keys: readonly string[]): number {
  const was = before !== undefined && isIn(before, keys);
  const is = after !== undefined && isIn(after, keys);
  if (was && is) return keys.every((key) => textOf(before[key]) === textOf(after[key])) ? 1 : 2;
  return was || is ? 1 : 0;
}

function writing(of: string, told: number | undefined, written: readonly Written[], factor = 1): Amount {
  const bytes = written.reduce((sum, one) => sum + one.bytes, 0);
  const stored = written.reduce((sum, one) => sum + one.stored, 0);
  const units = told ?? factor * written.reduce((sum, one) => sum + one.units, 0);
  const usage: Usage = { "dynamodb.writeUnits": units, ...(stored !== 0 && { "dynamodb.storedBytes": stored }) };
  return { of, bytes, usage };
}

/** The sizes of what is read together are added up before they are rounded. */
function reading(of: string, told: number | undefined, { ConsistentRead = false }: Read, sizes: readonly number[]): Amount {
  const units = told ?? sizes.reduce((sum, bytes) => sum + readUnits(bytes, ConsistentRead), 0);
  return { of, bytes: sizes.reduce((a, b) => a + b, 0), usage: { "dynamodb.readUnits": units } };
}
