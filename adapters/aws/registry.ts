/** Settings and caches in the state table: a partition a kind; the caches, which grow large and hot, have sixteen. */
import { createHash } from "node:crypto";
import { DeleteItemCommand, GetItemCommand, PutItemCommand } from "@aws-sdk/client-dynamodb";
import type { Registry, RegistryValue } from "../../engine/ports.ts";
import { answered } from "./failure.ts";
import type { Parts } from "./parts.ts";
import { expiry, type Item, isHashed, items, packed, sortKey, text, unpacked } from "./table.ts";

/** Of the kind `cache`. */
const PARTITIONS = 16;

/** A value as it is stored: with its key where the sort key is only a hash of it. */
interface Row extends RegistryValue {
  readonly key?: string;
}

const partitionsOf = (kind: string): readonly string[] =>
  kind === "cache" ? Array.from({ length: PARTITIONS }, (_, i) => `registry/cache/${i.toString(PARTITIONS)}`) : [`registry/${kind}`];

function partitionOf(kind: string, key: string): string {
  const partitions = partitionsOf(kind);
  const place = partitions.length === 1 ? 0 : (createHash("sha256").update(key).digest()[0] as number) % partitions.length;
  return partitions[place] as string;
}

export function createRegistry({ stack, clients, clock }: Pick<Parts, "stack" | "clients" | "clock">): Registry {
  const { stateTable: TableName } = stack;
  const keyOf = (kind: string, key: string): Item => ({ pk: text(partitionOf(kind, key)), sk: text(sortKey(key)) });
  /** The time to live deletes hours or days after the time; until then an expired item is as good as absent. */
  const alive = ({ expiresAt }: Row): boolean => expiresAt === undefined || expiresAt > clock.now();

  return {
    async get(kind, key) {
      const found = await answered(
        clients.dynamodb.send(new GetItemCommand({ TableName, Key: keyOf(kind, key), ConsistentRead: true })),
        `reading the ${kind} ${key}`,
      );
      if (found.Item === undefined) return null;
      const { key: _, ...value } = unpacked<Row>(found.Item, `The ${kind} ${key}`);
      return alive(value) ? value : null;
    },

    async put(kind, key, value) {
      const Key = keyOf(kind, key);
      const row: Row | null = value && (isHashed(Key["sk"]?.S as string) ? { ...value, key } : value);
      const expires: Item = row?.expiresAt === undefined ? {} : { ttl: expiry(row.expiresAt) };
      const written =
        row === null
          ? clients.dynamodb.send(new DeleteItemCommand({ TableName, Key }))
          : clients.dynamodb.send(new PutItemCommand({ TableName, Item: { ...Key, z: packed(row), ...expires } }));
      await answered(written, `writing the ${kind} ${key}`);
    },

    async list(kind) {
      const found = await Promise.all(
        partitionsOf(kind).map((partition) =>
          items(clients.dynamodb, {
            TableName,
            ConsistentRead: true,
            KeyConditionExpression: "pk = :kind",
            ExpressionAttributeValues: { ":kind": text(partition) },
          }),
        ),
      );
      const rows = found.flat().map((item) => ({ sk: item["sk"]?.S as string, row: unpacked<Row>(item, `A ${kind}`) }));
      return rows
        .filter(({ row }) => alive(row))
        .map(({ sk, row: { key = sk, ...value } }) => ({ key, value }))
        .sort((a, b) => (a.key < b.key ? -1 : 1));
    },
  };
}
