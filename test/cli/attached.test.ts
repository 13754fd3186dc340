import { CloudFormationClient, ListStackResourcesCommand } from "@aws-sdk/client-cloudformation";
import { IAMClient, ListEntitiesForPolicyCommand } from "@aws-sdk/client-iam";
import { mockClient } from "aws-sdk-client-mock";
import { beforeEach, expect, test } from "vitest";
import { refuseAttached } from "../../cli/destroy.ts";

const cloudFormation = mockClient(CloudFormationClient);
const iam = mockClient(IAMClient);
const arn = (name: string) => `arn:aws:iam::111122223333:policy/${name}`;
const resource = (ResourceType: string, PhysicalResourceId: string) => ({ ResourceType, PhysicalResourceId }) as never;
const there = { region: "eu-west-1" };

beforeEach(() => {
  cloudFormation.reset();
  iam.reset();
  cloudFormation
    .on(ListStackResourcesCommand, { StackName: "Flows" })
    .resolves({ StackResourceSummaries: [resource("AWS::SQS::Queue", "queue"), resource("AWS::IAM::ManagedPolicy", arn("Viewer"))], NextToken: "2" })
    .on(ListStackResourcesCommand, { StackName: "Flows", NextToken: "2" })
    .resolves({ StackResourceSummaries: [resource("AWS::IAM::ManagedPolicy", arn("Admin"))] });
  iam.on(ListEntitiesForPolicyCommand).resolves({});
});

test("a stack whose policies somebody has was deleted half way: it is left as it is, and who has them is said", async () => {
  iam
    .on(ListEntitiesForPolicyCommand, { PolicyArn: arn("Viewer") })
    .resolves({ PolicyRoles: [{ RoleName: "Support" }], IsTruncated: true, Marker: "m" })
    .on(ListEntitiesForPolicyCommand, { PolicyArn: arn("Viewer"), Marker: "m" })
    .resolves({ PolicyUsers: [{ UserName: "ann" }] })
    .on(ListEntitiesForPolicyCommand, { PolicyArn: arn("Admin") })
    .resolves({ PolicyGroups: [{ GroupName: "ops" }] });
  await expect(refuseAttached("Flows", there)).rejects.toMatchObject({
    code: "WH2058",
    got: "the role Support has Viewer, the user ann has Viewer, the group ops has Admin",
    action: `Detach them, and destroy again: ${[
      `aws iam detach-role-policy --role-name Support --policy-arn ${arn("Viewer")}`,
      `aws iam detach-user-policy --user-name ann --policy-arn ${arn("Viewer")}`,
      `aws iam detach-group-policy --group-name ops --policy-arn ${arn("Admin")}`,
    ].join(" && ")}`,
  });
});

test("one whose policies nobody has, or of which that cannot be seen, is deleted", async () => {
  await refuseAttached("Flows", there);
  expect(iam.commandCalls(ListEntitiesForPolicyCommand)).toHaveLength(2);
  iam.on(ListEntitiesForPolicyCommand).rejects(Object.assign(new Error("not authorized"), { name: "AccessDenied" }));
  await refuseAttached("Flows", there);
  cloudFormation.on(ListStackResourcesCommand, { StackName: "Flows" }).rejects(new Error("Stack with id Flows does not exist"));
  await refuseAttached("Flows", there);
});
