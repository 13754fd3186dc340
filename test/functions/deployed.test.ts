import { DynamoDBClient, PutItemCommand } from "@aws-sdk/client-dynamodb";
import { DescribeTasksCommand, ECSClient, ListTasksCommand, StopTaskCommand } from "@aws-sdk/client-ecs";
import { CopyObjectCommand, DeleteObjectsCommand, ListObjectsV2Command, ListObjectVersionsCommand } from "@aws-sdk/client-s3";
import { DeleteSecretCommand, ListSecretsCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import type { CloudFormationCustomResourceEvent } from "aws-lambda";
import { mockClient } from "aws-sdk-client-mock";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import * as z from "zod";
import type { PoolResource } from "../../adapters/aws/stack.ts";
import { decode } from "../../engine/codec.ts";
import { shared } from "../../engine/scope.ts";
import { deployedOf } from "../../functions/deployed.ts";
import { cron, flow } from "../../sdk/index.ts";
import { letter, record, STACK, TIME, World } from "./world.ts";

const dynamodb = mockClient(DynamoDBClient);
beforeEach(() => {
  vi.spyOn(process.stdout, "write").mockReturnValue(true);
  dynamodb.reset();
  dynamodb.on(PutItemCommand).resolves({});
});
afterEach(() => {
  vi.restoreAllMocks();
  shared.code.clear();
});

const event = (RequestType: "Create" | "Update" | "Delete", Empty: readonly string[] = []): CloudFormationCustomResourceEvent =>
  ({
    RequestType,
    ServiceToken: "arn",
    ResponseURL: "https://cloudformation.example/answer",
    StackId: "stack",
    RequestId: "request",
    LogicalResourceId: "Deployment",
    ResourceType: "Custom::Windhover",
    ResourceProperties: { ServiceToken: "arn", Build: "b1", Empty },
    ...(RequestType !== "Create" && { PhysicalResourceId: "windhover-Deployment" }),
  }) as unknown as CloudFormationCustomResourceEvent;

/** CloudFormation's side: what it was told. */
function listener() {
  const told: Record<string, unknown>[] = [];
  const put = (async (_url: string, init: { body: string }) => {
    told.push(JSON.parse(init.body) as Record<string, unknown>);
    return { ok: true, status: 200 };
  }) as unknown as typeof fetch;
  return { told, put };
}

describe("after a deploy", () => {
  test("each deployment hears what the code says, and one that is gone is paused", async () => {
    const f = flow({ name: "f" }, async () => {});
    const [stays, goes] = [f.deployment({ name: "stays" }), f.deployment({ name: "goes" })];
    const world = new World({ modules: [{ stays, goes }] });
    const { told, put } = listener();
    await deployedOf(() => world.fn, [async () => ({ stays, goes })], put)(event("Create"), TIME);
    await world.pump();
    await deployedOf(() => world.function({ build: "b2" }), [async () => ({ stays })], put)(event("Update"), TIME);
    await world.pump();
    expect((await world.ports.index.deployments()).map(({ name, paused }) => [name, paused]).sort()).toEqual([
      ["goes", true],
      ["stays", false],
    ]);
    expect(told).toEqual(
      [1, 2].map(() => ({
        Status: "SUCCESS",
        PhysicalResourceId: "windhover-Deployment",
        StackId: "stack",
        RequestId: "request",
        LogicalResourceId: "Deployment",
      })),
    );
  });

  test("a deployment that comes back goes on, unless a person has paused it, before it left or since", async () => {
    const f = flow({ name: "f" }, async () => {});
    const names = ["untouched", "paused-before", "paused-since", "resumed-since", "paused-after"] as const;
    const all = Object.fromEntries(names.map((name) => [name, f.deployment({ name, schedules: [cron("0 2 * * *")] })]));
    const world = new World({ modules: [all] });
    const { put } = listener();
    const deploy = async (modules: readonly object[], build: string): Promise<void> => {
      await deployedOf(
        () => world.function({ build }),
        modules.map((module) => async () => module),
        put,
      )(event("Update"), TIME);
      await world.pump();
    };
    const say = async (name: string, kind: "pause" | "resume", id: string): Promise<void> => {
      await world.ports.mailbox.send(`deployment:${name}`, { kind, id });
      await world.pump();
    };
    const paused = async (): Promise<readonly string[]> => (await world.ports.index.deployments()).flatMap((row) => (row.paused ? [row.name] : [])).sort();
    await deploy([all], "b1");
    await say("paused-before", "pause", "p1");
    await deploy([], "b2");
    expect(await paused()).toEqual([...names].sort());
    await say("paused-since", "pause", "p2");
    await say("resumed-since", "resume", "r1");
    // An executor or a turn of the code before, which still has it, does not bring it back.
    await world.orchestrator({ Records: [letter("deployment:untouched", { kind: "fire", id: "fire:t", timer: "t" }, { id: "m9" })] }, TIME);
    expect(await paused()).toEqual(["paused-after", "paused-before", "paused-since", "untouched"]);
    await deploy([all], "b3");
    expect(await paused()).toEqual(["paused-before", "paused-since"]);
    await say("paused-after", "pause", "p3");
    await deploy([all], "b4");
    expect(await paused()).toEqual(["paused-after", "paused-before", "paused-since"]);
    // What it missed while it was gone it does not make up for, and it leaves again as it did before.
    await deploy([], "b5");
    await deploy([all], "b6");
    expect(await paused()).toEqual(["paused-after", "paused-before", "paused-since"]);
    expect(await world.runs("f")).toEqual([]);
  });

  test("the containers' code is kept under its build, once", async () => {
    const world = new World();
    world.s3
      .on(ListObjectsV2Command)
      .resolvesOnce({})
      .resolves({ Contents: [{ Key: "builds/b1.mjs" }] })
      .on(CopyObjectCommand)
      .resolves({});
    const { told, put } = listener();
    const asked = {
      ...event("Create"),
      ResourceProperties: { ServiceToken: "arn", Build: "b1", Code: "assets/code of b1.mjs" },
    } as CloudFormationCustomResourceEvent;
    for (let time = 0; time < 2; time++) await deployedOf(() => world.fn, [], put)(asked, TIME);
    expect(told).toMatchObject([{ Status: "SUCCESS" }, { Status: "SUCCESS" }]);
    expect(world.s3.commandCalls(CopyObjectCommand).map(({ args }) => args[0].input)).toEqual([
      { Bucket: "results", Key: "builds/b1.mjs", CopySource: "assets/code%20of%20b1.mjs" },
    ]);
  });

  test("containers' code of builds was kept for ever, also where no run could go on with it", async () => {
    const world = new World();
    world.versions({ b1: () => ({ batchItemFailures: [] }), b2: () => ({ batchItemFailures: [] }) });
    const keys = ["b0", "b1", "b2", "b3"].map((build) => ({ Key: `builds/${build}.mjs` }));
    world.s3
      .on(ListObjectsV2Command)
      .resolves({ Contents: [...keys, { Key: "builds/read.me" }] })
      .on(CopyObjectCommand)
      .resolves({})
      .on(DeleteObjectsCommand)
      .resolves({});
    const { told, put } = listener();
    const asked = { ...event("Update"), ResourceProperties: { ServiceToken: "arn", Build: "b3", Code: "assets/b3" } } as CloudFormationCustomResourceEvent;
    await deployedOf(() => world.fn, [], put)(asked, TIME);
    expect(told).toMatchObject([{ Status: "SUCCESS" }]);
    // b3 is the one that is being deployed, and has no version yet.
    const deleted = () => world.s3.commandCalls(DeleteObjectsCommand).map(({ args }) => args[0].input.Delete?.Objects);
    expect(deleted()).toEqual([[{ Key: "builds/b0.mjs" }]]);
    world.versions({});
    await deployedOf(() => world.fn, [], put)(asked, TIME);
    expect(deleted()).toHaveLength(1);
    // What cannot be tidied up is no reason for a deploy to fail.
    world.versions({ b1: () => ({ batchItemFailures: [] }) });
    world.s3.on(DeleteObjectsCommand).rejects(new Error("denied"));
    await deployedOf(() => world.fn, [], put)(asked, TIME);
    expect(told).toMatchObject([{ Status: "SUCCESS" }, { Status: "SUCCESS" }, { Status: "SUCCESS" }]);
  });

  test("CloudFormation is always answered, with the reason where it failed", async () => {
    const { told, put } = listener();
    const broken = () => {
      throw new Error("WINDHOVER_STACK does not describe a stack");
    };
    await deployedOf(broken, [], put)(event("Create"), TIME);
    const world = new World({ ports: (ports) => ({ ...ports, index: { ...ports.index, deployments: () => new Promise<never>(() => {}) } }) });
    const late = deployedOf(() => world.fn, [], put)(event("Update"), { getRemainingTimeInMillis: () => 10_000 });
    await vi.waitFor(async () => {
      await world.backend.advance(1000);
      expect(told).toHaveLength(2);
    });
    await late;
    expect(told).toMatchObject([
      { Status: "FAILED", Reason: "WINDHOVER_STACK does not describe a stack" },
      { Status: "FAILED", Reason: "the invocation's time is over" },
    ]);
  });
});

describe("at a stack's end", () => {
  test("containers are stopped, and waited for: a cluster in which one lives could not be deleted", async () => {
    const container = { cluster: "cluster", taskDefinition: "Flows-p", subnets: [], securityGroups: [], concurrency: 3 };
    const pool = { ...(STACK.pools["default"] as PoolResource), container };
    const world = new World({ stack: { ...STACK, pools: { ...STACK.pools, p: pool, q: pool } } });
    const ecs = mockClient(ECSClient);
    const pages = ["a", "b", "c"].map((task, i) => [task, i < 2 ? `${i + 1}` : undefined] as const);
    const [living, ending] = [new Set(["a", "b", "c"]), new Set<string>()];
    ecs
      .on(ListTasksCommand)
      .callsFake(({ desiredStatus, nextToken = "0" }) => {
        const [task, next] = pages[Number(nextToken)] as (typeof pages)[number];
        const meant = living.has(task) ? "RUNNING" : "STOPPED";
        return { taskArns: meant === desiredStatus ? [task] : [], nextToken: next };
      })
      .on(StopTaskCommand)
      .callsFake(({ task }) => {
        living.delete(task);
        // One had ended by itself.
        if (task === "b") throw Object.assign(new Error("The referenced task was not found."), { name: "InvalidParameterException" });
        ending.add(task);
        return {};
      })
      .on(DescribeTasksCommand)
      .callsFake(({ tasks }) => ({ tasks: tasks.map((task: string) => ({ lastStatus: ending.has(task) ? "DEACTIVATING" : "STOPPED" })) }));
    const { told, put } = listener();
    const ended = deployedOf(() => world.fn, [], put)(event("Delete", ["containers"]), TIME);
    await vi.waitFor(() => expect(ecs.commandCalls(DescribeTasksCommand)).toHaveLength(3));
    expect(ecs.commandCalls(StopTaskCommand).map(({ args }) => args[0].input.task)).toEqual(["a", "b", "c"]);
    expect(told).toEqual([]);
    ending.clear();
    await world.backend.advance(2000);
    await ended;
    expect(told).toMatchObject([{ Status: "SUCCESS" }]);
    ecs.on(ListTasksCommand).rejects(Object.assign(new Error("Cluster not found."), { name: "ClusterNotFoundException" }));
    await deployedOf(() => world.fn, [], put)(event("Delete", ["containers"]), TIME);
    expect(told).toMatchObject([{ Status: "SUCCESS" }, { Status: "SUCCESS" }]);
  });

  test("what the construct names is deleted: the bucket's objects, this stack's secrets and no other's", async () => {
    const world = new World();
    const secrets = mockClient(SecretsManagerClient);
    world.s3
      .on(ListObjectVersionsCommand)
      .resolvesOnce({ Versions: [{ Key: "results/1", VersionId: "v" }], DeleteMarkers: [{ Key: "old", VersionId: "m" }] })
      .resolves({})
      .on(DeleteObjectsCommand)
      .resolves({});
    secrets
      .on(ListSecretsCommand)
      .resolves({ SecretList: [{ Name: "/Flows/blocks/s3/a" }, { Name: "/Flows/blocksmith/x" }] })
      .on(DeleteSecretCommand)
      .resolves({});
    const { told, put } = listener();
    await deployedOf(() => world.fn, [], put)(event("Delete", ["bucket", "secrets"]), TIME);
    expect(told).toMatchObject([{ Status: "SUCCESS" }]);
    expect(world.s3.commandCalls(DeleteObjectsCommand)[0]?.args[0].input.Delete?.Objects).toEqual([
      { Key: "results/1", VersionId: "v" },
      { Key: "old", VersionId: "m" },
    ]);
    expect(secrets.commandCalls(DeleteSecretCommand).map(({ args }) => args[0].input.SecretId)).toEqual(["/Flows/blocks/s3/a"]);
  });

  test("nothing is deleted that it does not name", async () => {
    const world = new World();
    const { told, put } = listener();
    await deployedOf(() => world.fn, [], put)(event("Delete"), TIME);
    expect(told).toMatchObject([{ Status: "SUCCESS" }]);
    expect(world.s3.commandCalls(DeleteObjectsCommand)).toEqual([]);
  });
});

test("a deployment that was told by a deploy is not told again by its first message", async () => {
  const f = flow({ name: "f" }, async () => {});
  const nightly = f.deployment({ name: "nightly" });
  const world = new World({ modules: [{ nightly }] });
  const { put } = listener();
  await deployedOf(() => world.fn, [async () => ({ nightly })], put)(event("Create"), TIME);
  await world.pump();
  await world.orchestrator({ Records: [letter("deployment:nightly", { kind: "pause", id: "p" }, { id: "m1" })] }, TIME);
  const events = (await world.ports.log.read("deployment:nightly")).flatMap((entry) => entry.events.map(({ type }) => type));
  expect(events).toEqual(["configured", "paused"]);
});

test("a container of the code before took a deployment's new settings back", async () => {
  const f = flow({ name: "f", parameters: z.object({ n: z.number() }) }, async ({ n }) => n);
  const module = (n: number) => ({ nightly: f.deployment({ name: "nightly", parameters: { n }, schedules: [cron("0 2 * * *")] }) });
  const world = new World({ modules: [module(1)], build: "b1" });
  const { put } = listener();
  const deploy = async (n: number): Promise<void> => {
    await deployedOf(() => world.function({ build: `b${n}` }), [async () => module(n)], put)(event("Update"), TIME);
    await world.pump();
  };
  const ran = async (): Promise<readonly unknown[]> => {
    const rows = [...(await world.ports.index.runs({ flow: "f" })).rows].sort((a, b) => Number(a.scheduledTime) - Number(b.scheduledTime));
    const started = await Promise.all(rows.map(async ({ id }) => (await world.events(id)).find((one) => one.type === "started")));
    return started.map((one) => one?.type === "started" && (decode(one.parameters as string) as { n: number }).n);
  };
  const tick = async (day: number): Promise<void> => {
    const nominal = new Date(Date.UTC(2030, 0, day, 2)).toISOString();
    await world.orchestrator(
      { Records: [record({ to: "deployment:nightly", tick: { schedule: 0, nominal } }, { id: `m${day}`, group: "deployment:nightly" })] },
      TIME,
    );
    await world.pump();
  };
  const said = async (): Promise<number> =>
    (await world.ports.log.read("deployment:nightly")).flatMap(({ events }) => events).filter(({ type }) => type === "configured").length;
  // The first tick overtakes the first deploy: what its process says is heard.
  await tick(1);
  expect([await ran(), await said()]).toEqual([[1], 1]);
  await deploy(1);
  await deploy(2);
  // A container of the first build is still fed.
  await tick(2);
  await tick(3);
  expect([await ran(), await said()]).toEqual([[1, 2, 2], 3]);
  // A later deploy may bring the older code back.
  await deploy(1);
  await tick(4);
  expect([await ran(), await said()]).toEqual([[1, 2, 2, 1], 4]);
});
