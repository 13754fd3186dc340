import { readFileSync } from "node:fs";
import { join } from "node:path";
import { App, type Stack, Validations } from "aws-cdk-lib";
import { Vpc } from "aws-cdk-lib/aws-ec2";
import { AwsSolutionsChecks } from "cdk-nag";
import { expect, test } from "vitest";
import type { WindhoverProps } from "../../infra/windhover.ts";
import { construct, stackOf } from "./synth.ts";

/** What the rules of AWS Solutions find and we do not follow, each with its reason. */
const ACCEPTED: Readonly<Record<string, string>> = {
  S1$: "Access logs of the results bucket would be a second bucket, and more requests than the results themselves; only the stack's roles can read it.",
  APIG1$: "The functions log each request; access logs would say it twice, and cost as much again.",
  APIG4$: "The webhooks' routes check a secret or a signature of their own; all others have an authorizer.",
  VPC7$: "A flow log costs money by the gigabyte; nothing can reach the containers, and what they reach is theirs to choose.",
  ECS4$: "Container Insights cost money for each task; the functions' and queues' metrics are free.",
  ECS2$: "The variables describe the stack, and hold no secret.",
  "IAM5\\[Resource::<FlowsResults\\w+\\.Arn>/(results|dead-letters|builds)/\\*\\]$":
    "Objects are named by their content, or by their build: one prefix, not one object.",
  "IAM5\\[Resource::<FlowsRuns\\w+\\.Arn>/index/\\*\\]$": "All three indexes of one table.",
  "IAM5\\[Resource::arn:.*:schedule/Shop/timer-\\*\\]$": "Timers have names of their own, below one prefix of the stack's own group.",
  "IAM5\\[Resource::arn:.*:secret:/Shop/blocks/\\*\\]$": "Blocks are made at run time, below the stack's prefix.",
  "IAM5\\[Resource::arn:.*:function:Shop-[\\w-]+:\\*\\]$": "Versions of one function.",
  "IAM5\\[Resource::arn:.*:task-definition/Shop-fargate:\\*\\]$": "Revisions of one task definition.",
  "IAM5\\[Resource::arn:.*:task/<FlowsContainers\\w+>/\\*\\]$": "Tasks of one cluster, which have no names: all are stopped at the stack's end.",
  "IAM5\\[Resource::arn:.*:execute-api:.*\\]$": "All routes of one API.",
  "IAM5\\[Resource::arn:.*:stack/Shop/\\*\\]$": "Stacks of this one's name: a client asks by the name, and knows no id.",
  "IAM5\\[Resource::\\*\\]$":
    "ListTasks (bound to one cluster), ListSecrets and GetAuthorizationToken know no narrower resource, nor do Lambda's network interfaces and X-Ray's traces.",
};

/** With all that is off unless it is asked for, in a network of our own and in one of the user's. */
const PROPS: Readonly<Record<string, (stack: Stack) => Partial<WindhoverProps>>> = {
  "our network": () => ({ tracing: true, sourceMaps: true, metrics: true }),
  "the user's network": (stack) => ({ vpc: new Vpc(stack, "Vpc", { restrictDefaultSecurityGroup: false }) }),
};

test.each(Object.entries(PROPS))("AWS Solutions finds nothing but what is accepted for a reason, in %s", (_, props) => {
  const app = new App({ analyticsReporting: false });
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
  construct({ api: true, notifications: true, alarms: true, dashboard: true, ...props(stackOf(app)) }, app.node.findChild("Shop") as Stack);
  // It throws when there is a finding, and writes them all beside the template.
  expect(() => app.synth()).toThrow(/Acknowledge with/);
  const { pluginReports } = JSON.parse(readFileSync(join(app.outdir, "validation-report.json"), "utf8")) as {
    readonly pluginReports: readonly {
      readonly violations: readonly { readonly ruleName: string; readonly violatingConstructs: readonly { readonly constructPath: string }[] }[];
    }[];
  };
  const found = pluginReports.flatMap(({ violations }) => violations);
  const accepts = (ruleName: string) => Object.keys(ACCEPTED).find((pattern) => new RegExp(`^AwsSolutions-${pattern}`).test(ruleName));
  expect(
    found
      .filter(({ ruleName }) => !accepts(ruleName))
      .map(({ ruleName, violatingConstructs }) => `${ruleName}: ${violatingConstructs.map((each) => each.constructPath).join(", ")}`),
  ).toEqual([]);
  expect(
    Object.keys(ACCEPTED).filter((pattern) => !found.some(({ ruleName }) => accepts(ruleName) === pattern)),
    "reasons for what is not found",
  ).toEqual([]);
});
