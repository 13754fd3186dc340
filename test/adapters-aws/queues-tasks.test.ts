/** Task queues by pool, and who is started for a pool of containers. */
import { ECSClient, ListTasksCommand, RunTaskCommand } from "@aws-sdk/client-ecs";
import { SendMessageBatchCommand, SQSClient } from "@aws-sdk/client-sqs";
import { mockClient } from "aws-sdk-client-mock";
import { beforeEach, describe, expect, test } from "vitest";
import type { ContainerResource } from "../../adapters/aws/stack.ts";
import { createTaskQueue } from "../../adapters/aws/tasks.ts";
import { stackNamed } from "../aws/resources.ts";
import { taskMessage } from "../contract/samples.ts";
import { refusal } from "./parts.ts";
import { hastyParts } from "./queues-parts.ts";

const sqs = mockClient(SQSClient);
const ecs = mockClient(ECSClient);
const running = (count: number) => ecs.on(ListTasksCommand).resolves({ taskArns: Array.from({ length: count }, (_, i) => `task-${i}`) });
beforeEach(() => {
  sqs.reset();
  ecs.reset();
  sqs.on(SendMessageBatchCommand).resolves({});
  running(0);
  ecs.on(RunTaskCommand).resolves({ tasks: [{ taskArn: "task" }] });
});

const container: ContainerResource = {
  cluster: "arn:aws:ecs:us-east-1:000000000000:cluster/flows",
  taskDefinition: "arn:aws:ecs:us-east-1:000000000000:task-definition/flows-gpu:7",
  subnets: ["subnet-1", "subnet-2"],
  securityGroups: ["sg-1"],
  concurrency: 3,
};
const stack = () => {
  const plain = stackNamed("flows");
  const pool = plain.pools["default"] as (typeof plain.pools)[string];
  return { ...plain, pools: { default: pool, gpu: { ...pool, url: `${pool.url}-gpu`, container } } };
};
const tasks = () => createTaskQueue(hastyParts({ stack: stack() }));
const sent = () => sqs.commandCalls(SendMessageBatchCommand).map(({ args: [{ input }] }) => [input.QueueUrl?.split("/").at(-1), input.Entries?.length]);
const started = () => ecs.commandCalls(RunTaskCommand).map((call) => call.args[0].input);

describe("enqueueing", () => {
  test("sends to the pool's queue, without group, id or delay", async () => {
    await tasks().enqueue("default", taskMessage("t-1"));
    expect(sent()).toEqual([["flows-tasks", 1]]);
    expect(sqs.commandCalls(SendMessageBatchCommand)[0]?.args[0].input.Entries).toEqual([
      { Id: "0", MessageBody: JSON.stringify({ task: taskMessage("t-1") }) },
    ]);
    expect(ecs.calls()).toHaveLength(0);
  });

  test("shares requests within a tick", async () => {
    const queue = tasks();
    await Promise.all(Array.from({ length: 25 }, (_, i) => queue.enqueue("default", taskMessage(`t-${i}`))));
    expect(sent().map(([, count]) => count)).toEqual([10, 10, 5]);
  });

  test("to a pool that the stack does not have is an error that names those that it has", async () => {
    for (const pool of ["tpu", "constructor"])
      await expect(tasks().enqueue(pool, taskMessage("t-1"))).rejects.toMatchObject({ code: "WH3111", message: expect.stringContaining(pool) });
  });
});

