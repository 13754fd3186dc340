/** Task queues: one standard queue a pool. A pool of containers also has somebody started for what lies in it. */
import { WindhoverError } from "../../engine/errors.ts";
import type { TaskDelivery, TaskQueue } from "../../engine/ports.ts";
import type { Containers } from "./containers.ts";
import { readTask, type TaskLetter, type Timer, writeTask } from "./letters.ts";
import type { Parts } from "./parts.ts";
import { queueOf, type Received } from "./queue.ts";
import { createResults } from "./results.ts";
import type { PoolResource } from "./stack.ts";
import { type AwsTimers, createTimers } from "./timers.ts";

export interface TaskQueueParts extends Parts {
  /** How long `receive` waits for a first message. Default: 0. Unit: seconds. */
  readonly waitSeconds?: number;
  /** What becomes of a timer's message that `receive` comes upon. Default: what an executor does with it. */
  readonly forward?: (timer: Timer) => Promise<void>;
  /** Told of a message that cannot be read, before it is deleted; if this throws, it is not deleted. Without it the message stays in the queue. */
  readonly unreadable?: (pool: string, message: Received, error: unknown) => Promise<void>;
}

/**
 * Who gives a message back with `release` shows it to others at once, but SQS has counted the receive: an executor takes no more than it can run.
 * A delivery without a receipt is deleted by whoever delivered it.
 */
export function createTaskQueue({ waitSeconds = 0, unreadable, ...parts }: TaskQueueParts): TaskQueue {
  const results = createResults(parts);
  // Loaded with the first task for one: most stacks have no pool of containers.
  let containers: Promise<Containers> | undefined;
  let timers: AwsTimers | undefined;
  const forward =
    parts.forward ??
    ((timer: Timer) => {
      timers ??= createTimers(parts);
      return timers.forward(timer);
    });

  const poolOf = (name: string): PoolResource => {
    const pool = Object.hasOwn(parts.stack.pools, name) ? parts.stack.pools[name] : undefined;
    if (pool) return pool;
    throw new WindhoverError("WH3111", {
      message: `The stack ${parts.stack.stack} has no pool "${name}".`,
      expected: Object.keys(parts.stack.pools).join(", "),
      got: name,
    });
  };

  /** The task message of a letter, or undefined if it was something else, which is done with then. */
  const read = async (pool: string, received: Received): Promise<TaskDelivery | undefined> => {
    const queue = queueOf(parts, poolOf(pool).url);
    let letter: TaskLetter;
    try {
      letter = await readTask(results, received.body);
    } catch (error) {
      if (!unreadable) throw error;
      await unreadable(pool, received, error);
      await queue.remove(received.receipt);
      return undefined;
    }
    const { physical, receipt, receives } = received;
    if (letter.kind === "task") return { physical, receipt, receives, pool, message: letter.message };
    await forward(letter.timer);
    await queue.remove(receipt);
    return undefined;
  };

  const each = async (deliveries: readonly TaskDelivery[], act: (queue: ReturnType<typeof queueOf>, receipt: string) => Promise<void>): Promise<void> => {
    await Promise.all(deliveries.map(async ({ pool, receipt }) => receipt !== undefined && act(queueOf(parts, poolOf(pool).url), receipt)));
  };

  return {
    async enqueue(pool, message) {
      const { url, container } = poolOf(pool);
      const body = await writeTask(results, message);
      // First somebody who will look, then the message: if nobody can be started, the turn fails and is taken again, and has sent nothing twice.
      if (container) {
        containers ??= import("./containers.ts").then(({ createContainers }) => createContainers(parts));
        await (await containers).start(pool, container);
      }
      await queueOf(parts, url).send({ body });
    },
    async receive(pool, most) {
      const received = await queueOf(parts, poolOf(pool).url).receive(most, waitSeconds);
      const letters = await Promise.allSettled(received.map((each) => read(pool, each)));
      const deliveries = letters.flatMap((result) => (result.status === "fulfilled" && result.value ? [result.value] : []));
      const failed = letters.find((result) => result.status === "rejected");
      if (failed && deliveries.length === 0) throw failed.reason;
      return deliveries;
    },
    acknowledge: (deliveries) => each(deliveries, (queue, receipt) => queue.remove(receipt)),
    release: (deliveries) => each(deliveries, (queue, receipt) => queue.hide(receipt, 0)),
  };
}
