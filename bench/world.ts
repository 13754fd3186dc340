/**
 * A deployed stack in one process: the functions' own code over an emulator's queues and tables, with Lambda's pollers played by this file. It counts what AWS would bill.
 *
 * A round is what five pollers a queue find at the same time: each takes at most ten messages, all batches are handled side by side, and what was not reported as failed is
 * deleted. Time passes only from one round to the next, a second each. So the counts are the same every time, and a fan-out's reports meet in the mailbox as they do on AWS.
 */
import { DeleteMessageBatchCommand, type Message, ReceiveMessageCommand, SendMessageCommand } from "@aws-sdk/client-sqs";
import { openAws } from "../adapters/aws/backend.ts";
import { type AwsClients, createClients } from "../adapters/aws/clients.ts";
import { RUNS_INDEXES } from "../adapters/aws/index-rows.ts";
import { groupOf } from "../adapters/aws/letters.ts";
import { logLineSize, Meter, messageSize } from "../adapters/aws/meter.ts";
import type { Role } from "../adapters/aws/parts.ts";
import type { QueueResource, StackResources } from "../adapters/aws/stack.ts";
import { type Charge, subtractUsage, type Usage } from "../adapters/aws/usage.ts";
import { encode } from "../engine/codec.ts";
import type { Entry } from "../engine/events.ts";
import { deploymentActor, runActor, type StartMessage } from "../engine/messages.ts";
import type { Ports } from "../engine/ports.ts";
import { shared } from "../engine/scope.ts";
import { deadLettersOf } from "../functions/dead-letters.ts";
import { executorOf } from "../functions/executor.ts";
import { functionHost } from "../functions/host.ts";
import { orchestratorOf, type SqsHandler } from "../functions/orchestrator.ts";
import { recordOf } from "../test/aws/sqs-record.ts";
import { createStack, TIMEOUT_SECONDS } from "./emulated-stack.ts";
import { batchUsage, POLLERS, scheduleUsage } from "./pollers.ts";
import { RoundClock } from "./round-clock.ts";

const BUILD = "0123456789abcdef";
const BATCH = 10;
/** What the functions have, unless a stack says otherwise. */
const MEMORY_GB = 1;
const CONTEXT = { getRemainingTimeInMillis: () => TIMEOUT_SECONDS * 1000 };

export class World {
  readonly stack: StackResources;
  readonly meter: Meter;
  /** Ports of a client, whose requests are counted. */
  readonly client: Ports;
  /** What each request cost, if somebody listens. */
  onCharge: ((charge: Charge) => void) | undefined;
  readonly #plain: AwsClients & { close(): void };
  readonly #counted: AwsClients & { close(): void };
  readonly #orchestrator: SqsHandler;
  readonly #executor: SqsHandler;
  readonly #deadLetters: ReturnType<typeof deadLettersOf>;
  readonly #watched: Ports;
  readonly #clock = new RoundClock();
  readonly #closing: (() => void)[] = [];

