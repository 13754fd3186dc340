/**
 * A stack whose functions run in this process, over queues, tables and a bucket on MiniStack, in real time. Containers, each with clients and memory of its own, take what lies in
 * the queues as Lambda's mappings do: up to ten messages, and what the function did not report as failed is deleted.
 */
import { randomUUID } from "node:crypto";
import { DeleteMessageBatchCommand, GetQueueAttributesCommand, type Message, ReceiveMessageCommand } from "@aws-sdk/client-sqs";
import type { SQSRecord } from "aws-lambda";
import { openAws } from "../../../adapters/aws/backend.ts";
import { type AwsClients, createClients } from "../../../adapters/aws/clients.ts";
import { type OpenedStack, openResources } from "../../../adapters/aws/open.ts";
import type { Role } from "../../../adapters/aws/parts.ts";
import type { PoolResource, QueueResource, StackResources } from "../../../adapters/aws/stack.ts";
import { Code } from "../../../engine/definition.ts";
import { runActor } from "../../../engine/messages.ts";
import { shared } from "../../../engine/scope.ts";
import { isFinal } from "../../../engine/state.ts";
import { deadLettersOf } from "../../../functions/dead-letters.ts";
import { executorOf } from "../../../functions/executor.ts";
import { type FunctionHost, functionHost } from "../../../functions/host.ts";
import { orchestratorOf, type SqsHandler } from "../../../functions/orchestrator.ts";
import { createLogGroup, createScheduleGroup } from "../queues.ts";
import { createBucket, createTables, stackNamed } from "../resources.ts";
import { recordOf } from "../sqs-record.ts";
import { createPair } from "./queue-pairs.ts";

export interface PumpedOptions {
  /** MiniStack's. */
  readonly endpoint: string;
  /** Modules that export deployments. */
  readonly modules?: readonly object[];
  /** Where the functions' own requests go, and what is done with their clients. Default: as everybody's. */
  readonly functionsEndpoint?: string;
  readonly onClients?: (clients: AwsClients, name: string) => void;
  /** Beside the default pool. */
  readonly pools?: readonly string[];
  /** Of each function, or pool. */
  readonly containers?: number;
  /** How long a message is hidden that nobody holds, and how long the death of its holder is not noticed. Default: 10. Unit: seconds. */
  readonly visibilitySeconds?: number;
  /** After so many receives a message is a dead letter. Default: 15, as the construct has it. */
  readonly receives?: number;
  /** Sees each batch before its function does; what it throws is what a function throws that cannot be loaded. */
  readonly onBatch?: (records: readonly SQSRecord[], queue: QueueResource) => void;
}

const CONTEXT = { getRemainingTimeInMillis: () => 900_000 };
const BATCH = 10;
const COUNTS = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"] as const;
const PATIENCE_MS = 110_000;

export class PumpedStack {
  readonly stack: StackResources;
  /** Of somebody whose requests always succeed. */
  readonly clients: AwsClients & { close(): void };
  readonly opened: OpenedStack;
  readonly #options: PumpedOptions;
  readonly #closing: (() => unknown)[] = [];
  readonly #pollers: Promise<void>[] = [];
  readonly #stopping = new AbortController();

  private constructor(options: PumpedOptions, stack: StackResources, clients: AwsClients & { close(): void }) {
    this.#options = options;
    this.stack = stack;
    this.clients = clients;
    this.opened = openResources(stack, createClients({ endpoint: options.endpoint, region: stack.region }));
  }

  static async open(name: string, options: PumpedOptions): Promise<PumpedStack> {
    const { endpoint, pools = [], visibilitySeconds = 10, receives = 15 } = options;
    const named = stackNamed(`${name}-${randomUUID().slice(0, 13)}`);
    const clients = createClients({ endpoint, region: named.region });
    await Promise.all([createTables(clients, named), createBucket(clients, named), createScheduleGroup(clients, named), createLogGroup(clients, named)]);
    const pair = (queue: string): Promise<QueueResource> => createPair(clients, `${named.stack}-${queue}`, { visibilitySeconds, receives });
    const made: Record<string, PoolResource> = {};
    for (const pool of ["default", ...pools]) made[pool] = { ...(await pair(`tasks-${pool}`)), timeoutSeconds: 900 };
    const stack = { ...named, mailbox: await pair("mailbox.fifo"), pools: made, heldSeconds: visibilitySeconds };
    return new PumpedStack(options, stack, clients);
  }

  /** Messages flow from now on. */
  pump(): void {
    const { containers = 3 } = this.#options;
    for (let i = 0; i < containers; i++) {
      this.#poll(this.stack.mailbox, orchestratorOf(this.function("orchestrator", `orchestrator ${i}`)));
      for (const [name, pool] of Object.entries(this.stack.pools)) this.#poll(pool, executorOf(this.function("executor", `${name} ${i}`)));
    }
  }

