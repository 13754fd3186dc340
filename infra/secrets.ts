/** Blocks lie in Secrets Manager below the stack's prefix. They are made at run time, by people: the stack has none of its own. */
import { Stack } from "aws-cdk-lib";
import type { Construct } from "constructs";
import type { Access } from "./access.ts";

export const prefixOf = (stackName: string): string => `/${stackName}/blocks/`;

function arnOf(scope: Construct): string {
  const { partition, region, account, stackName } = Stack.of(scope);
  return `arn:${partition}:secretsmanager:${region}:${account}:secret:${prefixOf(stackName)}*`;
}

export const loadBlocks = (scope: Construct): Access[] => [{ actions: ["secretsmanager:GetSecretValue"], on: [arnOf(scope)] }];
export const writeBlocks = (scope: Construct): Access[] => [
  {
    actions: ["CreateSecret", "PutSecretValue", "DeleteSecret", "DescribeSecret", "TagResource"].map((action) => `secretsmanager:${action}`),
    on: [arnOf(scope)],
  },
  // It knows no narrower list.
  { actions: ["secretsmanager:ListSecrets"], on: ["*"] },
];
