/**
 * Schedules of deployments, one of EventBridge Scheduler for each, which sends a tick to the deployment's mailbox; and the group in which flows keep their long timers. Jitter is the
 * deployment's own (a run's id says how late it starts), so no window is flexible.
 */
import { RemovalPolicy, Stack } from "aws-cdk-lib";
import { Role, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import { CfnSchedule, CfnScheduleGroup } from "aws-cdk-lib/aws-scheduler";
import type { Construct } from "constructs";
import { groupOf } from "../adapters/aws/letters.ts";
import { hash } from "../engine/hash.ts";
import { deploymentActor } from "../engine/messages.ts";
import { describeSchedule, type ScheduleSpec } from "../engine/schedule.ts";
import { type Access, allow } from "./access.ts";
import type { DescribedDeployment } from "./describe.ts";
import { awsExpression } from "./expression.ts";
import { type QueuePair, sendTo } from "./queues.ts";

export interface Schedules {
  readonly group: CfnScheduleGroup;
  readonly groupName: string;
  /** Scheduler sends in its name: ticks to the mailbox, timers to the default pool's queue. */
  readonly role: Role;
}

export function makeScheduleGroup(scope: Construct, groupName: string, mailbox: QueuePair, timers: QueuePair): Schedules {
  const group = new CfnScheduleGroup(scope, "Schedules", { name: groupName });
  // What it holds is nothing without the stack: its one-time schedules go with it.
  group.applyRemovalPolicy(RemovalPolicy.DESTROY);
  const assumedBy = new ServicePrincipal("scheduler.amazonaws.com", { conditions: { StringEquals: { "aws:SourceAccount": Stack.of(scope).account } } });
  const role = new Role(scope, "SchedulesRole", { assumedBy, description: `${groupName}: EventBridge Scheduler` });
  allow(role, ...sendTo(mailbox, timers));
  return { group, groupName, role };
}

/** What `<aws.scheduler.scheduled-time>` becomes when a schedule fires. */
const SCHEDULED_TIME = "<aws.scheduler.scheduled-time>";

/** @throws WH2032 for a schedule that EventBridge Scheduler cannot keep. */
export function makeSchedules(
  scope: Construct,
  { group, role }: Schedules,
  { queue }: QueuePair,
  deployments: readonly DescribedDeployment[],
  now: number,
): void {
  for (const { name, schedules } of deployments)
    schedules.forEach((spec, place) => {
      // It is over: nothing would ever come of it.
      if (spec.kind === "at" && spec.timeMs <= now) return;
      const actor = deploymentActor(name);
      const { expression, timezone } = awsExpression(spec);
      const nominal = spec.kind === "at" ? new Date(spec.timeMs).toISOString() : SCHEDULED_TIME;
      const schedule = new CfnSchedule(scope, `${idOf(name)}Schedule${place}`, {
        groupName: group.ref,
        description: `${name}: ${describeSchedule(spec)}`.slice(0, 512),
        scheduleExpression: expression,
        scheduleExpressionTimezone: timezone,
        flexibleTimeWindow: { mode: "OFF" },
        state: spec.active ? "ENABLED" : "DISABLED",
        target: {
          arn: queue.queueArn,
          roleArn: role.roleArn,
          input: JSON.stringify({ to: actor, tick: { schedule: place, nominal } }),
          sqsParameters: { messageGroupId: groupOf(actor) },
          retryPolicy: { maximumEventAgeInSeconds: lateness(spec), maximumRetryAttempts: 185 },
        },
      });
      schedule.node.addDependency(role);
    });
}

/** How long a tick that could not be sent is tried again: what the schedule does not make up for is not worth an hour. Unit: seconds. */
const lateness = ({ catchUp }: ScheduleSpec): number => (catchUp === "skip" ? 3600 : 86_400);

/** Part of a construct's id. Any name gives one, different names give different ones. */
export const idOf = (name: string): string => `${name.replace(/[^A-Za-z0-9]+/g, "-")}-${hash(name).slice(0, 6)}`;

/** Who takes turns sets long timers, and takes them back. */
export function setTimers(scope: Construct, { groupName, role }: Schedules): Access[] {
  const { partition, region, account } = Stack.of(scope);
  return [
    {
      actions: ["scheduler:CreateSchedule", "scheduler:DeleteSchedule"],
      on: [`arn:${partition}:scheduler:${region}:${account}:schedule/${groupName}/timer-*`],
    },
    { actions: ["iam:PassRole"], on: [role.roleArn], when: { StringEquals: { "iam:PassedToService": "scheduler.amazonaws.com" } } },
  ];
}
