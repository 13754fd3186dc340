/** Containers' code of builds that are over, deleted after each deploy: what no version of the orchestrator is kept for, no run can go on with. */
import { ListVersionsByFunctionCommand } from "@aws-sdk/client-lambda";
import { DeleteObjectsCommand, ListObjectsV2Command } from "@aws-sdk/client-s3";
import { BUILDS, keyOf } from "./builds.ts";
import type { FunctionHost } from "./host.ts";

type Parts = Pick<FunctionHost, "clients" | "stack">;

/** Deletes the code of builds of which the orchestrator has no version any more, and which are not the one that is being deployed. Returns which. */
export async function pruneBuilds(parts: Parts, deployed: string): Promise<readonly string[]> {
  const { clients, stack } = parts;
  const kept = await keptBuilds(parts);
  // A function that has published none is one that nobody could see: nothing is known to be over.
  if (kept.size === 0) return [];
  const gone: string[] = [];
  let ContinuationToken: string | undefined;
  do {
    const page = await clients.s3.send(new ListObjectsV2Command({ Bucket: stack.bucket, Prefix: BUILDS, ContinuationToken }));
    for (const { Key = "" } of page.Contents ?? []) {
      const build = Key.slice(BUILDS.length, -".mjs".length);
      if (Key === keyOf(build) && build !== deployed && !kept.has(build)) gone.push(build);
    }
    ContinuationToken = page.NextContinuationToken;
  } while (ContinuationToken !== undefined);
  for (let i = 0; i < gone.length; i += DELETED_AT_ONCE) {
    const Objects = gone.slice(i, i + DELETED_AT_ONCE).map((build) => ({ Key: keyOf(build) }));
    await clients.s3.send(new DeleteObjectsCommand({ Bucket: stack.bucket, Delete: { Objects, Quiet: true } }));
  }
  return gone;
}
/** What S3 deletes in one request. */
const DELETED_AT_ONCE = 1000;

/** The description of a published version is its build. */
async function keptBuilds({ clients, stack }: Parts): Promise<ReadonlySet<string>> {
  const builds = new Set<string>();
  let Marker: string | undefined;
  do {
    const page = await clients.lambda.send(new ListVersionsByFunctionCommand({ FunctionName: stack.functions.orchestrator, Marker }));
    for (const { Version, Description } of page.Versions ?? []) if (Version !== "$LATEST" && Description) builds.add(Description);
    Marker = page.NextMarker;
  } while (Marker);
  return builds;
}
