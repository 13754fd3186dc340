/** The turn of `engine/turn.ts`, fed from the mailbox's queue: one invocation takes a batch, which may hold messages of several actors. */
import type { Context, SQSBatchResponse, SQSEvent, SQSRecord } from "aws-lambda";
import { type Queue, queueOf } from "../adapters/aws/queue.ts";
import { type Hold, holdMessages } from "../adapters/aws/visibility.ts";
import { deadLettersAmong, turnWithoutCode } from "../engine/dead-letter.ts";
import { WindhoverError } from "../engine/errors.ts";
import type { Host } from "../engine/host.ts";
import type { Delivery } from "../engine/messages.ts";
import { SecondWriter, turn } from "../engine/turn.ts";
import { type ActorBatch, backoffSeconds, wavesOf } from "./actor-batch.ts";
import { type FunctionHost, hostOf, type Modules, openFunction } from "./host.ts";
import { Mail, type MailItem } from "./mail.ts";
import { countRuns } from "./metrics.ts";
import { errorFields, note } from "./note.ts";
import { TimeIsOver } from "./time-left.ts";
import { fireRunState, queueMessages } from "./triggers.ts";
import type { Versions } from "./versions.ts";

export type SqsHandler = (event: SQSEvent, context: Pick<Context, "getRemainingTimeInMillis">) => Promise<SQSBatchResponse>;

/** @example export const handler = orchestrator([entry0]); */
export function orchestrator(modules: Modules): SqsHandler {
  return orchestratorOf(openFunction(modules, "orchestrator"));
}

export function orchestratorOf(fn: FunctionHost): SqsHandler {
  const work = new Orchestrator(fn);
  return (event, context) => work.handle(event, context);
}

class Orchestrator {
  readonly #fn: FunctionHost;
  readonly #host: Host;
  readonly #mail: Mail;
  readonly #queue: Queue;
  /** Made when a run of an older build comes. */
  #versions: Versions | undefined;
  // Of the present invocation:
  #hold: Hold | undefined;
  #records: ReadonlyMap<string, SQSRecord> = new Map();
  #failed = new Set<string>();

