/** A key of the user's own, where there is one: everything at rest is encrypted with it, and whoever reads or writes that may use it. */
import { Stack } from "aws-cdk-lib";
import { type IGrantable, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import type { IKey } from "aws-cdk-lib/aws-kms";
import type { Construct } from "constructs";

export function shareKey(scope: Construct, key: IKey | undefined, users: readonly IGrantable[]): void {
  if (!key) return;
  for (const user of users) key.grantEncryptDecrypt(user);
  // Those that write into encrypted queues, topics and log groups by themselves.
  for (const service of ["events.amazonaws.com", "cloudwatch.amazonaws.com", `logs.${Stack.of(scope).region}.amazonaws.com`])
    key.grantEncryptDecrypt(new ServicePrincipal(service));
}
