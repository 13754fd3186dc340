/** One log group for all functions and containers: a run's lines are found in one place, whoever wrote them. */
import { Aws, Fn, type RemovalPolicy } from "aws-cdk-lib";
import type { IKey } from "aws-cdk-lib/aws-kms";
import { LogGroup, RetentionDays } from "aws-cdk-lib/aws-logs";
import type { Construct } from "constructs";
import type { Access } from "./access.ts";

const DAY_MS = 864e5;
/** What CloudWatch Logs offers, up to ten years. Unit: days. */
const OFFERED = Object.values(RetentionDays).filter((days): days is RetentionDays => typeof days === "number" && days <= 3653);

export interface LogOptions {
  readonly stackName: string;
  /** Lines are kept at least as long as the rows of the runs that wrote them. Unit: milliseconds. */
  readonly keptMs: number;
  readonly removalPolicy: RemovalPolicy;
  readonly encryptionKey?: IKey;
}

export function makeLogGroup(scope: Construct, { stackName, keptMs, removalPolicy, encryptionKey }: LogOptions): LogGroup {
  const retention = OFFERED.sort((a, b) => a - b).find((days) => days * DAY_MS >= keptMs) ?? RetentionDays.TEN_YEARS;
  // Part of the stack's id: a group that outlived an earlier stack of this name is not in the way of the next one.
  const logGroupName = `/windhover/${stackName}/${Fn.select(0, Fn.split("-", Fn.select(2, Fn.split("/", Aws.STACK_ID))))}`;
  return new LogGroup(scope, "Logs", { logGroupName, retention, removalPolicy, ...(encryptionKey && { encryptionKey }) });
}

export const readLogs = (group: LogGroup): Access[] => [
  { actions: ["logs:FilterLogEvents", "logs:GetLogEvents", "logs:DescribeLogStreams", "logs:StartQuery"], on: [group.logGroupArn] },
];
export const writeLogs = (group: LogGroup): Access[] => [{ actions: ["logs:CreateLogStream", "logs:PutLogEvents"], on: [group.logGroupArn] }];
