/** Runs tasks: one invocation takes a batch of messages from a pool's queue, and reports to the runs' mailboxes. On the default pool timers come by as well. */
import type { Context, SQSBatchResponse, SQSEvent, SQSRecord } from "aws-lambda";
import { readTask, type TaskLetter } from "../adapters/aws/letters.ts";
import { queueOf } from "../adapters/aws/queue.ts";
import type { PoolResource } from "../adapters/aws/stack.ts";
import { type AwsTimers, createTimers } from "../adapters/aws/timers.ts";
import { HELD_SECONDS, holdMessages } from "../adapters/aws/visibility.ts";
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
    this.#fn.time.begin(context.getRemainingTimeInMillis());
    const failed = await Promise.all(Records.map((record) => this.#take(record)));
    return { batchItemFailures: failed.flatMap((failure) => (failure === null ? [] : [{ itemIdentifier: failure }])) };
  }

  /** The message's id if it has to come again. */
  async #take(record: SQSRecord): Promise<string | null> {
    const { clients, ports, stack } = this.#fn;
    const { heldSeconds = HELD_SECONDS } = stack;
    const { messageId, receiptHandle: receipt } = record;
    const receives = Number(record.attributes.ApproximateReceiveCount);
    const pool = this.#poolOf(record);
    const parts = { clients, clock: ports.clock, random: ports.random };
    const queue = pool && queueOf(parts, pool.url);
    const long = pool !== undefined && pool.timeoutSeconds > heldSeconds;
    const hold = pool && holdMessages({ ...parts, url: pool.url, messages: [{ receipt, receives }], heldSeconds, ...(long && { afterMs: 0 }) });
    try {
      // Before code runs of which the process may die.
      if (long) await hold?.renew();
      const letter = await this.#read(record);
      if (letter?.kind === "timer") await this.#timers.forward(letter.timer);
      else if (letter) await this.#run(letter.message, receives, record);
      return null;
    } catch (error) {
      note("ERROR", "a task message comes again", { messageId, receives, ...errorFields(error) });
      hold?.end();
      // If it cannot be shortened, it comes back a little later.
      await queue?.hide(receipt, backoffSeconds(receives)).catch(() => {});
      return messageId;
    } finally {
      hold?.end();
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
  #poolOf({ eventSourceARN }: SQSRecord): PoolResource | undefined {
    return Object.values(this.#fn.stack.pools).find(({ arn }) => arn === eventSourceARN);
  }
}
