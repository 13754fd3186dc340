/** The deployed function that drains dead letters may do what it has to, and ends the runs whose messages it finds. */
import { InvokeCommand } from "@aws-sdk/client-lambda";
import { GetObjectCommand, ListObjectsV2Command } from "@aws-sdk/client-s3";
import { SendMessageCommand } from "@aws-sdk/client-sqs";
import { afterAll, expect, test } from "vitest";
import { createClients } from "../../../adapters/aws/clients.ts";
import { groupOf } from "../../../adapters/aws/letters.ts";
import { encode } from "../../../engine/codec.ts";
import { runActor, type StartMessage } from "../../../engine/messages.ts";
import { openShared, PATIENCE } from "./world.ts";

const stack = await openShared();
const clients = createClients();
afterAll(() => clients.close());

async function send(QueueUrl: string, body: string, actor: string): Promise<void> {
  const fifo = QueueUrl.endsWith(".fifo") && { MessageGroupId: groupOf(actor), MessageDeduplicationId: `${Date.now()}-${body.length}` };
  await clients.sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: body, ...fifo }));
}

/** Bodies of what was kept, by the queue that they were in. */
async function kept(): Promise<readonly string[]> {
  const Bucket = stack.resources.bucket;
  const { Contents = [] } = await clients.s3.send(new ListObjectsV2Command({ Bucket, Prefix: "dead-letters/" }));
  const texts = Contents.map(async ({ Key }) => (await clients.s3.send(new GetObjectCommand({ Bucket, Key }))).Body?.transformToString());
  return (await Promise.all(texts)).map((text = "") => (JSON.parse(text) as { body: string }).body);
}

test("one invocation ends a run as Crashed, with the reason, and keeps what is not ours, from all queues", async () => {
  const { mailbox, pools, functions } = stack.resources;
  const id = `drained${Date.now().toString(36)}`;
  const actor = runActor(id);
  const message: StartMessage = { kind: "start", id: `start:${id}:client`, flow: "sum", name: id, parameters: encode({ n: 1 }), createdAt: Date.now() };
  await send(mailbox.deadLettersUrl, JSON.stringify({ to: actor, message }), actor);
  const urls = [mailbox, ...Object.values(pools)].flatMap(({ url, deadLettersUrl }) => [url, deadLettersUrl]);
  const bodies = urls.map((_, i) => `not ours, ${id} ${i}`);
  for (const [i, url] of urls.entries()) await send(url, bodies[i] as string, actor);

  const { FunctionError, Payload } = await clients.lambda.send(new InvokeCommand({ FunctionName: functions.deadLetters, Payload: "{}" }));
  expect(FunctionError, Buffer.from(Payload ?? []).toString()).toBeUndefined();
  await expect.poll(async () => (await stack.client.get(id).state()).type, PATIENCE).toBe("CRASHED");
  await expect(stack.client.get(id).result()).rejects.toThrow(/became a dead letter/);
  await expect.poll(async () => (await kept()).filter((body) => body.includes(id)).sort(), PATIENCE).toEqual([...bodies].sort());
});
