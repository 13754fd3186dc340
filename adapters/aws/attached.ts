/** Who has one of a stack's policies for people attached. IAM deletes none that is, and a stack that cannot be deleted is left half deleted. */
import { CloudFormationClient, paginateListStackResources } from "@aws-sdk/client-cloudformation";
import { IAMClient, paginateListEntitiesForPolicy } from "@aws-sdk/client-iam";
import type { StackTarget } from "./describe.ts";

export interface Attachment {
  readonly kind: "role" | "user" | "group";
  readonly name: string;
  readonly policyArn: string;
}

/** Empty also where it cannot be seen: whoever deletes a stack need not be allowed to look into IAM. */
export async function attachments({ stack, region, profile }: StackTarget): Promise<readonly Attachment[]> {
  const options = { ...(region !== undefined && { region }), ...(profile !== undefined && { profile }) };
  const [cloudFormation, iam] = [new CloudFormationClient(options), new IAMClient(options)];
  const found: Attachment[] = [];
  try {
    for await (const { StackResourceSummaries = [] } of paginateListStackResources({ client: cloudFormation }, { StackName: stack }))
      for (const { ResourceType, PhysicalResourceId } of StackResourceSummaries)
        if (ResourceType === "AWS::IAM::ManagedPolicy" && PhysicalResourceId !== undefined) found.push(...(await attachedTo(iam, PhysicalResourceId)));
    return found;
  } catch {
    return [];
  } finally {
    cloudFormation.destroy();
    iam.destroy();
  }
}

async function attachedTo(client: IAMClient, policyArn: string): Promise<readonly Attachment[]> {
  const found: Attachment[] = [];
  const note = (kind: Attachment["kind"], name: string | undefined): void => {
    if (name !== undefined) found.push({ kind, name, policyArn });
  };
  for await (const { PolicyRoles = [], PolicyUsers = [], PolicyGroups = [] } of paginateListEntitiesForPolicy({ client }, { PolicyArn: policyArn })) {
    for (const { RoleName } of PolicyRoles) note("role", RoleName);
    for (const { UserName } of PolicyUsers) note("user", UserName);
    for (const { GroupName } of PolicyGroups) note("group", GroupName);
  }
  return found;
}
