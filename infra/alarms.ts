/** Alarms, for those who ask for them: each metric that one looks at costs ten cents a month. What they watch is what nobody would otherwise see; that a run failed is told by notifications. */
import { Duration } from "aws-cdk-lib";
import { Alarm, ComparisonOperator, type IMetric, MathExpression, TreatMissingData } from "aws-cdk-lib/aws-cloudwatch";
import { SnsAction } from "aws-cdk-lib/aws-cloudwatch-actions";
import type { Function as LambdaFunction } from "aws-cdk-lib/aws-lambda";
import type { ITopic } from "aws-cdk-lib/aws-sns";
import type { Construct } from "constructs";
import type { QueuePair } from "./queues.ts";

export interface Watched {
  readonly mailbox: QueuePair;
  readonly pools: readonly QueuePair[];
  readonly functions: readonly LambdaFunction[];
}

const PERIOD = Duration.minutes(5);

export function makeAlarms(scope: Construct, { mailbox, pools, functions }: Watched, topic?: ITopic): readonly Alarm[] {
  const sum = (metrics: readonly IMetric[], label: string): IMetric =>
    new MathExpression({
      // Not `m0 + m1`, which has no value where one of them has none: a queue that rests, or a function that was not invoked, has no metrics.
      expression: "SUM(METRICS())",
      usingMetrics: Object.fromEntries(metrics.map((metric, i) => [`m${i}`, metric])),
      period: PERIOD,
      label,
    });
  const alarm = (id: string, metric: IMetric, threshold: number, evaluationPeriods: number, alarmDescription: string): Alarm => {
    const made = new Alarm(scope, id, {
      metric,
      threshold,
      evaluationPeriods,
      alarmDescription,
      comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD,
      treatMissingData: TreatMissingData.NOT_BREACHING,
    });
    if (topic) made.addAlarmAction(new SnsAction(topic));
    return made;
  };
  const dead = [mailbox, ...pools].map(({ deadLetters }) => deadLetters.metricApproximateNumberOfMessagesVisible({ period: PERIOD, statistic: "Maximum" }));
  return [
    alarm("DeadLettersAlarm", sum(dead, "Dead letters"), 0, 3, "Messages lie in a dead-letter queue, and the function that drains them does not get at them."),
    alarm(
      "MailboxAlarm",
      mailbox.queue.metricApproximateAgeOfOldestMessage({ period: PERIOD, statistic: "Maximum" }),
      900,
      3,
      "A message has waited in the mailbox for a quarter of an hour: turns fail, or there are more than are taken.",
    ),
    alarm(
      "ErrorsAlarm",
      sum(
        functions.map((fn) => fn.metricErrors({ period: PERIOD, statistic: "Sum" })),
        "Errors",
      ),
      5,
      1,
      "Functions fail.",
    ),
    alarm(
      "ThrottlesAlarm",
      sum(
        functions.map((fn) => fn.metricThrottles({ period: PERIOD, statistic: "Sum" })),
        "Throttles",
      ),
      0,
      3,
      "The account's concurrency is used up.",
    ),
  ];
}
