/** Each thing that starts a deployment's runs, from its source in AWS to the run's result. */
import { createHmac, randomUUID } from "node:crypto";
import { PutEventsCommand } from "@aws-sdk/client-eventbridge";
import { PutObjectCommand } from "@aws-sdk/client-s3";
import { GetQueueUrlCommand, SendMessageCommand } from "@aws-sdk/client-sqs";
import { afterAll, expect, test } from "vitest";
import { createClients } from "../../../adapters/aws/clients.ts";
import type { EventFromBus } from "../../../adapters/aws/letters.ts";
import { groupOf } from "../../../adapters/aws/letters.ts";
import type { RunEvent } from "../../../engine/events.ts";
import { deploymentActor } from "../../../engine/messages.ts";
import { BODY_BYTES } from "../../../server/routes.ts";
import { INCOMING_BUCKET, ORDERS_QUEUE } from "./flows/names.ts";
import { endedRuns, openShared, PATIENCE } from "./world.ts";

const stack = await openShared();
const clients = createClients();
afterAll(() => clients.close());

/** What the deployment's runs came to. */
async function outcomes(deployment: string): Promise<readonly unknown[]> {
  const runs = await endedRuns(stack, deployment);
  return Promise.all(
    runs.map(async ({ id }) => {
      const state = await stack.client.get(id).state();
      return state.type === "COMPLETED" ? state.result : state.type;
    }),
  );
}

test("an object that is put into a bucket is a run, one elsewhere is none", async () => {
  const put = (Key: string): Promise<unknown> => clients.s3.send(new PutObjectCommand({ Bucket: INCOMING_BUCKET, Key, Body: "a,b\n" }));
  await put("out/no.csv");
  await put("in/a file.csv");
  await expect.poll(() => outcomes("uploads"), PATIENCE).toEqual(["in/a file.csv of 4 bytes"]);
});

test("a message in a queue is a run", async () => {
  const { QueueUrl } = await clients.sqs.send(new GetQueueUrlCommand({ QueueName: ORDERS_QUEUE }));
  await clients.sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: "tea" }));
  await expect.poll(() => outcomes("orders"), PATIENCE).toEqual(["ordered tea"]);
});

test("what a flow emits is a run of who listens, and so is a run that has failed", async () => {
  expect(await (await stack.client.run("greet", { whom: "everybody" })).result()).toBeUndefined();
  await expect.poll(() => outcomes("greeted"), PATIENCE).toEqual(["greeted everybody"]);
  const failing = await stack.client.run("greet", { whom: "nobody" });
  await expect(failing.result()).rejects.toThrow("there is nobody");
  await expect.poll(() => outcomes("regretted"), PATIENCE).toEqual([`regretted ${failing.id}`]);
  await expect.poll(() => outcomes("greeted"), PATIENCE).toEqual(["greeted everybody", "greeted nobody"]);
});

test("an event on the bus is a run if it fits the pattern; one that cannot be used is a failed run, which says why and keeps what came", async () => {
  const paid = (detail: object): Promise<unknown> =>
    clients.events.send(new PutEventsCommand({ Entries: [{ Source: "shop", DetailType: "paid", Detail: JSON.stringify(detail) }] }));
  await paid({ order: "in dollars", currency: "USD" });
  await paid({ order: "seven", currency: "EUR" });
  await expect.poll(() => outcomes("payments"), PATIENCE).toEqual(["paid seven"]);

  await paid({ explain: "no order", currency: "EUR" });
  await paid({ order: "x".repeat(200), currency: "EUR" });
  await expect.poll(() => outcomes("payments"), PATIENCE).toHaveLength(3);
  const failed = (await endedRuns(stack, "payments")).filter(({ state }) => state.type === "FAILED");
  const stories = await Promise.all(failed.map(async ({ id }) => [String((await stack.client.get(id).state()).message), await parametersOf(id)]));
  expect(stories).toEqual(
    expect.arrayContaining([
      [expect.stringMatching(/payments.*a payment of nothing/), expect.stringContaining("no order")],
      [expect.stringMatching(/what/), expect.stringContaining("xxxxx")],
    ]),
  );
});

