/**
 * The code of a stack's containers, by build. A version of a function keeps its code for the runs that began on it; a container has no versions, so each deploy puts the code of
 * its containers beside that of the builds before it, in the stack's own bucket. It stays there as long as the orchestrator has a version of that build: no run goes on without one.
 */
import { isNamed } from "../adapters/aws/failure.ts";
import type { FunctionHost } from "./host.ts";

type Parts = Pick<FunctionHost, "clients" | "stack">;

/** The construct grants this prefix by the same name. */
export const BUILDS = "builds/";
export const keyOf = (build: string): string => `${BUILDS}${build}.mjs`;
/** A build is a hash: nothing else becomes part of a key, or of a file's name. */
const isBuild = (build: string): boolean => /^\w{1,64}$/.test(build);

const commands = () => import("../adapters/aws/late/s3.ts");

/** Listed, because a role that may not list a bucket is told that it may not read what is not there. */
async function isKept({ clients, stack }: Parts, build: string): Promise<boolean> {
  const { ListObjectsV2Command } = await commands();
  const { Contents = [] } = await clients.s3.send(new ListObjectsV2Command({ Bucket: stack.bucket, Prefix: keyOf(build), MaxKeys: 1 }));
  return Contents.some(({ Key }) => Key === keyOf(build));
}

/** Keeps the code of a build's containers. `code` is `<bucket>/<key>`, where the deploy has put it. What is there already stays as it is. */
export async function keepBuild(parts: Parts, build: string, code: string): Promise<void> {
  if (await isKept(parts, build)) return;
  const { CopyObjectCommand } = await commands();
  const CopySource = code.split("/").map(encodeURIComponent).join("/");
  await parts.clients.s3.send(new CopyObjectCommand({ Bucket: parts.stack.bucket, Key: keyOf(build), CopySource }));
}

/** The code of that build's containers, or null where it was never kept, or is gone. */
export async function readBuild(parts: Parts, build: string): Promise<Uint8Array | null> {
  if (!isBuild(build) || !(await isKept(parts, build))) return null;
  const { GetObjectCommand } = await commands();
  try {
    const { Body } = await parts.clients.s3.send(new GetObjectCommand({ Bucket: parts.stack.bucket, Key: keyOf(build) }));
    return Body === undefined ? null : await Body.transformToByteArray();
  } catch (error) {
    if (isNamed(error, "NoSuchKey")) return null;
    throw error;
  }
}
