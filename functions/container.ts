/** The executor of one pool as a process of its own, for tasks that take longer than a function may. It ends when there has been nothing to do for a while. */
import { createTaskQueue } from "../adapters/aws/tasks.ts";
import { holdMessages } from "../adapters/aws/visibility.ts";
import { claimTasks } from "../engine/claims.ts";
import { WindhoverError } from "../engine/errors.ts";
import type { TaskDelivery, TaskItem, TaskMessage, TaskQueue } from "../engine/ports.ts";
import { crashOf, Reports, runTasks } from "../engine/task-message.ts";
import { nextTick } from "./executor.ts";
import { keepForeign } from "./foreign.ts";
import { type FunctionHost, hostOf, type Modules, openFunction } from "./host.ts";
import { errorFields, note } from "./note.ts";
import { handedMessage, olderContainers, type RunElsewhere } from "./older-container.ts";
import { goneMessage } from "./versions.ts";

/** Which pool the process works for. */
export const POOL_VARIABLE = "WINDHOVER_POOL";

/** How long it looks for another message before it ends. Unit: milliseconds. */
const IDLE_MS = 60_000;
/** What a stop leaves running tasks: ECS kills a container 30 seconds after it has asked it to end. Unit: milliseconds. */
const GRACE_MS = 20_000;
/** One look for a message. With {@link GRACE_MS} it is shorter than what ECS leaves: a message that was received counts, so none is taken and given back. Unit: seconds. */
const WAIT_SECONDS = 5;

/**
 * Runs until there is nothing to do, or until the process is asked to end.
 * @throws WH2010 when WINDHOVER_POOL names no pool of the stack.
 * @example await container([entry0]);
 */
export async function container(modules: Modules): Promise<void> {
  const fn = openFunction(modules, "executor");
  const asked = new AbortController();
  process.once("SIGTERM", () => asked.abort());
  process.once("SIGINT", () => asked.abort());
  const handed = handedMessage();
  if (handed) await runHanded(fn, handed, asked.signal);
  else await containerOf(fn, { pool: process.env[POOL_VARIABLE] ?? "", stop: asked.signal });
  process.exit(0);
}

export interface ContainerOptions {
  readonly pool: string;
  /** Asks it to take nothing more, and to come to an end. */
  readonly stop: AbortSignal;
  readonly tasks?: TaskQueue;
  /** What runs tasks of runs that began on another build. */
  readonly elsewhere?: RunElsewhere;
}

export async function containerOf(fn: FunctionHost, { pool, stop, tasks = tasksOf(fn), elsewhere = olderContainers(fn) }: ContainerOptions): Promise<void> {
  const { clock, random } = fn.ports;
  const resource = fn.stack.pools[pool];
  if (!resource)
    throw new WindhoverError("WH2010", {
      message: `${POOL_VARIABLE} names no pool of the stack.`,
      expected: Object.keys(fn.stack.pools).join(", "),
      got: pool || "nothing",
    });
  note("INFO", "a container begins", { pool });
  const work = workOf(fn, stop);
  for (let last = clock.now(); !stop.aborted && clock.now() - last < IDLE_MS; ) {
    // One at a time: a message holds as many tasks as are meant to share a process.
    const [delivery] = await tasks.receive(pool, 1);
    if (!delivery) continue;
    const { clients, stack } = fn;
    const hold = holdMessages({ clients, clock, random, url: resource.url, messages: [delivery], heldSeconds: stack.heldSeconds, afterMs: 0 });
    try {
      await hold.renew();
      if (await take(fn, delivery, stop, work, elsewhere)) await tasks.acknowledge([delivery]);
    } catch (error) {
      // It comes back as its visibility ends, as that of a process that died.
      note("ERROR", "a task message comes again", { pool, ...errorFields(error) });
    } finally {
      hold.end();
    }
    last = clock.now();
  }
  note("INFO", "a container ends", { pool, asked: stop.aborted });
}

const tasksOf = (fn: FunctionHost): TaskQueue => {
  const { stack, clients, ports } = fn;
  return createTaskQueue({
    stack,
    clients,
    clock: ports.clock,
    random: ports.random,
    role: "executor",
    waitSeconds: WAIT_SECONDS,
    unreadable: async (pool, { physical, body, sentAt }, error) => {
      if (!(error instanceof WindhoverError) || error.code !== "WH3110") throw error;
      await keepForeign(fn, { queue: stack.pools[pool]?.url ?? pool, messageId: physical, body, sentAt }, error);
    },
  });
};

type Work = (message: TaskMessage) => Promise<void>;

/** True when it is done with; false when somebody else has the message in hand, and it is not ours to delete. */
async function take(fn: FunctionHost, delivery: TaskDelivery, stop: AbortSignal, work: Work, elsewhere: RunElsewhere): Promise<boolean> {
  const { message } = delivery;
  const { run, crashed, leave } = await claimTasks(fn.ports, delivery);
  const sayCrash = (tasks: readonly TaskItem[], why?: string): Promise<void> => fn.ports.mailbox.send(message.actor, crashOf({ ...message, tasks }, why));
  if (crashed.length > 0) await sayCrash(crashed);
  if (run.length > 0) {
    const ours = { ...message, tasks: run };
    const { build } = message.run;
    if (build === undefined || build === fn.build) await work(ours);
    else {
      note("INFO", "handed on to the run's own build", { actor: message.actor, build });
      if (!(await elsewhere(build, ours, stop))) await sayCrash(run, goneMessage(build));
    }
  }
  return !leave;
}

/** Runs what a container of another build was given: this is the build that the run began on. */
export async function runHanded(fn: FunctionHost, message: TaskMessage, stop: AbortSignal): Promise<void> {
  await workOf(fn, stop)(message);
}

/** Runs all tasks of a message. What is still running some time after a stop is told to the run at once, instead of being missed a minute later: another container takes it. */
function workOf(fn: FunctionHost, stop: AbortSignal): Work {
  const { clock, mailbox } = fn.ports;
  const host = hostOf(fn);
  const reports = new Reports(mailbox, nextTick);
  return async (message) => {
    const over = new AbortController();
    const work = runTasks(host, message, message.tasks.length, reports);
    work.catch(() => {});
    const stopped = new Promise<true>((resolve) => {
      const end = (): void => void clock.wait(GRACE_MS, over.signal).then(() => !over.signal.aborted && resolve(true));
      if (stop.aborted) end();
      else stop.addEventListener("abort", end, { once: true, signal: over.signal });
    });
    const late = await Promise.race([work.then(() => false as const), stopped]).finally(() => over.abort());
    if (late) await mailbox.send(message.actor, crashOf(message, "its container was stopped"));
  };
}
