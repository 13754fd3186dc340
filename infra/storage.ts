/** The bucket: results, large messages, what was found in queues and is not ours. Named by content, so that it needs no versions. */
import { Duration } from "aws-cdk-lib";
import { BlockPublicAccess, Bucket, BucketEncryption, ObjectOwnership } from "aws-cdk-lib/aws-s3";
import type { Construct } from "constructs";
import type { Access } from "./access.ts";
import type { StorageOptions } from "./tables.ts";

/** Longer than a log's entries are kept (400 days): nothing that a log refers to may be gone before it. Unit: days. */
const RESULTS_DAYS = 430;
const DEAD_LETTERS_DAYS = 90;

export function makeBucket(scope: Construct, { removalPolicy, encryptionKey }: StorageOptions): Bucket {
  return new Bucket(scope, "Results", {
    blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
    enforceSSL: true,
    objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
    ...(encryptionKey ? { encryption: BucketEncryption.KMS, encryptionKey, bucketKeyEnabled: true } : { encryption: BucketEncryption.S3_MANAGED }),
    removalPolicy,
    lifecycleRules: [
      { id: "results", prefix: "results/", expiration: Duration.days(RESULTS_DAYS) },
      { id: "dead-letters", prefix: "dead-letters/", expiration: Duration.days(DEAD_LETTERS_DAYS) },
      { id: "unfinished", abortIncompleteMultipartUploadAfter: Duration.days(7) },
    ],
  });
}

const results = (bucket: Bucket): string => bucket.arnForObjects("results/*");
/**
 * Whoever may not list a bucket is denied what is not there, and cannot tell a result that is gone from one that is not theirs. No condition: a read has no prefix that one could name.
 * Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
 */
const list = (bucket: Bucket): Access => ({ actions: ["s3:ListBucket"], on: [bucket.bucketArn] });
export const readResults = (bucket: Bucket): Access[] => [{ actions: ["s3:GetObject"], on: [results(bucket)] }, list(bucket)];
export const useResults = (bucket: Bucket): Access[] => [{ actions: ["s3:GetObject", "s3:PutObject"], on: [results(bucket)] }, list(bucket)];
/** Who reads queues keeps what is not ours. */
export const keepForeign = (bucket: Bucket): Access[] => [{ actions: ["s3:PutObject"], on: [bucket.arnForObjects("dead-letters/*")] }];
/** The code of containers, by build: it stays for the runs that began on it. */
export const readBuilds = (bucket: Bucket): Access[] => [{ actions: ["s3:GetObject"], on: [bucket.arnForObjects("builds/*")] }, list(bucket)];
export const keepBuilds = (bucket: Bucket): Access[] => [
  ...readBuilds(bucket),
  { actions: ["s3:PutObject", "s3:DeleteObject"], on: [bucket.arnForObjects("builds/*")] },
];
/** At the end of a stack that keeps nothing. */
export const emptyBucket = (bucket: Bucket): Access[] => [
  { actions: ["s3:ListBucketVersions"], on: [bucket.bucketArn] },
  { actions: ["s3:DeleteObject", "s3:DeleteObjectVersion"], on: [bucket.arnForObjects("*")] },
];