  constructor(fn: FunctionHost) {
    const { clients, ports, stack } = fn;
    this.#fn = fn;
    this.#queue = queueOf({ clients, clock: ports.clock, random: ports.random }, stack.mailbox.url);
    this.#mail = new Mail(fn);
    this.#host = hostOf(fn, {
      handOn: (build, actor, deliveries) => this.#handOn(build, actor, deliveries),
      // Code that kills the process is noticed within a minute, not when the function's time is over. The request is under way while the entry's effects are performed.
      onEntry: (entry) => {
        if (entry.effects.some((effect) => effect.do === "inline")) void this.#hold?.renew();
        countRuns(stack, entry);
      },
      onInline: (change) => (change > 0 ? this.#hold?.renew() : undefined),
      onRow: (row) => fireRunState(fn.deployments.values(), row, ports),
    });
  }

  async handle({ Records }: SQSEvent, context: Pick<Context, "getRemainingTimeInMillis">): Promise<SQSBatchResponse> {
    note("DEBUG", "turns", { messages: Records.length });
    const { stack, time } = this.#fn;
    time.begin(context.getRemainingTimeInMillis());
    this.#failed = new Set();
    this.#records = new Map(Records.map((record) => [record.messageId, record]));
    const ours = Records.filter((record) => record.eventSourceARN === stack.mailbox.arn);
    await this.#fromQueues(Records.filter((record) => !ours.includes(record)));
    if (ours.length > 0) await this.#turns(ours);
    return { batchItemFailures: [...this.#failed].map((itemIdentifier) => ({ itemIdentifier })) };
  }

  async #turns(records: readonly SQSRecord[]): Promise<void> {
    const { items, unread } = await this.#mail.open(records);
    const { clients, ports, stack } = this.#fn;
    const again = items.some(({ receives }) => receives > 1);
    const hold = holdMessages({
      clients,
      clock: ports.clock,
      random: ports.random,
      url: stack.mailbox.url,
      messages: items,
      heldSeconds: stack.heldSeconds,
      afterMs: again ? 0 : LONG_TURN_MS,
    });
    this.#hold = hold;
    try {
      await this.#giveBack(unread, new Error("a message could not be read"));
      const waves = wavesOf(items);
      // What is deleted as its turn ends costs a request; the event source mapping deletes for nothing, but only when all is done.
      const explicit = waves.flat().length > 1 || again;
      for (const wave of waves) await Promise.all(wave.map((batch) => this.#take(batch, explicit)));
    } finally {
      hold.end();
      this.#hold = undefined;
    }
  }

  async #take({ actor, items }: ActorBatch<MailItem>, explicit: boolean): Promise<void> {
    const { time } = this.#fn;
    try {
      if (time.ms === 0) throw new TimeIsOver("no time was left for its turn");
      await time.bound(this.#turn(actor, items, explicit));
      this.#hold?.drop(items);
    } catch (error) {
      await this.#giveBack(items, error, actor);
    }
  }

  async #turn(actor: string, items: readonly MailItem[], explicit: boolean): Promise<void> {
    const deliveries = await this.#mail.deliveries(actor, items, explicit);
    if (deliveries.length === 0) return;
    try {
      await turn(this.#host, actor, deadLettersAmong(deliveries));
    } catch (error) {
      // A run of this build, whose flow this build does not have: no other will ever take it.
      if (!(error instanceof WindhoverError) || error.code !== "WH2001") throw error;
      await turnWithoutCode(this.#host, actor, deliveries, error.message);
    }
  }

  /** All messages of the group: while one of it is hidden, SQS gives out none. A lost race is over at once; what fails waits a little longer each time. */
  async #giveBack(
    items: readonly { readonly receipt: string; readonly receives: number; readonly physical: string }[],
    error: unknown,
    actor?: string,
  ): Promise<void> {
    if (items.length === 0) return;
    for (const { physical } of items) this.#failed.add(physical);
    this.#hold?.drop(items);
    const receives = Math.max(...items.map((item) => item.receives));
    const race = error instanceof SecondWriter;
    note(race ? "INFO" : "ERROR", "a turn failed and is taken again", { actor, receives, ...errorFields(error) });
    const seconds = race || error instanceof TimeIsOver ? 0 : backoffSeconds(receives);
    // If it cannot be shortened, they come back a little later.
    await Promise.allSettled(items.map(({ receipt }) => this.#queue.hide(receipt, seconds)));
  }

  /** The run's own build takes the turn. Where that is gone, nobody can go on with it (rule 34). */
  async #handOn(build: string, actor: string, deliveries: readonly Delivery[]): Promise<void> {
    const physicals = new Set(deliveries.map(({ physical }) => physical));
    const records = [...physicals].flatMap((physical) => this.#records.get(physical) ?? []);
    note("INFO", "handed on to the run's own build", { actor, build });
    void this.#hold?.renew();
    const { goneMessage, Versions } = await import("./versions.ts");
    const { clients, functionName, ports, stack } = this.#fn;
    this.#versions ??= new Versions(clients, functionName ?? stack.functions.orchestrator, ports.clock);
    if (await this.#versions.take(build, records)) await ports.mailbox.acknowledge(deliveries);
    else await turnWithoutCode(this.#host, actor, deliveries, goneMessage(build));
  }

  /** Messages of other queues, which `onQueue` triggers name. Of a FIFO queue nothing may overtake what failed. */
  async #fromQueues(records: readonly SQSRecord[]): Promise<void> {
    const { deployments, ports } = this.#fn;
    const outcomes = await Promise.allSettled(
      records.map(async ({ eventSourceARN, messageId: id, body, attributes }) => {
        const messages = await queueMessages(deployments.values(), eventSourceARN, { id, body, at: Number(attributes.SentTimestamp) }, ports.results);
        if (messages.length === 0) throw new Error(`no deployment has an onQueue trigger for ${eventSourceARN}`);
        await Promise.all(messages.map(({ actor, message }) => ports.mailbox.send(actor, message)));
      }),
    );
    const blocked = new Set<string>();
    records.forEach(({ messageId, attributes: { MessageGroupId: group } }, i) => {
      const outcome = outcomes[i];
      if (outcome?.status !== "rejected" && !(group !== undefined && blocked.has(group))) return;
      this.#failed.add(messageId);
      if (group !== undefined) blocked.add(group);
      if (outcome?.status === "rejected") note("ERROR", "a message of a queue could not be taken", { messageId, ...errorFields(outcome.reason) });
    });
  }
}

/** A turn that takes longer has its messages renewed, so that its death is noticed within a minute. Unit: milliseconds. */
const LONG_TURN_MS = 2000;
