/** One dashboard, for those who ask for it: it costs three dollars a month beyond the third. */
import { Stack } from "aws-cdk-lib";
import { Dashboard, GraphWidget, type IMetric, LogQueryWidget } from "aws-cdk-lib/aws-cloudwatch";
import type { LogGroup } from "aws-cdk-lib/aws-logs";
import type { Construct } from "constructs";
import type { Watched } from "./alarms.ts";
import type { Tables } from "./tables.ts";

export function makeDashboard(scope: Construct, watched: Watched, { state, runs }: Tables, logs: LogGroup): Dashboard {
  const { mailbox, pools, functions } = watched;
  const queues = [mailbox, ...pools];
  const graph = (title: string, left: IMetric[]): GraphWidget => new GraphWidget({ title, left, width: 12, height: 6 });
  const { stackName, region } = Stack.of(scope);
  // A dashboard's name is taken in all regions of the account, a stack's only in its own.
  const dashboard = new Dashboard(scope, "Dashboard", { dashboardName: `${stackName}-${region}` });
  dashboard.addWidgets(
    graph(
      "Invocations",
      functions.map((fn) => fn.metricInvocations()),
    ),
    graph(
      "Errors and throttles",
      functions.flatMap((fn) => [fn.metricErrors(), fn.metricThrottles()]),
    ),
  );
  dashboard.addWidgets(
    graph(
      "Messages that wait",
      queues.map(({ queue }) => queue.metricApproximateNumberOfMessagesVisible()),
    ),
    graph(
      "Age of the oldest message (s)",
      queues.map(({ queue }) => queue.metricApproximateAgeOfOldestMessage()),
    ),
  );
  dashboard.addWidgets(
    graph(
      "Dead letters",
      queues.map(({ deadLetters }) => deadLetters.metricApproximateNumberOfMessagesVisible()),
    ),
    graph(
      "Write units",
      [state, runs].map((table) => table.metricConsumedWriteCapacityUnits()),
    ),
  );
  dashboard.addWidgets(
    new LogQueryWidget({
      title: "Errors in the log",
      logGroupNames: [logs.logGroupName],
      queryLines: ["fields @timestamp, @message", "filter level = 'ERROR' or level = 'error'", "sort @timestamp desc", "limit 50"],
      width: 24,
      height: 8,
    }),
  );
  return dashboard;
}
