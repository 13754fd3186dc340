/** The functions over the backend in memory: what they ask of SQS, S3 and Lambda itself goes to mocks, and a mapping of our own feeds them what lies in the mailbox. */

import { InvokeCommand, LambdaClient, ListVersionsByFunctionCommand } from "@aws-sdk/client-lambda";
import { PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { ChangeMessageVisibilityBatchCommand, DeleteMessageBatchCommand, SQSClient } from "@aws-sdk/client-sqs";
import type { SQSBatchResponse, SQSRecord } from "aws-lambda";
import { mockClient } from "aws-sdk-client-mock";
import { createClients } from "../../adapters/aws/clients.ts";
import type { StackResources } from "../../adapters/aws/stack.ts";
import { createMemoryBackend, type MemoryBackend } from "../../adapters/memory/backend.ts";
import type { Code } from "../../engine/definition.ts";
import type { Entry, RunEvent } from "../../engine/events.ts";
import { type Delivery, runActor } from "../../engine/messages.ts";
import type { Ports, TaskDelivery } from "../../engine/ports.ts";
import type { RunState } from "../../engine/run-state.ts";
import { shared } from "../../engine/scope.ts";
import { executorOf } from "../../functions/executor.ts";
import { type FunctionHost, functionHost } from "../../functions/host.ts";
import { orchestratorOf, type SqsHandler } from "../../functions/orchestrator.ts";

const arn = (name: string): string => `arn:aws:sqs:eu-west-1:111122223333:${name}`;
const url = (name: string): string => `https://sqs.eu-west-1.amazonaws.com/111122223333/${name}`;

export const STACK: StackResources = {
  format: 1,
  stack: "Flows",
  region: "eu-west-1",
  account: "111122223333",
  stateTable: "state",
  runsTable: "runs",
  bucket: "results",
  mailbox: { url: url("mailbox.fifo"), arn: arn("mailbox.fifo"), deadLettersUrl: url("mailbox-dead.fifo"), visibilitySeconds: 900 },
  pools: { default: { url: url("tasks"), arn: arn("tasks"), deadLettersUrl: url("tasks-dead"), visibilitySeconds: 900, timeoutSeconds: 900 } },
  scheduleGroup: "flows",
  scheduleRoleArn: "arn:aws:iam::111122223333:role/schedules",
  logGroup: "flows",
  eventBus: "default",
  secretsPrefix: "/Flows/blocks/",
  functions: { orchestrator: "orchestrator", executor: "executor", api: "api", deadLetters: "dead-letters" },
};

export const TIME = { getRemainingTimeInMillis: () => 900_000 };

export interface WorldOptions {
  readonly modules?: readonly object[];
  readonly code?: Code;
  readonly build?: string;
  /** Puts something between the functions and the backend. */
  readonly ports?: (ports: Ports) => Ports;
  readonly stack?: StackResources;
}

export class World {
  readonly backend: MemoryBackend = createMemoryBackend();
  readonly sqs = mockClient(SQSClient);
  readonly s3 = mockClient(S3Client);
  readonly lambda = mockClient(LambdaClient);
  readonly fn: FunctionHost;
  readonly orchestrator: SqsHandler;
  readonly executor: SqsHandler;
  readonly #acknowledged: string[] = [];
  readonly #options: WorldOptions;

  constructor(options: WorldOptions = {}) {
    this.#options = options;
    this.sqs.on(DeleteMessageBatchCommand).resolves({}).on(ChangeMessageVisibilityBatchCommand).resolves({});
    this.s3.on(PutObjectCommand).resolves({});
    this.fn = this.function();
    this.orchestrator = orchestratorOf(this.fn);
    this.executor = executorOf(this.fn);
  }
  /** Another container of the function, over the same stack. */
  function(more: WorldOptions = {}): FunctionHost {
    const { modules = [], code = shared.code, build, ports = (same: Ports) => same, stack = STACK } = { ...this.#options, ...more };
    const clients = createClients({ region: "eu-west-1", endpoint: "http://127.0.0.1:1" });
    const { mailbox } = this.backend.ports;
    const acknowledge: typeof mailbox.acknowledge = async (deliveries) => {
      for (const { receipt } of deliveries) if (receipt !== undefined) this.#acknowledged.push(receipt);
    };
    return functionHost(
      { stack, clients, ports: ports({ ...this.backend.ports, mailbox: { ...mailbox, acknowledge } }), code, ...(build !== undefined && { build }) },
      modules,
    );
  }
  get ports(): Ports {
    return this.backend.ports;
  }
  /** Versions of the functions by build, and how each answers. */
  versions(versions: Readonly<Record<string, (records: readonly SQSRecord[]) => Promise<SQSBatchResponse> | SQSBatchResponse>>): void {
    const builds = Object.keys(versions);
    this.lambda.on(ListVersionsByFunctionCommand).resolves({ Versions: builds.map((Description, i) => ({ Description, Version: String(i + 1) })) });
    this.lambda.on(InvokeCommand).callsFake(async ({ Qualifier, Payload }: { Qualifier: string; Payload: Uint8Array }) => {
      const take = versions[builds[Number(Qualifier) - 1] as string] as (records: readonly SQSRecord[]) => SQSBatchResponse;
      const { Records } = JSON.parse(Buffer.from(Payload).toString()) as { Records: SQSRecord[] };
      return { Payload: Buffer.from(JSON.stringify(await take(Records))) };
    });
  }

  /** All that lies in the mailbox and in the default pool's queue is taken, as by the mappings of a deployed stack, until nothing is left. */
  async pump({ orchestrator = this.orchestrator, executor = this.executor, rounds = 200 } = {}): Promise<void> {
    for (let round = 0; round < rounds; round++) {
      const mail = await this.ports.inbox.receive(10);
      if (mail.length > 0) {
        const failed = failures(await orchestrator({ Records: mail.map(recordOfMail) }, TIME));
        await this.ports.mailbox.acknowledge(mail.filter(({ physical }) => !failed.has(physical)));
        await this.ports.inbox.release(mail.filter(({ physical }) => failed.has(physical)));
        continue;
      }
      const tasks = await this.ports.tasks.receive("default", 10);
      if (tasks.length === 0) return;
      const failed = failures(await executor({ Records: tasks.map(recordOfTask) }, TIME));
      await this.ports.tasks.acknowledge(tasks.filter(({ physical }) => !failed.has(physical)));
      if (failed.size > 0) throw new Error(`the executor gave back ${[...failed]}`);
    }
    throw new Error("it does not come to rest");
  }
  entries(run: string): Promise<readonly Entry[]> {
    return this.ports.log.read(runActor(run));
  }
  async events(run: string): Promise<readonly RunEvent[]> {
    return (await this.entries(run)).flatMap((entry) => entry.events as RunEvent[]);
  }
  async state(run: string): Promise<RunState> {
    return (await this.ports.log.tail(runActor(run)))?.state as RunState;
  }
  async runs(flow: string): Promise<readonly RunState[]> {
    const { rows } = await this.ports.index.runs({ flow });
    return Promise.all(rows.map(({ id }) => this.state(id)));
  }
  /** Receipts of what was deleted one by one. */
  deleted(): readonly string[] {
    const removed = this.sqs
      .commandCalls(DeleteMessageBatchCommand)
      .flatMap(({ args }) => (args[0].input.Entries ?? []).map((entry) => String(entry.ReceiptHandle)));
    return [...this.#acknowledged, ...removed];
  }
  /** Receipts of what was hidden anew, with the seconds. */
  hidden(): Readonly<Record<string, number>> {
    const calls = this.sqs.commandCalls(ChangeMessageVisibilityBatchCommand).flatMap(({ args }) => args[0].input.Entries ?? []);
    return Object.fromEntries(calls.map(({ ReceiptHandle, VisibilityTimeout }) => [String(ReceiptHandle), Number(VisibilityTimeout)]));
  }
}

export const failures = ({ batchItemFailures }: SQSBatchResponse): Set<string> => new Set(batchItemFailures.map(({ itemIdentifier }) => itemIdentifier));

export function record(body: unknown, more: { id: string; receives?: number; group?: string; sentAt?: number; queue?: string }): SQSRecord {
  const { id, receives = 1, group, sentAt = 1_800_000_000_000, queue = STACK.mailbox.arn } = more;
  return {
    messageId: id,
    receiptHandle: `receipt-of-${id}`,
    body: typeof body === "string" ? body : JSON.stringify(body),
    attributes: {
      ApproximateReceiveCount: String(receives),
      SentTimestamp: String(sentAt),
      SenderId: "me",
      ApproximateFirstReceiveTimestamp: String(sentAt),
      ...(group !== undefined && { MessageGroupId: group }),
    },
    messageAttributes: {},
    md5OfBody: "",
    eventSource: "aws:sqs",
    eventSourceARN: queue,
    awsRegion: "eu-west-1",
  };
}

export const letter = (to: string, message: object, more: { id: string; receives?: number }): SQSRecord => record({ to, message }, { ...more, group: to });

export const recordOfMail = ({ actor, message, physical, receives }: Delivery): SQSRecord => letter(actor, message, { id: physical, receives });
export const recordOfTask = ({ message, physical, receives }: TaskDelivery): SQSRecord =>
  record({ task: message }, { id: physical, receives, queue: STACK.pools["default"]?.arn });

export const start = (run: string, flow: string, parameters = "{}"): object => ({
  kind: "start",
  id: `start:${run}:client`,
  flow,
  name: `name-of-${run}`,
  parameters,
  createdAt: 1_800_000_000_000,
});

/** Ports of which one method does something else first. */
export function beforeCall<P extends keyof Ports, M extends keyof Ports[P]>(
  port: P,
  method: M,
  act: (...args: readonly unknown[]) => void | Promise<void>,
): (ports: Ports) => Ports {
  return (ports) => ({
    ...ports,
    [port]: {
      ...ports[port],
      [method]: async (...args: readonly unknown[]) => {
        await act(...args);
        return (ports[port][method] as (...args: readonly unknown[]) => Promise<unknown>)(...args);
      },
    },
  });
}
