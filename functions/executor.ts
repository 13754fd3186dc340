/** Runs tasks: one invocation takes a batch of messages from a pool's queue, and reports to the runs' mailboxes. On the default pool timers come by as well. */
import type { Context, SQSBatchResponse, SQSEvent, SQSRecord } from "aws-lambda";
import { readTask, type TaskLetter } from "../adapters/aws/letters.ts";
import { type Queue, queueOf } from "../adapters/aws/queue.ts";
import { type AwsTimers, createTimers } from "../adapters/aws/timers.ts";
import { HELD_SECONDS, type Hold, holdMessages } from "../adapters/aws/visibility.ts";
import { WindhoverError } from "../engine/errors.ts";
import type { TaskMessage } from "../engine/ports.ts";
import { crashOf, Reports, runTasks } from "../engine/task-message.ts";
import type { Host } from "../engine/turn.ts";
import { backoffSeconds } from "./actor-batch.ts";
import { keepForeign } from "./foreign.ts";
import { type FunctionHost, hostOf, type Modules, openFunction } from "./host.ts";
import { errorFields, note } from "./note.ts";
import type { SqsHandler } from "./orchestrator.ts";
import { goneMessage, Versions } from "./versions.ts";

/** @example export const handler = executor([entry0]); */
export function executor(modules: Modules): SqsHandler {
  return executorOf(openFunction(modules, "executor"));
}

export function executorOf(fn: FunctionHost, timers: Pick<AwsTimers, "forward"> = timersOf(fn)): SqsHandler {
  const work = new Executor(fn, timers);
  return (event, context) => work.handle(event, context);
}

const timersOf = ({ stack, clients, ports: { clock, random, mailbox } }: FunctionHost): AwsTimers =>
  createTimers({ stack, clients, clock, random, mailbox, role: "executor" });

// Taken at load: a task's code may put other timers in their place.
const immediate = setImmediate;
export const nextTick = (): Promise<void> => new Promise((resolve) => immediate(resolve));

class Executor {
  readonly #fn: FunctionHost;
  readonly #host: Host;
  readonly #timers: Pick<AwsTimers, "forward">;
  readonly #reports: Reports;
  readonly #versions: Versions;

  constructor(fn: FunctionHost, timers: Pick<AwsTimers, "forward">) {
    this.#fn = fn;
    this.#timers = timers;
    this.#host = hostOf(fn);
    this.#reports = new Reports(fn.ports.mailbox, nextTick);
    this.#versions = new Versions(fn.clients, fn.functionName ?? fn.stack.functions.executor);
  }

  async handle({ Records }: SQSEvent, context: Pick<Context, "getRemainingTimeInMillis">): Promise<SQSBatchResponse> {
    note("DEBUG", "tasks", { messages: Records.length });
    const { clients, ports, stack, time } = this.#fn;
    time.begin(context.getRemainingTimeInMillis());
    // An invocation's records are all of one queue.
    const pool = Object.values(stack.pools).find(({ arn }) => arn === Records[0]?.eventSourceARN);
    if (!pool) throw new Error(`${Records[0]?.eventSourceARN} is no queue of a pool of the stack`);
    const parcels = Records.map((record) => ({ record, receipt: record.receiptHandle, receives: Number(record.attributes.ApproximateReceiveCount) }));
    const long = pool.timeoutSeconds > HELD_SECONDS;
    const parts = { clients, clock: ports.clock, random: ports.random };
    const hold = holdMessages({ ...parts, url: pool.url, messages: parcels, ...(long && { afterMs: 0 }) });
    try {
      // Before code runs of which the process may die.
      if (long) await hold.renew();
      // All are held until the last is done: they are deleted together, when this returns.
      const failed = await Promise.all(parcels.map((parcel) => this.#take(parcel, hold, queueOf(parts, pool.url))));
      return { batchItemFailures: failed.flatMap((failure) => (failure === null ? [] : [{ itemIdentifier: failure }])) };
    } finally {
      hold.end();
    }
  }

  /** The message's id if it has to come again. */
  async #take(parcel: Parcel, hold: Hold, queue: Queue): Promise<string | null> {
    const { record, receipt, receives } = parcel;
    try {
      const letter = await this.#read(record);
      if (letter?.kind === "timer") await this.#timers.forward(letter.timer);
      else if (letter) await this.#run(letter.message, receives, record);
      return null;
    } catch (error) {
      note("ERROR", "a task message comes again", { messageId: record.messageId, receives, ...errorFields(error) });
      hold.drop([parcel]);
      // If it cannot be shortened, it comes back a little later.
      await queue.hide(receipt, backoffSeconds(receives)).catch(() => {});
      return record.messageId;
    }
  }

  async #run(message: TaskMessage, receives: number, record: SQSRecord): Promise<void> {
    const { actor, run } = message;
    const { mailbox } = this.#fn.ports;
    if (receives > 1) return mailbox.send(actor, crashOf(message));
    if (run.build !== undefined && run.build !== this.#fn.build) {
      note("INFO", "handed on to the run's own build", { actor, build: run.build });
      if (await this.#versions.take(run.build, [record])) return;
      return mailbox.send(actor, crashOf(message, goneMessage(run.build)));
    }
    // As many at once as the message holds: how large it may be was decided when it was packed.
    await runTasks(this.#host, message, message.tasks.length, this.#reports);
  }

  async #read(record: SQSRecord): Promise<TaskLetter | null> {
    const { messageId, body, eventSourceARN, attributes } = record;
    try {
      return await readTask(this.#fn.ports.results, body);
    } catch (error) {
      if (!(error instanceof WindhoverError) || error.code !== "WH3110") throw error;
      await keepForeign(this.#fn, { queue: eventSourceARN, messageId, body, sentAt: Number(attributes.SentTimestamp) }, error);
      return null;
    }
  }
}

interface Parcel {
  readonly record: SQSRecord;
  readonly receipt: string;
  readonly receives: number;
}
