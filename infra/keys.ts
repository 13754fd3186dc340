/** A key of the user's own, where there is one: everything at rest is encrypted with it, and whoever reads or writes that may use it. */
import { Stack } from "aws-cdk-lib";
import { type IGrantable, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import type { IKey } from "aws-cdk-lib/aws-kms";
import type { Construct } from "constructs";
import type { Access } from "./access.ts";

/** What those who are not ours need besides their policy: DynamoDB and SQS use the key in the name of whoever asks. A key that was imported has to allow it itself: its policy is not ours to change. */
export const readWithKey = (key: IKey | undefined): Access[] => (key ? [{ actions: ["kms:Decrypt", "kms:DescribeKey"], on: [key.keyArn] }] : []);
export const useKey = (key: IKey | undefined): Access[] =>
  key ? [...readWithKey(key), { actions: ["kms:Encrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*"], on: [key.keyArn] }] : [];

export function shareKey(scope: Construct, key: IKey | undefined, users: readonly IGrantable[]): void {
  if (!key) return;
  // Those that write into encrypted queues, topics and log groups by themselves.
  const services = ["events.amazonaws.com", "cloudwatch.amazonaws.com", `logs.${Stack.of(scope).region}.amazonaws.com`];
  for (const user of [...users, ...services.map((service) => new ServicePrincipal(service))]) {
    key.grantEncryptDecrypt(user);
    key.grant(user, "kms:DescribeKey");
  }
}
