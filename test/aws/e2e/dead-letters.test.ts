/**
 * Messages that no function comes to an end with: after so many receives they are dead letters, and the function that drains those ends their runs as Crashed, with the reason. What is
 * not ours is kept in the bucket. Afterwards nothing is left in any queue.
 */
import { GetObjectCommand, ListObjectsV2Command } from "@aws-sdk/client-s3";
import { SendMessageCommand } from "@aws-sdk/client-sqs";
import type { SQSRecord } from "aws-lambda";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { groupOf } from "../../../adapters/aws/letters.ts";
import type { QueueResource } from "../../../adapters/aws/stack.ts";
import { encode } from "../../../engine/codec.ts";
import { runActor } from "../../../engine/messages.ts";
import { environmentOf, ministack } from "../ministack.ts";
import { missingPython } from "../python.ts";
import * as flows from "./pumped-flows.ts";
import { PumpedStack } from "./pumped-stack.ts";

const missing = process.env["CI"] ? undefined : missingPython();
const RECEIVES = 3;

describe.skipIf(missing !== undefined)(`dead letters${missing === undefined ? "" : ` (${missing})`}`, () => {
  let world: PumpedStack;
  /** True for what the function does not survive. */
  let poison: (record: SQSRecord) => boolean = () => false;
  beforeAll(async () => {
    const server = await ministack();
    Object.assign(process.env, environmentOf(server), { WINDHOVER_LOG: process.env["WINDHOVER_LOG"] ?? "off" });
    const onBatch = (records: readonly SQSRecord[]): void => {
      if (records.some((record) => poison(record))) throw new Error("the process died");
    };
    const options = { endpoint: server.endpoint, pools: ["other"], modules: [flows], onBatch };
    world = await PumpedStack.open("dead", { ...options, visibilitySeconds: 1, receives: RECEIVES, containers: 1 });
    world.pump();
  });
  afterEach(() => {
    poison = () => false;
  });
  afterAll(() => world?.close());

  const run = (flow: string) => world.opened.client.run(flow);
  const state = async (id: string) => world.opened.client.get(id).state();
  /** What the draining function does at its next times, until it has nothing more to do. */
  async function drained(): Promise<void> {
    await world.quiet();
    await world.drain();
    await world.quiet();
    expect(await world.deadLetters(), "dead letters after they were drained").toBe(0);
  }

  async function keptInBucket(): Promise<readonly { readonly queue: string; readonly body: string; readonly why: string }[]> {
    const Bucket = world.stack.bucket;
    const { Contents = [] } = await world.clients.s3.send(new ListObjectsV2Command({ Bucket, Prefix: "dead-letters/" }));
    return Promise.all(
      Contents.map(async ({ Key }) => {
        const { Body } = await world.clients.s3.send(new GetObjectCommand({ Bucket, Key }));
        return JSON.parse((await Body?.transformToString()) ?? "");
      }),
    );
  }

  test("a message that its run's function never survives ends the run as Crashed, and redrive runs it again", async () => {
    const fateful = await run("chain");
    poison = ({ body }) => body.includes(fateful.id);
    await world.dead(world.stack.mailbox);
    await drained();
    poison = () => false;
    expect(await state(fateful.id)).toMatchObject({ type: "CRASHED" });
    await expect(fateful.result()).rejects.toThrow(/received too often/);
    const innocent = await run("chain");
    expect(await innocent.result()).toBe(8);
    const again = await (world.opened.client.get(fateful.id) as unknown as { redrive(): Promise<typeof innocent> }).redrive();
    expect(await again.result()).toBe(8);
  });

  test("what comes to a run that had gone on is kept for redrive, which takes over what completed", async () => {
    const asking = await run("asking");
    await world.quiet();
    poison = ({ body }) => body.includes('"kind":"input"') && body.includes(asking.id);
    await asking.input(flows.Approval, { approved: true });
    await world.dead(world.stack.mailbox);
    await drained();
    poison = () => false;
    expect(await state(asking.id)).toMatchObject({ type: "CRASHED" });
    const again = await (world.opened.client.get(asking.id) as unknown as { redrive(): Promise<typeof asking> }).redrive();
    expect(await again.result()).toBe(42);
  });

  test("a run whose flow is gone from the code ends as Crashed at once, and says so", async () => {
    const id = "gone0000000000000";
    const message = { kind: "start", id: `start:${id}:client`, flow: "gone", name: "gone", parameters: encode({}), createdAt: Date.now() } as const;
    await world.opened.ports.mailbox.send(runActor(id), message);
    await world.quiet();
    expect(await state(id)).toMatchObject({ type: "CRASHED" });
    await expect(world.opened.client.get(id).result()).rejects.toThrow(/WH2001.*gone/);
  });

  test("a task whose executor cannot be loaded is a crash: what runs at most once fails its run, with the reason", async () => {
    const { url } = world.stack.pools["other"] as QueueResource;
    poison = ({ eventSourceARN }) => url.endsWith(eventSourceARN.slice(eventSourceARN.lastIndexOf(":") + 1));
    const careful = await run("careful");
    await world.dead(world.stack.pools["other"] as QueueResource);
    await drained();
    poison = () => false;
    await expect(careful.result()).rejects.toThrow(/dead letter/);
    expect(["CRASHED", "FAILED"]).toContain((await state(careful.id)).type);
    expect(flows.executions.get(`${careful.id} once-0`)).toBeUndefined();
  });

  test("a task that may run again does so after its message was a dead letter", async () => {
    const { url } = world.stack.pools["other"] as QueueResource;
    poison = ({ eventSourceARN }) => url.endsWith(eventSourceARN.slice(eventSourceARN.lastIndexOf(":") + 1));
    const patient = await run("by-queue");
    await world.dead(world.stack.pools["other"] as QueueResource);
    poison = () => false;
    await drained();
    expect(await patient.result()).toBe(8);
  });

  test("a timer that became a dead letter still wakes its run", async () => {
    poison = ({ body }) => body.startsWith('{"timer"');
    const sleeper = await run("sleeper");
    await world.dead(world.stack.pools["default"] as QueueResource);
    poison = () => false;
    await drained();
    expect(await sleeper.result()).toBe(3);
  });

  test("what is not ours is kept in the bucket and deleted, from every queue and from every queue of dead letters", async () => {
    const queues = [world.stack.mailbox, ...Object.values(world.stack.pools)];
    const bodies = ["no JSON", "{}", '{"to":5}', '{"to":"run:x","message":{}}', '{"task":{}}'];
    const sent: string[] = [];
    for (const { url, deadLettersUrl } of queues)
      for (const QueueUrl of [url, deadLettersUrl])
        for (const body of bodies) {
          const MessageBody = `${body} `.padEnd(body.length + 1 + sent.length);
          const fifo = QueueUrl.endsWith(".fifo") ? { MessageGroupId: groupOf("run:x") } : {};
          await world.clients.sqs.send(new SendMessageCommand({ QueueUrl, MessageBody, ...fifo }));
          sent.push(MessageBody);
        }
    await drained();
    const kept = await keptInBucket();
    expect(kept.map(({ body }) => body).sort()).toEqual(sent.sort());
    for (const { why } of kept) expect(why).toMatch(/WH3110|not one of ours/);
  });

  test("afterwards nothing is left that could go round for ever", async () => {
    await drained();
    const { runs } = await world.opened.client.runs({ limit: 1000 });
    expect(runs.filter(({ state: { type } }) => !["COMPLETED", "CRASHED", "FAILED"].includes(type))).toEqual([]);
  });
});