describe("a pool of containers", () => {
  test("has one started when none runs, before the message is sent", async () => {
    await tasks().enqueue("gpu", taskMessage("t-1"));
    expect(ecs.commandCalls(ListTasksCommand)[0]?.args[0].input).toEqual({
      cluster: container.cluster,
      family: "flows-gpu",
      desiredStatus: "RUNNING",
      maxResults: 3,
    });
    expect(started()).toEqual([
      {
        cluster: container.cluster,
        taskDefinition: container.taskDefinition,
        count: 1,
        launchType: "FARGATE",
        startedBy: "windhover-flows",
        networkConfiguration: { awsvpcConfiguration: { subnets: container.subnets, securityGroups: container.securityGroups, assignPublicIp: "ENABLED" } },
      },
    ]);
    expect(sent()).toEqual([["flows-tasks-gpu", 1]]);
  });

  test("in a network of the user's own has no public address", async () => {
    const plain = stack();
    const gpu = { ...plain.pools.gpu, container: { ...container, publicAddress: false } };
    await createTaskQueue(hastyParts({ stack: { ...plain, pools: { ...plain.pools, gpu } } })).enqueue("gpu", taskMessage("t-1"));
    expect(started()[0]?.networkConfiguration?.awsvpcConfiguration?.assignPublicIp).toBe("DISABLED");
  });

  test("is asked about once a tick, and gets as many as there are messages, within its concurrency", async () => {
    running(1);
    const queue = tasks();
    await Promise.all(Array.from({ length: 8 }, (_, i) => queue.enqueue("gpu", taskMessage(`t-${i}`))));
    expect(ecs.commandCalls(ListTasksCommand)).toHaveLength(1);
    expect(started().map((input) => input.count)).toEqual([2]);
  });

  test("is counted to its end: beyond the hundred that ECS lists at once nobody was seen, and more were started than may run", async () => {
    const pages: Readonly<Record<string, number>> = { "": 100, "1": 100, "2": 48 };
    ecs.on(ListTasksCommand).callsFake(({ nextToken = "" }) => ({
      taskArns: Array.from({ length: pages[nextToken] ?? 0 }, (_, i) => `task-${i}`),
      ...(nextToken !== "2" && { nextToken: nextToken === "" ? "1" : "2" }),
    }));
    const enqueue = async (concurrency: number): Promise<void> => {
      ecs.resetHistory();
      const plain = stack();
      const gpu = { ...plain.pools.gpu, container: { ...container, concurrency } };
      const queue = createTaskQueue(hastyParts({ stack: { ...plain, pools: { ...plain.pools, gpu } } }));
      await Promise.all(Array.from({ length: 8 }, (_, i) => queue.enqueue("gpu", taskMessage(`t-${i}`))));
    };
    await enqueue(250);
    expect(started().map((input) => input.count)).toEqual([2]);
    expect(ecs.commandCalls(ListTasksCommand).map(({ args: [{ input }] }) => [input.maxResults, input.nextToken])).toEqual([
      [100, undefined],
      [100, "1"],
      [100, "2"],
    ]);
    await enqueue(150);
    expect(started()).toEqual([]);
    expect(ecs.commandCalls(ListTasksCommand)).toHaveLength(2);
  });

  test("is left alone when it is full", async () => {
    running(3);
    await tasks().enqueue("gpu", taskMessage("t-1"));
    expect(started()).toEqual([]);
    expect(sent()).toEqual([["flows-tasks-gpu", 1]]);
  });

  test("for which nobody can be started gets no message: the turn fails, and sends nothing twice", async () => {
    ecs.on(RunTaskCommand).resolves({ tasks: [], failures: [{ reason: "RESOURCE:FARGATE", detail: "no capacity" }] });
    await expect(tasks().enqueue("gpu", taskMessage("t-1"))).rejects.toMatchObject({
      code: "WH3112",
      message: expect.stringContaining("RESOURCE:FARGATE: no capacity"),
    });
    ecs.on(RunTaskCommand).rejects(refusal("InvalidParameterException"));
    await expect(tasks().enqueue("gpu", taskMessage("t-1"))).rejects.toMatchObject({ code: "WH3112" });
    expect(sent()).toEqual([]);
  });

  test("in which somebody runs gets its message even if nobody more can be started", async () => {
    running(1);
    ecs.on(RunTaskCommand).rejects(refusal("ClusterNotFoundException"));
    await tasks().enqueue("gpu", taskMessage("t-1"));
    expect(sent()).toEqual([["flows-tasks-gpu", 1]]);
  });
});