  private constructor(endpoint: string, stack: StackResources, modules: readonly object[]) {
    this.stack = stack;
    this.meter = new Meter({ indexes: { [stack.runsTable]: RUNS_INDEXES }, remember: true, onCharge: (charge) => this.onCharge?.(charge) });
    this.#plain = createClients({ endpoint, region: stack.region });
    this.#counted = createClients({ endpoint, region: stack.region, onRequest: this.meter.count });
    const open = (role: Role, clients: AwsClients): Ports => {
      const { ports, close } = openAws({ stack, clients, role, clock: this.#clock });
      this.#closing.push(close);
      return ports;
    };
    this.client = open("client", this.#counted);
    this.#watched = open("client", this.#plain);
    const functionOf = (role: Role) =>
      functionHost({ stack, clients: this.#counted, ports: open(role, this.#counted), code: shared.code, build: BUILD }, modules);
    this.#orchestrator = orchestratorOf(functionOf("orchestrator"));
    this.#executor = executorOf(functionOf("executor"));
    this.#deadLetters = deadLettersOf(functionOf("executor"));
  }

  /** `modules` hold the flows; each of `pools` has a queue beside the default one's, and says how long its tasks may take, in seconds. */
  static async open(endpoint: string, modules: readonly object[], pools: Readonly<Record<string, number>> = {}): Promise<World> {
    const clients = createClients({ endpoint, region: "us-east-1" });
    try {
      return new World(endpoint, await createStack(clients, `bill-${process.pid}-${Date.now().toString(36)}`, pools), modules);
    } finally {
      clients.close();
    }
  }

  close(): void {
    for (const close of this.#closing) close();
    this.#plain.close();
    this.#counted.close();
  }

  /** What it costs to do `work` and all that follows from it. */
  async cost(work: () => Promise<unknown>): Promise<Usage> {
    const before = this.meter.usage;
    await work();
    await this.#settle();
    return subtractUsage(this.meter.usage, before);
  }

  /** As a client does it. */
  async start(flow: string, parameters: object, run: string): Promise<void> {
    const message: StartMessage = { kind: "start", id: `start:${run}:client`, flow, name: run, parameters: encode(parameters), createdAt: this.#clock.now() };
    await this.client.mailbox.send(runActor(run), message);
  }
  /** As Scheduler does it. `nominal`: milliseconds since 1970. */
  async tick(deployment: string, nominal: number): Promise<void> {
    const actor = deploymentActor(deployment);
    const MessageBody = JSON.stringify({ to: actor, tick: { schedule: 0, nominal: new Date(nominal).toISOString() } });
    const { url } = this.stack.mailbox;
    await this.#plain.sqs.send(new SendMessageCommand({ QueueUrl: url, MessageBody, MessageGroupId: groupOf(actor) }));
    this.#note("schedule", url, Buffer.byteLength(MessageBody), scheduleUsage(url, Buffer.byteLength(MessageBody)));
  }

  /** What the function that looks for dead letters asks for, where there are none. */
  lookForDeadLetters(): Promise<Usage> {
    return this.cost(() => this.#silently(() => this.#deadLetters({}, CONTEXT)));
  }

  /** Unit: milliseconds since 1970. */
  get now(): number {
    return this.#clock.now();
  }

  /** Within a round. Unit: milliseconds. */
  pass(ms: number): void {
    this.#clock.next(ms);
  }

  /** A run's log. Not counted. */
  history(run: string): Promise<readonly Entry[]> {
    return this.#watched.log.read(runActor(run));
  }

  /** The run that was started last. Not counted. */
  async latest(deployment: string): Promise<string> {
    const { rows } = await this.#watched.index.runs({ deployment, limit: 1 });
    return rows[0]?.id ?? "";
  }

  async #settle(): Promise<void> {
    const { mailbox, pools } = this.stack;
    while (true) {
      const batches: (() => Promise<void>)[] = [];
      for (const { queue, handler } of [
        { queue: mailbox, handler: this.#orchestrator },
        ...Object.values(pools).map((queue) => ({ queue, handler: this.#executor })),
      ])
        for (let poller = 0; poller < POLLERS; poller++) {
          const messages = await this.#receive(queue.url);
          if (messages.length === 0) break;
          batches.push(() => this.#invoke(queue, messages, handler));
        }
      if (batches.length === 0) return;
      this.#clock.next();
      await this.#silently(() => Promise.all(batches.map((batch) => batch())));
    }
  }

  async #receive(QueueUrl: string): Promise<readonly Message[]> {
    const command = new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: BATCH, MessageSystemAttributeNames: ["All"] });
    return (await this.#plain.sqs.send(command)).Messages ?? [];
  }

  async #invoke({ url: QueueUrl, arn }: QueueResource, messages: readonly Message[], handler: SqsHandler): Promise<void> {
    const from = performance.now();
    const { batchItemFailures } = await handler({ Records: messages.map((message) => recordOf(arn, message)) }, CONTEXT);
    if (batchItemFailures.length > 0) throw new Error(`a function failed: ${JSON.stringify(batchItemFailures)}`);
    this.meter.add({ "lambda.gbSeconds": ((performance.now() - from) / 1000) * MEMORY_GB });
    const Entries = messages.map(({ ReceiptHandle }, i) => ({ Id: String(i), ReceiptHandle }));
    await this.#plain.sqs.send(new DeleteMessageBatchCommand({ QueueUrl, Entries }));
    const bytes = messages.reduce((sum, message) => sum + messageSize(message), 0);
    this.#note("poller", QueueUrl, bytes, batchUsage(QueueUrl, bytes, messages.length));
  }

  #note(operation: string, url: string, bytes: number, usage: Usage): void {
    this.meter.add(usage);
    this.onCharge?.({ service: "sqs", operation, of: url.slice(url.lastIndexOf("/") + 1), bytes, usage });
  }

  /** What a function prints, Lambda hands to CloudWatch Logs. */
  async #silently(work: () => Promise<unknown>): Promise<void> {
    const { stdout } = process;
    const write = stdout.write;
    let printed = "";
    stdout.write = (chunk: string | Uint8Array) => {
      printed += String(chunk);
      return true;
    };
    try {
      await work();
    } catch (error) {
      throw new Error(`${(error as Error).message}\n${printed}`, { cause: error });
    } finally {
      stdout.write = write;
      const lines = printed.split("\n").filter((line) => line !== "");
      if (lines.length > 0) this.meter.add({ "logs.bytes": lines.reduce((sum, line) => sum + logLineSize(line), 0) });
    }
  }
}
