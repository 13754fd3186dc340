/** What a stack has made at run time, deleted: CloudFormation knows nothing of it. What is gone already is as good as deleted. */
import { DeleteObjectsCommand, ListObjectVersionsCommand, type ObjectVersion } from "@aws-sdk/client-s3";
import { DeleteSecretCommand, ListSecretsCommand } from "@aws-sdk/client-secrets-manager";
import type { AwsClients } from "./clients.ts";

export async function emptyBucket({ s3 }: Pick<AwsClients, "s3">, Bucket: string): Promise<void> {
  // Each time the first page: what it listed is gone by the next.
  for (;;) {
    const { Versions = [], DeleteMarkers = [] } = await s3.send(new ListObjectVersionsCommand({ Bucket }));
    const Objects = [...Versions, ...DeleteMarkers].flatMap(({ Key, VersionId }: ObjectVersion) => (Key === undefined ? [] : [{ Key, VersionId }]));
    if (Objects.length === 0) return;
    const { Errors = [] } = await s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects, Quiet: true } }));
    if (Errors[0]) throw new Error(`${Errors[0].Key} cannot be deleted: ${Errors[0].Message ?? Errors[0].Code}`);
  }
}

/** Names of the secrets below a prefix. */
export async function secretsBelow({ secrets }: Pick<AwsClients, "secrets">, prefix: string): Promise<string[]> {
  const names: string[] = [];
  let NextToken: string | undefined;
  do {
    const page = await secrets.send(new ListSecretsCommand({ Filters: [{ Key: "name", Values: [prefix] }], NextToken }));
    for (const { Name } of page.SecretList ?? []) if (Name?.startsWith(prefix)) names.push(Name);
    NextToken = page.NextToken;
  } while (NextToken !== undefined);
  return names;
}

export async function deleteSecret({ secrets }: Pick<AwsClients, "secrets">, SecretId: string): Promise<void> {
  await secrets.send(new DeleteSecretCommand({ SecretId, ForceDeleteWithoutRecovery: true }));
}
