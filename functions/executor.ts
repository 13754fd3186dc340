/** Runs tasks: one invocation takes a batch of messages from a pool's queue, and reports to the runs' mailboxes. On the default pool timers come by as well. */
import type { Context, SQSBatchResponse, SQSEvent, SQSRecord } from "aws-lambda";
import { readTask, type TaskLetter } from "../adapters/aws/letters.ts";
import { type Queue, queueOf } from "../adapters/aws/queue.ts";
import { type AwsTimers, createTimers } from "../adapters/aws/timers.ts";
import { HELD_SECONDS, type Hold, holdMessages } from "../adapters/aws/visibility.ts";
import { buryTasks, claimTasks, needsClaims } from "../engine/claims.ts";
import { WindhoverError } from "../engine/errors.ts";
import type { Host } from "../engine/host.ts";
import type { TaskMessage } from "../engine/ports.ts";
import { crashOf, Reports, runTasks } from "../engine/task-message.ts";
import { backoffSeconds } from "./actor-batch.ts";
import { keepForeign } from "./foreign.ts";
import { type FunctionHost, hostOf, type Modules, openFunction } from "./host.ts";
import { portionsOf } from "./isolation.ts";
import { errorFields, note } from "./note.ts";
import type { SqsHandler } from "./orchestrator.ts";
import type { Versions } from "./versions.ts";

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
  /** Made when a run of an older build comes. */
  #versions: Versions | undefined;

  constructor(fn: FunctionHost, timers: Pick<AwsTimers, "forward">) {
    this.#fn = fn;
    this.#timers = timers;
    this.#host = hostOf(fn);
    this.#reports = new Reports(fn.ports.mailbox, nextTick);
  }

  async handle({ Records }: SQSEvent, context: Pick<Context, "getRemainingTimeInMillis">): Promise<SQSBatchResponse> {
    note("DEBUG", "tasks", { messages: Records.length });
    const { clients, ports, stack, time } = this.#fn;
    time.begin(context.getRemainingTimeInMillis());
    // An invocation's records are all of one queue.
    const [name, pool] = Object.entries(stack.pools).find(([, { arn }]) => arn === Records[0]?.eventSourceARN) ?? [];
    if (!name || !pool) throw new Error(`${Records[0]?.eventSourceARN} is no queue of a pool of the stack`);
    const parcels = Records.map((record) => ({ record, receipt: record.receiptHandle, receives: Number(record.attributes.ApproximateReceiveCount) }));
    // The others' queues hide a message for longer than their functions run, by far.
    const long = pool.timeoutSeconds > HELD_SECONDS;
    const parts = { clients, clock: ports.clock, random: ports.random };
    const hold = holdMessages({ ...parts, url: pool.url, messages: parcels, heldSeconds: stack.heldSeconds, ...(long && { afterMs: 0 }) });
    const batch: Batch = { pool: name, queue: queueOf(parts, pool.url), hold, failed: [] };
    try {
      // Before code runs of which the process may die.
      if (long) await hold.renew();
      await this.#work(batch, parcels);
      return { batchItemFailures: batch.failed.map((itemIdentifier) => ({ itemIdentifier })) };
    } finally {
      hold.end();
    }
  }

  /** All are held until the last is done: they are deleted together, when the handler returns. */
  async #work(batch: Batch, parcels: readonly Parcel[]): Promise<void> {
    const opened = await Promise.all(parcels.map((parcel) => guarded(batch, parcel, () => this.#open(parcel))));
    const tasks = parcels.flatMap((parcel, i) => {
      const message = opened[i];
      return message ? [{ parcel, message }] : [];
    });
    const isOurs = ({ message: { run } }: Opened): boolean => run.build === undefined || run.build === this.#fn.build;
    const elsewhere = tasks.filter((task) => !isOurs(task)).map((task) => guarded(batch, task.parcel, () => this.#handOn(task)));
    const { together, alone, again } = portionsOf(tasks.filter(isOurs));
    const run = (task: Opened): Promise<unknown> => guarded(batch, task.parcel, () => this.#run(batch, task));
    await Promise.all(again.map((task) => guarded(batch, task.parcel, () => this.#sendAgain(batch, task))));
    await Promise.all(together.map(run));
    if (alone) await run(alone);
    await Promise.all(elsewhere);
  }

  /** The task message of a parcel, or nothing where there is nothing to run. What was received before is a crash, never a run, unless it has to be claimed: then the claim decides. */
  async #open({ record, receives }: Parcel): Promise<TaskMessage | null> {
    const letter = await this.#read(record);
    if (letter?.kind === "timer") await this.#timers.forward(letter.timer);
    if (letter?.kind !== "task") return null;
    if (receives === 1 || needsClaims(letter.message)) return letter.message;
    await this.#fn.ports.mailbox.send(letter.message.actor, crashOf(letter.message));
    return null;
  }

  async #run({ hold, failed }: Batch, { parcel, message }: Opened): Promise<void> {
    const { run, crashed, leave } = await claimTasks(this.#fn.ports, deliveryOf(parcel, message));
    if (crashed.length > 0) await this.#fn.ports.mailbox.send(message.actor, crashOf({ ...message, tasks: crashed }));
    // As many at once as the message holds: how large it may be was decided when it was packed.
    await runTasks(this.#host, { ...message, tasks: run }, run.length, this.#reports);
    if (!leave) return;
    // Somebody else has it in hand: it is neither deleted nor shown to others.
    hold.drop([parcel]);
    failed.push(parcel.record.messageId);
  }

  async #handOn({ parcel, message }: Opened): Promise<void> {
    const { clients, functionName, ports, stack } = this.#fn;
    const build = message.run.build as string;
    note("INFO", "handed on to the run's own build", { actor: message.actor, build });
    const { goneMessage, Versions } = await import("./versions.ts");
    this.#versions ??= new Versions(clients, functionName ?? stack.functions.executor, ports.clock);
    if (await this.#versions.take(build, [parcel.record])) return;
    const tasks = await buryTasks(ports, deliveryOf(parcel, message));
    if (tasks.length > 0) await ports.mailbox.send(message.actor, crashOf({ ...message, tasks }, goneMessage(build)));
  }

  /** A copy, which nobody has received yet, and at once without the original: received again, that one would be a crash. It says what it is a copy of: that may have been claimed. */
  async #sendAgain({ pool, queue, hold }: Batch, { parcel, message }: Opened): Promise<void> {
    await this.#fn.ports.tasks.enqueue(pool, { ...message, earlier: [...(message.earlier ?? []), parcel.record.messageId] });
    hold.drop([parcel]);
    await queue.remove(parcel.receipt).catch((error: unknown) => note("WARN", "a message that was sent again is deleted later", errorFields(error)));
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
interface Opened {
  readonly parcel: Parcel;
  readonly message: TaskMessage;
}
interface Batch {
  readonly pool: string;
  readonly queue: Queue;
  readonly hold: Hold;
  /** Messages that have to come again. */
  readonly failed: string[];
}

const deliveryOf = ({ record, receives }: Parcel, message: TaskMessage) => ({ physical: record.messageId, receives, message });

/** What fails is given back, and keeps none of the others from being done. */
async function guarded<T>({ hold, queue, failed }: Batch, parcel: Parcel, work: () => Promise<T>): Promise<T | null> {
  const { record, receipt, receives } = parcel;
  try {
    return await work();
  } catch (error) {
    note("ERROR", "a task message comes again", { messageId: record.messageId, receives, ...errorFields(error) });
    failed.push(record.messageId);
    hold.drop([parcel]);
    // If it cannot be shortened, it comes back a little later.
    await queue.hide(receipt, backoffSeconds(receives)).catch(() => {});
    return null;
  }
}
