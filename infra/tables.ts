/** The two tables. State: logs, marks, claims, settings, caches. Runs: a row a run, deployments, artifacts, with the indexes that lists are read from. */
import { RemovalPolicy, Tags } from "aws-cdk-lib";
import { AttributeType, BillingMode, ProjectionType, Table, TableEncryption, type TableProps } from "aws-cdk-lib/aws-dynamodb";
import type { IKey } from "aws-cdk-lib/aws-kms";
import type { Bucket } from "aws-cdk-lib/aws-s3";
import type { Construct } from "constructs";
import { BUCKET_TAG, STACK_TAG } from "../adapters/aws/stack.ts";
import type { Access } from "./access.ts";

export interface StorageOptions {
  readonly removalPolicy: RemovalPolicy;
  readonly encryptionKey?: IKey;
}

export interface Tables {
  readonly state: Table;
  readonly runs: Table;
}

/** By index: what a list is asked for. They are sparse: an item without the attribute is not in the index, and costs nothing there. */
const INDEXES = { byFlow: "flow", byState: "state", byParent: "parent" };

export function makeTables(scope: Construct, { removalPolicy, encryptionKey }: StorageOptions): Tables {
  const common = {
    partitionKey: { name: "pk", type: AttributeType.STRING },
    sortKey: { name: "sk", type: AttributeType.STRING },
    timeToLiveAttribute: "ttl",
    billingMode: BillingMode.PAY_PER_REQUEST,
    removalPolicy,
    // What may not be lost by a wrong `cdk destroy` may not be lost by a wrong write either. It is billed by the gigabyte: an empty table costs nothing.
    pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: removalPolicy === RemovalPolicy.RETAIN },
    ...(encryptionKey && { encryption: TableEncryption.CUSTOMER_MANAGED, encryptionKey }),
  } satisfies TableProps;
  const state = new Table(scope, "State", common);
  const runs = new Table(scope, "Runs", common);
  for (const [indexName, key] of Object.entries(INDEXES))
    runs.addGlobalSecondaryIndex({
      indexName,
      partitionKey: { name: key, type: AttributeType.STRING },
      sortKey: { name: "at", type: AttributeType.STRING },
      projectionType: ProjectionType.ALL,
    });
  return { state, runs };
}

/** Tables outlive their stack: by these tags they are found, and the bucket that outlives it with them. */
export function tagTables({ state, runs }: Tables, stackName: string, { bucketName }: Bucket): void {
  for (const table of [state, runs]) {
    Tags.of(table).add(STACK_TAG, stackName);
    Tags.of(table).add(BUCKET_TAG, bucketName);
  }
}

const READ = ["dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query"];
const WRITE = ["dynamodb:PutItem", "dynamodb:DeleteItem", "dynamodb:BatchWriteItem"];
const indexes = ({ runs }: Tables): string[] => [runs.tableArn, `${runs.tableArn}/index/*`];

/** Who takes turns: appends to logs, and writes the rows that follow from them. */
export const turnTables = (tables: Tables): Access[] => [
  { actions: [...READ, ...WRITE], on: [tables.state.tableArn] },
  { actions: [...READ, ...WRITE], on: indexes(tables) },
];
/** Who runs tasks: looks for aborts, claims attempts, keeps caches, reads variables, writes artifacts. Logs are none of its business, and their partitions are not among these. */
export const taskTables = (tables: Tables): Access[] => [
  { actions: READ, on: [tables.state.tableArn], when: partitions("registry/*", "abort/*", "claim/*") },
  { actions: WRITE, on: [tables.state.tableArn], when: partitions("registry/*") },
  { actions: ["dynamodb:PutItem"], on: [tables.state.tableArn], when: partitions("claim/*") },
  { actions: ["dynamodb:PutItem"], on: [tables.runs.tableArn] },
];
export const readTables = (tables: Tables): Access[] => [
  { actions: READ, on: [tables.state.tableArn] },
  { actions: READ, on: indexes(tables) },
];
/** Who starts, cancels and pauses runs from outside: marks what is to be stopped, and notes a run that has not begun. */
export const orderTables = (tables: Tables): Access[] => [
  { actions: WRITE, on: [tables.state.tableArn], when: partitions("abort/*") },
  { actions: ["dynamodb:PutItem"], on: [tables.runs.tableArn] },
];
/** Who makes flows and deployments known after a deploy. */
export const listingTables = (tables: Tables): Access[] => [
  { actions: ["dynamodb:PutItem"], on: [tables.runs.tableArn], when: partitions("#flows", "#deployments") },
];
/** Variables and limits. */
export const settingTables = (tables: Tables): Access[] => [{ actions: WRITE, on: [tables.state.tableArn], when: partitions("registry/*") }];

const partitions = (...keys: readonly string[]) => ({ "ForAllValues:StringLike": { "dynamodb:LeadingKeys": keys } });
