/** What a stack has made at run time, deleted before the stack itself: a cluster with containers and a bucket that is not empty cannot be deleted, and secrets would stay behind, and cost. */
import { deleteSecret, emptyBucket, secretsBelow } from "../adapters/aws/emptying.ts";
import { stopContainers } from "../adapters/aws/stopping.ts";
import type { FunctionHost } from "./host.ts";

type Parts = Pick<FunctionHost, "clients" | "ports" | "stack">;

const EMPTYING = {
  async containers({ clients, ports, stack }: Parts) {
    const clusters = new Set(Object.values(stack.pools).flatMap(({ container }) => container?.cluster ?? []));
    for (const cluster of clusters) await stopContainers({ clients, clock: ports.clock }, cluster);
  },
  bucket: ({ clients, stack }: Parts) => emptyBucket(clients, stack.bucket),
  async secrets({ clients, stack }: Parts) {
    for (const name of await secretsBelow(clients, stack.secretsPrefix)) await deleteSecret(clients, name);
  },
} as const satisfies Record<string, (parts: Parts) => Promise<void>>;

/** What goes with the stack: the construct names containers where there are any, and the others where the user wants nothing to be kept. */
export type Emptied = keyof typeof EMPTYING;
export const isEmptied = (value: unknown): value is Emptied => typeof value === "string" && Object.hasOwn(EMPTYING, value);

export async function empty(parts: Parts, wanted: readonly Emptied[]): Promise<void> {
  for (const part of wanted) await EMPTYING[part](parts);
}
