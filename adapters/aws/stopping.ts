/** What still runs at a stack's end, stopped: a cluster in which a Fargate task lives cannot be deleted, nor can the network that the task is in. */
import { DescribeTasksCommand, ListTasksCommand, StopTaskCommand } from "@aws-sdk/client-ecs";
import type { Clock } from "../../engine/ports.ts";
import type { AwsClients } from "./clients.ts";
import { isNamed } from "./failure.ts";

/** Between two looks at containers that come to their end, for which ECS gives them half a minute. Unit: milliseconds. */
const LOOK_MS = 2000;

interface StoppingParts {
  readonly clients: Pick<AwsClients, "ecs">;
  readonly clock: Pick<Clock, "wait">;
}

/** Resolves when no task of the cluster lives. What they were at counts as crashed, and there is nobody left to take it up. */
export async function stopContainers({ clients: { ecs }, clock }: StoppingParts, cluster: string): Promise<void> {
  try {
    for (;;) {
      let living = false;
      for await (const tasks of pages(ecs, cluster, "RUNNING")) {
        living = true;
        for (const task of tasks) await stop(ecs, cluster, task);
      }
      for await (const tasks of pages(ecs, cluster, "STOPPED")) {
        const answer = await ecs.send(new DescribeTasksCommand({ cluster, tasks: [...tasks] }));
        living ||= (answer.tasks ?? []).some(({ lastStatus }) => lastStatus !== "STOPPED");
      }
      if (!living) return;
      await clock.wait(LOOK_MS);
    }
  } catch (error) {
    // It is gone already, or was never made.
    if (!isNamed(error, "ClusterNotFoundException")) throw error;
  }
}

/** ARNs of tasks, by what they are meant to be. Those that are meant to have stopped are listed for an hour after they have. */
async function* pages(ecs: AwsClients["ecs"], cluster: string, desiredStatus: "RUNNING" | "STOPPED"): AsyncIterable<readonly string[]> {
  let nextToken: string | undefined;
  do {
    const page = await ecs.send(new ListTasksCommand({ cluster, desiredStatus, nextToken }));
    if (page.taskArns && page.taskArns.length > 0) yield page.taskArns;
    nextToken = page.nextToken;
  } while (nextToken !== undefined);
}

async function stop(ecs: AwsClients["ecs"], cluster: string, task: string): Promise<void> {
  try {
    await ecs.send(new StopTaskCommand({ cluster, task, reason: "The stack is deleted" }));
  } catch (error) {
    // It has ended by itself since it was listed.
    if (!isNamed(error, "InvalidParameterException")) throw error;
  }
}
