/** What a stack has made at run time, deleted before the stack itself: a bucket that is not empty cannot be deleted, and secrets would stay behind, and cost. */
import { DeleteObjectsCommand, ListObjectVersionsCommand, type ObjectVersion } from "@aws-sdk/client-s3";
import { DeleteSecretCommand, ListSecretsCommand } from "@aws-sdk/client-secrets-manager";
import type { FunctionHost } from "./host.ts";

type Parts = Pick<FunctionHost, "clients" | "stack">;

const EMPTYING = { bucket: emptyBucket, secrets: deleteSecrets } as const satisfies Record<string, (parts: Parts) => Promise<void>>;

/** What may be deleted with the stack: the construct names it where the user wants nothing to be kept. */
export type Emptied = keyof typeof EMPTYING;
export const isEmptied = (value: unknown): value is Emptied => typeof value === "string" && Object.hasOwn(EMPTYING, value);

export async function empty(parts: Parts, wanted: readonly Emptied[]): Promise<void> {
  for (const part of wanted) await EMPTYING[part](parts);
}

async function emptyBucket({ clients: { s3 }, stack: { bucket: Bucket } }: Parts): Promise<void> {
  // Each time the first page: what it listed is gone by the next.
  for (;;) {
    const { Versions = [], DeleteMarkers = [] } = await s3.send(new ListObjectVersionsCommand({ Bucket }));
    const Objects = [...Versions, ...DeleteMarkers].flatMap(({ Key, VersionId }: ObjectVersion) => (Key === undefined ? [] : [{ Key, VersionId }]));
    if (Objects.length === 0) return;
    const { Errors = [] } = await s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects, Quiet: true } }));
    if (Errors[0]) throw new Error(`${Errors[0].Key} cannot be deleted: ${Errors[0].Message ?? Errors[0].Code}`);
  }
}

async function deleteSecrets({ clients: { secrets }, stack: { secretsPrefix } }: Parts): Promise<void> {
  let NextToken: string | undefined;
  do {
    const page = await secrets.send(new ListSecretsCommand({ Filters: [{ Key: "name", Values: [secretsPrefix] }], NextToken }));
    for (const { Name } of page.SecretList ?? [])
      if (Name?.startsWith(secretsPrefix)) await secrets.send(new DeleteSecretCommand({ SecretId: Name, ForceDeleteWithoutRecovery: true }));
    NextToken = page.NextToken;
  } while (NextToken !== undefined);
}
