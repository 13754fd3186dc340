/** Permissions as the resources write them: what, on which ARNs, under which condition. Each stands beside the resource that it opens. */
import { Grant, type IGrantable } from "aws-cdk-lib/aws-iam";

export interface Access {
  readonly actions: readonly string[];
  readonly on: readonly string[];
  readonly when?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

export function allow(grantee: IGrantable, ...accesses: readonly Access[]): void {
  for (const { actions, on, when } of accesses)
    Grant.addToPrincipal({ grantee, actions: [...actions], resourceArns: [...on], ...(when && { conditions: { ...when } }) }).assertSuccess();
}