test("an event that is delivered twice is one run", async () => {
  const actor = deploymentActor("payments");
  const event: EventFromBus = { id: randomUUID(), source: "shop", "detail-type": "paid", detail: { order: "twice", currency: "EUR" } };
  for (let delivery = 0; delivery < 2; delivery++)
    await clients.sqs.send(
      new SendMessageCommand({
        QueueUrl: stack.resources.mailbox.url,
        MessageBody: JSON.stringify({ to: actor, event: { trigger: 0, event } }),
        MessageGroupId: groupOf(actor),
        MessageDeduplicationId: randomUUID(),
      }),
    );
  // What is sent after them is answered after them.
  const last: EventFromBus = { ...event, id: randomUUID(), detail: { order: "last", currency: "EUR" } };
  await clients.sqs.send(
    new SendMessageCommand({
      QueueUrl: stack.resources.mailbox.url,
      MessageBody: JSON.stringify({ to: actor, event: { trigger: 0, event: last } }),
      MessageGroupId: groupOf(actor),
      MessageDeduplicationId: randomUUID(),
    }),
  );
  await expect.poll(() => outcomes("payments"), PATIENCE).toContain("paid last");
  await expect.poll(() => outcomes("payments"), PATIENCE).toContain("paid twice");
  expect((await outcomes("payments")).filter((outcome) => outcome === "paid twice")).toHaveLength(1);
});

test("a webhook checks who calls, and the same key is the same run", async () => {
  // The emulator serves it at another address, by its id.
  const api = /^https?:\/\/(\w+)\.execute-api\./.exec(stack.resources.apiUrl ?? "")?.[1];
  const post = (body: string, headers: Readonly<Record<string, string>>): Promise<Response> =>
    fetch(`${process.env["AWS_ENDPOINT_URL"]}/_aws/execute-api/${api}/$default/hooks/orders/new`, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body,
    });
  const secret = "not-a-real-secret";
  const body = JSON.stringify({ order: "by hook" });
  const signature = (key: string): string => `sha256=${createHmac("sha256", key).update(body).digest("hex")}`;

  expect((await post(body, {})).status).toBe(401);
  expect((await post(body, { "x-hub-signature-256": signature("another secret") })).status).toBe(401);
  expect((await post(JSON.stringify({ order: "x".repeat(BODY_BYTES) }), { "x-windhover-secret": secret })).status).toBe(413);

  const signed = { "x-hub-signature-256": signature(secret), "idempotency-key": "order-1" };
  const answers = [await post(body, signed), await post(body, signed), await post(body, { "x-windhover-secret": secret, "idempotency-key": "order-2" })];
  expect(answers.map(({ status }) => status)).toEqual([202, 202, 202]);
  const [first, again, other] = (await Promise.all(answers.map((answer) => answer.json()))) as { readonly id: string }[];
  expect(again?.id).toBe(first?.id);
  expect(other?.id).not.toBe(first?.id);
  await expect.poll(() => outcomes("hooked"), PATIENCE).toEqual(["by hook", "by hook"]);
});

test("a schedule fires", async () => {
  await expect.poll(() => outcomes("ticking"), PATIENCE).toContain("a minute");
  const [run] = await endedRuns(stack, "ticking");
  expect(await stack.ports.index.run(run?.id ?? "")).toMatchObject({ scheduledTime: expect.any(Number) });
});

/** What was kept of what came, as text. */
async function parametersOf(run: string): Promise<string> {
  const events = (await stack.client.history(run)).flatMap((entry) => entry.events as readonly RunEvent[]);
  return String(events.find(({ type }) => type === "started" && "parameters")?.["parameters" as never]);
}
