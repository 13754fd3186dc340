/** What the runner of the queues' ports needs: a process over queues, a log group and a bus of its own, in real time. */
import { randomUUID } from "node:crypto";
import { ChangeMessageVisibilityCommand } from "@aws-sdk/client-sqs";
import { openAws } from "../../adapters/aws/backend.ts";
import { type AwsClients, createClients } from "../../adapters/aws/clients.ts";
import { createEvents } from "../../adapters/aws/events.ts";
import { createInbox } from "../../adapters/aws/inbox.ts";
import { createLogs } from "../../adapters/aws/logs.ts";
import { createMailbox } from "../../adapters/aws/mailbox.ts";
import type { Parts } from "../../adapters/aws/parts.ts";
import { queueOf } from "../../adapters/aws/queue.ts";
import { createSecrets } from "../../adapters/aws/secrets.ts";
import type { PoolResource, StackResources } from "../../adapters/aws/stack.ts";
import { systemClock, systemRandom } from "../../adapters/aws/system.ts";
import { createTaskQueue } from "../../adapters/aws/tasks.ts";
import { createTimers, type TimersParts } from "../../adapters/aws/timers.ts";
import { createBus, createLogGroup, createScheduleGroup, createStackOfQueues, deleteStackOfQueues } from "../aws/queues.ts";
import { createBucket, createTables, deleteBucket, deleteTables } from "../aws/resources.ts";
import type { Backend, Emitted } from "./backend.ts";

/** How often the timers' queue is looked at while time passes. Unit: milliseconds. */
const LOOK_EVERY_MS = 50;
const TIMERS = "the pool of the timers";

/** A backend, and what it is made of. */
export interface QueueBackend extends Backend {
  readonly parts: Parts;
  beside(): Promise<QueueBackend>;
}

export interface PlaceOptions {
  readonly endpoint: string;
  readonly pools?: readonly string[];
  /** Tables too, for a case that looks at the other ports. */
  readonly tables?: boolean;
  /** A bus, with a subscriber. */
  readonly bus?: boolean;
  readonly timers?: Pick<TimersParts, "longMs" | "earlyMs">;
}

interface Place extends PlaceOptions {
  readonly stack: StackResources;
  /** The same stack with another default pool, so that whoever looks for timers takes no task. */
  readonly ofTimers: StackResources;
  readonly emitted: Emitted[];
  readonly subscriber: string | undefined;
  readonly open: Set<AwsClients>;
}

/** Each call makes resources of its own. */
export async function createPlace(options: PlaceOptions): Promise<QueueBackend> {
  const clients = createClients({ region: "us-east-1", endpoint: options.endpoint });
  const name = `contract-${randomUUID()}`;
  const made = await createStackOfQueues(clients, name, [TIMERS, ...(options.pools ?? [])]);
  const { [TIMERS]: timers, ...pools } = made.pools;
  const stack = { ...made, pools, eventBus: options.bus ? name : "default" };
  const ofTimers = { ...stack, pools: { default: timers as PoolResource } };
  await Promise.all([createScheduleGroup(clients, stack), createLogGroup(clients, stack), createBucket(clients, stack)]);
  if (options.tables) await createTables(clients, stack);
  const subscriber = options.bus ? await createBus(clients, stack) : undefined;
  clients.close();
  return open({ ...options, stack, ofTimers, subscriber, emitted: [], open: new Set() });
}

function open(place: Place): QueueBackend {
  /** All that this process ever received: when it is dead, the queue gives it to others. */
  const receipts: { readonly QueueUrl: string; readonly ReceiptHandle: string }[] = [];
  const clients = createClients({
    region: place.stack.region,
    endpoint: place.endpoint,
    onRequest({ operation, input, output }) {
      if (operation !== "ReceiveMessage") return;
      const { QueueUrl } = input as { readonly QueueUrl: string };
      const { Messages = [] } = output as { readonly Messages?: readonly { readonly ReceiptHandle: string }[] };
      for (const { ReceiptHandle } of Messages) receipts.push({ QueueUrl, ReceiptHandle });
    },
  });
  place.open.add(clients);
  const parts: Parts = { stack: place.stack, clients, clock: systemClock, random: systemRandom, role: "client" };
  const inbox = createInbox(parts);
  const mailbox = createMailbox(parts);
  const timers = createTimers({ ...parts, ...place.timers, stack: place.ofTimers, mailbox });
  const pump = createTaskQueue({ ...parts, stack: place.ofTimers, forward: timers.forward });
  const ports = {
    ...openAws(parts).ports,
    inbox,
    mailbox,
    timers,
    tasks: createTaskQueue(parts),
    secrets: createSecrets(parts),
    logs: createLogs(parts),
    events: createEvents(parts),
  };
  const leave = (): void => {
    place.open.delete(clients);
    clients.close();
  };
  return {
    ports,
    parts,
    async advance(ms) {
      for (const until = systemClock.now() + ms; ; ) {
        await pump.receive("default", 10);
        const left = until - systemClock.now();
        if (left <= 0) return;
        await systemClock.wait(Math.min(left, LOOK_EVERY_MS));
      }
    },
    async reopen() {
      const next = open(place);
      // What was deleted meanwhile is not there any more, and says so.
      const show = (receipt: (typeof receipts)[number]) => clients.sqs.send(new ChangeMessageVisibilityCommand({ ...receipt, VisibilityTimeout: 0 }));
      await Promise.allSettled(receipts.map(show));
      leave();
      return next;
    },
    beside: async () => open(place),
    async emitted() {
      const queue = queueOf(parts, place.subscriber as string);
      for (let got = await queue.receive(10, 0); got.length > 0; got = await queue.receive(10, 0)) {
        for (const { body } of got) {
          const { "detail-type": type, detail } = JSON.parse(body) as { readonly "detail-type": string; readonly detail: Omit<Emitted, "type"> };
          place.emitted.push({ ...detail, type });
        }
        await Promise.all(got.map(({ receipt }) => queue.remove(receipt)));
      }
      return place.emitted;
    },
    async close() {
      if (place.open.size === 1) {
        await deleteStackOfQueues(clients, {
          ...place.stack,
          pools: { ...place.stack.pools, ...{ [TIMERS]: place.ofTimers.pools["default"] as PoolResource } },
        });
        await deleteBucket(clients, place.stack);
        if (place.tables) await deleteTables(clients, place.stack);
      }
      leave();
    },
  };
}
