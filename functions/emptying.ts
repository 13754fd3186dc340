/** What a stack has made at run time, deleted before the stack itself: a bucket that is not empty cannot be deleted, and secrets would stay behind, and cost. */
import { deleteSecret, emptyBucket, secretsBelow } from "../adapters/aws/emptying.ts";
import type { FunctionHost } from "./host.ts";

type Parts = Pick<FunctionHost, "clients" | "stack">;

const EMPTYING = {
  bucket: ({ clients, stack }: Parts) => emptyBucket(clients, stack.bucket),
  async secrets({ clients, stack }: Parts) {
    for (const name of await secretsBelow(clients, stack.secretsPrefix)) await deleteSecret(clients, name);
  },
} as const satisfies Record<string, (parts: Parts) => Promise<void>>;

/** What may be deleted with the stack: the construct names it where the user wants nothing to be kept. */
export type Emptied = keyof typeof EMPTYING;
export const isEmptied = (value: unknown): value is Emptied => typeof value === "string" && Object.hasOwn(EMPTYING, value);

export async function empty(parts: Parts, wanted: readonly Emptied[]): Promise<void> {
  for (const part of wanted) await EMPTYING[part](parts);
}
