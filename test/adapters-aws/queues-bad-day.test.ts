/** A mailbox on a day on which SQS refuses a third of all requests, by the names that it has for that. */
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type AwsClients, createClients } from "../../adapters/aws/clients.ts";
import { createInbox } from "../../adapters/aws/inbox.ts";
import { createMailbox } from "../../adapters/aws/mailbox.ts";
import { systemClock, systemRandom } from "../../adapters/aws/system.ts";
import type { Clock } from "../../engine/ports.ts";
import { type BadDay, microburst } from "../aws/microburst.ts";
import { environmentOf, ministack } from "../aws/ministack.ts";
import { missingPython } from "../aws/python.ts";
import { createStackOfQueues, deleteStackOfQueues } from "../aws/queues.ts";
import { message } from "../contract/samples.ts";

/** Waits are a twentieth as long: nobody else wants anything from this queue. */
const hasty: Clock = { now: () => systemClock.now(), wait: (ms, signal) => systemClock.wait(ms / 20, signal) };

const missing = process.env["CI"] ? undefined : missingPython();

describe.skipIf(missing !== undefined)(`on a bad day${missing === undefined ? "" : ` (skipped: ${missing})`}`, () => {
  let clients: AwsClients & { close(): void };
  let day: BadDay;
  beforeAll(async () => {
    const server = await ministack();
    Object.assign(process.env, environmentOf(server));
    day = await microburst(server);
    clients = createClients({ region: "us-east-1", endpoint: day.endpoint });
  });
  afterAll(() => {
    clients.close();
    day.end();
  });

  test.each([
    ["RequestThrottled", 403],
    ["KmsThrottled", 403],
    ["InternalError", 500],
  ])("%s: every message arrives once, in its actor's order, and is acknowledged", async (code, status) => {
    const stack = await createStackOfQueues(clients, `bad-${randomUUID()}`);
    const parts = { stack, clients, clock: hasty, random: systemRandom, role: "orchestrator" } as const;
    const mailbox = createMailbox(parts);
    const inbox = createInbox(parts);
    await day.faults([{ service: "sqs", probability: 0.3, error: { code, status } }]);
    await Promise.all(Array.from({ length: 60 }, (_, i) => mailbox.send(`run:${i % 6}`, message(String(i)))));
    const got = new Map<string, string[]>();
    for (let batch = await inbox.receive(10); batch.length > 0; batch = await inbox.receive(10)) {
      for (const { actor, message: each } of batch) got.set(actor, [...(got.get(actor) ?? []), each.id]);
      await mailbox.acknowledge(batch);
    }
    await day.faults([]);
    for (let actor = 0; actor < 6; actor++) expect(got.get(`run:${actor}`)).toEqual(Array.from({ length: 10 }, (_, i) => String(i * 6 + actor)));
    await deleteStackOfQueues(clients, stack);
  });
});
