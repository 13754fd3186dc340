/** Loaded when it is first needed, for the bucket: what is too large for the log. Only what is named here is bundled. */
export { CopyObjectCommand, GetObjectCommand, ListObjectsV2Command, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