  /** A container of a function: its ports and clients, and the code that it has loaded. */
  function(role: Role, name: string, code = shared.code): FunctionHost {
    const { endpoint, functionsEndpoint = endpoint, onClients, modules = [] } = this.#options;
    const clients = createClients({ endpoint: functionsEndpoint, region: this.stack.region });
    onClients?.(clients, name);
    const { ports, close } = openAws({ stack: this.stack, clients, role });
    this.#closing.push(async () => {
      await close();
      clients.close();
    });
    return functionHost({ stack: this.stack, clients, ports, code }, modules);
  }

  /** What the function that drains dead letters does in one invocation. */
  drain(): Promise<void> {
    return deadLettersOf(this.function("executor", "dead letters", new Code()))({}, CONTEXT);
  }

  /** What comes of the work, or, when it hangs, which runs are open and what their logs end with. */
  async allEnd<T>(work: readonly Promise<T>[]): Promise<readonly T[]> {
    let late: NodeJS.Timeout | undefined;
    const hanging = new Promise<never>((_, reject) => {
      late = setTimeout(() => this.#open().then((open) => reject(new Error(`these runs do not end:\n${open.join("\n")}`)), reject), PATIENCE_MS);
    });
    return Promise.race([Promise.all(work), hanging]).finally(() => clearTimeout(late));
  }

  /** Resolves when no message is in a queue or in a hand, but for those that are delayed. */
  async quiet(): Promise<void> {
    // Who has one in hand sends before it is deleted: what one look misses in one queue, the next sees in the other.
    for (let looks = 0; looks < 2; ) {
      const counts = await Promise.all([this.stack.mailbox, ...Object.values(this.stack.pools)].map(({ url }) => this.count(url)));
      looks = counts.every((count) => count === 0) ? looks + 1 : 0;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Messages of a queue that are there for whoever asks, or in somebody's hand. */
  async count(QueueUrl: string): Promise<number> {
    const { Attributes = {} } = await this.clients.sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: [...COUNTS] }));
    return COUNTS.reduce((sum, name) => sum + Number(Attributes[name]), 0);
  }

  /** Resolves when a message of the queue has become a dead letter. */
  async dead({ deadLettersUrl }: QueueResource): Promise<void> {
    while ((await this.count(deadLettersUrl)) === 0) await new Promise((resolve) => setTimeout(resolve, 50));
  }

  /** Of all queues. */
  async deadLetters(): Promise<number> {
    const counts = await Promise.all([this.stack.mailbox, ...Object.values(this.stack.pools)].map(({ deadLettersUrl }) => this.count(deadLettersUrl)));
    return counts.reduce((a, b) => a + b, 0);
  }

  async #open(): Promise<readonly string[]> {
    const { client, ports } = this.opened;
    const { runs } = await client.runs({ limit: 1000 });
    const open = runs.filter(({ state: { type } }) => !isFinal(type));
    return Promise.all(
      open.map(async ({ id, flow, state }) => {
        const tail = await ports.log.tail(runActor(id));
        return `${flow} ${id}, ${state.type}: ${JSON.stringify(tail).slice(0, 3000)}`;
      }),
    );
  }

  /** Messages flow no longer; what was taken is done with. */
  async close(): Promise<void> {
    this.#stopping.abort();
    await Promise.all(this.#pollers);
    for (const close of this.#closing) await close();
    await this.opened.close();
    this.clients.close();
  }

  #poll(queue: QueueResource, handler: SqsHandler): void {
    this.#pollers.push(
      (async () => {
        const { signal } = this.#stopping;
        while (!signal.aborted) {
          const command = new ReceiveMessageCommand({
            QueueUrl: queue.url,
            MaxNumberOfMessages: BATCH,
            WaitTimeSeconds: 1,
            MessageSystemAttributeNames: ["All"],
          });
          const { Messages = [] } = await this.clients.sqs.send(command);
          if (Messages.length > 0) await this.#invoke(queue, Messages, handler);
        }
      })(),
    );
  }

  async #invoke(queue: QueueResource, messages: readonly Message[], handler: SqsHandler): Promise<void> {
    const records = messages.map((message) => recordOf(queue.arn, message));
    let failed: ReadonlySet<string>;
    try {
      this.#options.onBatch?.(records, queue);
      const { batchItemFailures } = await handler({ Records: records }, CONTEXT);
      failed = new Set(batchItemFailures.map(({ itemIdentifier }) => itemIdentifier));
    } catch {
      // All of a batch comes again when its visibility ends, as after every error of a function.
      return;
    }
    const done = messages.filter(({ MessageId = "" }) => !failed.has(MessageId));
    if (done.length === 0) return;
    const Entries = done.map(({ ReceiptHandle }, i) => ({ Id: String(i), ReceiptHandle }));
    await this.clients.sqs.send(new DeleteMessageBatchCommand({ QueueUrl: queue.url, Entries }));
  }
}
