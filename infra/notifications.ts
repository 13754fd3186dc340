/** Failed runs, told to a topic: a pipe reads the runs table's changes, and lets through the rows of runs that failed or crashed. Nothing is billed while nothing fails. */
import { Names, Stack } from "aws-cdk-lib";
import type { CfnTable } from "aws-cdk-lib/aws-dynamodb";
import { PolicyStatement, Role, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import type { IKey } from "aws-cdk-lib/aws-kms";
import { CfnPipe } from "aws-cdk-lib/aws-pipes";
import { type ITopic, Topic } from "aws-cdk-lib/aws-sns";
import type { Construct } from "constructs";
import { allow } from "./access.ts";
import type { Tables } from "./tables.ts";

/** `true` makes a topic, to subscribe to; a topic of one's own is used as it is. */
export type NotificationOptions = boolean | ITopic;

export function makeTopic(scope: Construct, options: Exclude<NotificationOptions, false>, key?: IKey): ITopic {
  return options === true ? new Topic(scope, "Notifications", { displayName: "Windhover", enforceSSL: true, ...(key && { masterKey: key }) }) : options;
}

/**
 * A topic of ours has a policy, which demands TLS; without one it would let in what the account owns, alarms among it. A topic of the user's own has the policy that they gave it.
 * Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html
 */
export function letAlarmsPublish(topic: ITopic, options: NotificationOptions): void {
  if (options !== true) return;
  topic.addToResourcePolicy(
    new PolicyStatement({
      principals: [new ServicePrincipal("cloudwatch.amazonaws.com")],
      actions: ["sns:Publish"],
      resources: [topic.topicArn],
      conditions: { StringEquals: { "aws:SourceAccount": Stack.of(topic).account } },
    }),
  );
}

export function notifyOfFailures(scope: Construct, stackName: string, { runs }: Tables, topic: ITopic): void {
  const table = runs.node.defaultChild as CfnTable;
  table.streamSpecification = { streamViewType: "NEW_IMAGE" };
  const role = new Role(scope, "NotificationsRole", {
    assumedBy: new ServicePrincipal("pipes.amazonaws.com"),
    description: `${stackName}: failed runs to a topic`,
  });
  allow(role, { actions: ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams"], on: [table.attrStreamArn] });
  topic.grantPublish(role);
  const failed = { eventName: ["INSERT", "MODIFY"], dynamodb: { NewImage: { sk: { S: ["run"] }, state: { S: ["FAILED", "CRASHED"] } } } };
  const row = "$.dynamodb.NewImage";
  // A pipe puts a path's text where its name stands: the quotes are the template's own.
  // Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-input-transformation.html
  const pipe = new CfnPipe(scope, "NotificationsPipe", {
    name: Names.uniqueResourceName(scope, { maxLength: 64 }),
    description: "Failed runs",
    roleArn: role.roleArn,
    source: table.attrStreamArn,
    sourceParameters: {
      dynamoDbStreamParameters: { startingPosition: "LATEST", batchSize: 1, maximumRetryAttempts: 10 },
      filterCriteria: { filters: [{ pattern: JSON.stringify(failed) }] },
    },
    target: topic.topicArn,
    targetParameters: { inputTemplate: `{"stack":${JSON.stringify(stackName)},"run":"<${row}.pk.S>","flow":"<${row}.flow.S>","state":"<${row}.state.S>"}` },
  });
  pipe.node.addDependency(role);
}
