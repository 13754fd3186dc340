/**
 * Drains the dead-letter queues, every few minutes, without any of the author's code: not even a bundle that does not load keeps it from telling a run that it has crashed
 * (rule 22). It also looks whether pools of containers have somebody to work for them.
 */
import { GetQueueAttributesCommand } from "@aws-sdk/client-sqs";
import type { Context } from "aws-lambda";
import { createContainers } from "../adapters/aws/containers.ts";
import { createInbox } from "../adapters/aws/inbox.ts";
import { type MailLetter, readTask, tickMessage } from "../adapters/aws/letters.ts";
import { createMailbox } from "../adapters/aws/mailbox.ts";
import { queueOf, type Received } from "../adapters/aws/queue.ts";
import type { PoolResource } from "../adapters/aws/stack.ts";
import { buryTasks } from "../engine/claims.ts";
import { turnWithoutCode } from "../engine/dead-letter.ts";
import { Code } from "../engine/definition.ts";
import type { DeploymentState } from "../engine/deployment.ts";
import { WindhoverError } from "../engine/errors.ts";
import type { Host } from "../engine/host.ts";
import { type Delivery, type Message, parseActor } from "../engine/messages.ts";
import type { Inbox, Mailbox, TaskMessage } from "../engine/ports.ts";
import { crashOf } from "../engine/task-message.ts";
import { openEvent } from "./bus-event.ts";
import { keepForeign } from "./foreign.ts";
import { type FunctionHost, functionHost, hostOf, openFunction } from "./host.ts";
import { countRuns } from "./metrics.ts";
import { errorFields, note } from "./note.ts";
import { problemMessage } from "./triggers.ts";

type Handler = (event: unknown, context: Pick<Context, "getRemainingTimeInMillis">) => Promise<void>;

/** @example export const handler = deadLetters(); */
export function deadLetters(): Handler {
  return deadLettersOf(openFunction([], "executor"));
}

/** Where the dead letters of the mailbox are taken from. */
export interface DeadMail {
  readonly inbox: Pick<Inbox, "receive">;
  /** Acknowledges what the inbox gave. */
  readonly mailbox: Mailbox;
}

export function deadLettersOf(opened: FunctionHost, mailOf: (fn: FunctionHost) => DeadMail = deadMailOf): Handler {
  const fn: FunctionHost = functionHost({ ...opened, code: new Code() }, []);
  const { ports, time } = fn;
  return async (_event, context) => {
    note("DEBUG", "dead letters");
    time.begin(context.getRemainingTimeInMillis());
    // Anew each time: an inbox remembers what it has given out.
    const mail = mailOf(fn);
    const host = hostOf(fn, { ports: { ...ports, mailbox: mail.mailbox }, build: undefined, onEntry: (entry) => countRuns(fn.stack, entry) });
    await each([() => drainMail(fn, host, mail), ...Object.values(fn.stack.pools).map((pool) => () => drainTasks(fn, pool)), () => startContainers(fn)]);
  };
}

/** One that fails does not keep the others from being done. @throws the first failure. */
async function each(works: readonly (() => Promise<void>)[]): Promise<void> {
  const failures: unknown[] = [];
  for (const work of works)
    await work().catch((error: unknown) => {
      failures.push(error);
      note("ERROR", "dead letters could not all be taken", errorFields(error));
    });
  if (failures.length > 0) throw failures[0];
}

const partsOf = ({ stack, clients, ports: { clock, random } }: FunctionHost) => ({ stack, clients, clock, random, role: "executor" as const });

function deadMailOf(fn: FunctionHost): DeadMail {
  const parts = { ...partsOf(fn), receivedFrom: fn.stack.mailbox.deadLettersUrl };
  const inbox = createInbox({
    ...parts,
    waitSeconds: 1,
    translate: (letter) => translated(fn, letter),
    unreadable: (received, error) => keptOrThrown(fn, fn.stack.mailbox.deadLettersUrl, received, error),
  });
  return { inbox, mailbox: createMailbox(parts) };
}

async function drainMail({ time }: FunctionHost, host: Host, { inbox }: DeadMail): Promise<void> {
  for (let batch = await inbox.receive(MOST); batch.length > 0 && time.ms > 0; batch = await inbox.receive(MOST)) {
    const { actor } = batch[0] as Delivery;
    try {
      await turnWithoutCode(host, actor, batch, "its message was received too often without a turn that ended, and became a dead letter");
      note("WARN", "dead letters were taken", { actor, messages: batch.map(({ message }) => message.id) });
    } catch (error) {
      // They are hidden until the queue's visibility ends, so that this round comes to its end; the next one takes them again.
      note("ERROR", "a dead letter could not be taken", { actor, ...errorFields(error) });
    }
  }
}
/** Messages of one actor that one turn takes at most. */
const MOST = 10;

/** What came from outside, without the code that would know what to make of it: an event becomes a run that says so, with what came. */
export async function translated({ ports, stack }: FunctionHost, letter: MailLetter): Promise<Message> {
  if (letter.kind === "message") return letter.message;
  const { name } = parseActor(letter.actor);
  if (letter.kind === "tick") {
    const state = (await ports.log.tail(letter.actor))?.state as DeploymentState | undefined;
    return tickMessage(letter, state?.settings.schedules[letter.schedule]);
  }
  const event = await openEvent(letter.event, stack.stack, ports.clock.now(), ports.results);
  const problem = new WindhoverError("WH2014", {
    message: `"${name}" could not be started by its event: it was received too often without a turn that ended.`,
    got: `${event.raw.source} ${event.id}`,
  });
  return problemMessage(name, { id: `event/${event.id}`, at: event.at, payload: event.raw }, problem, ports.results);
}

async function keptOrThrown(fn: FunctionHost, queue: string, { physical, body, sentAt }: Received, error: unknown): Promise<void> {
  if (!(error instanceof WindhoverError) || error.code !== "WH3110") throw error;
  await keepForeign(fn, { queue, messageId: physical, body, sentAt }, error);
}

/** A task message that no executor came to an end with is a crash; a timer goes where it was meant to go. */
async function drainTasks(fn: FunctionHost, { deadLettersUrl }: PoolResource): Promise<void> {
  const { ports, time } = fn;
  const queue = queueOf(partsOf(fn), deadLettersUrl);
  const take = async (received: Received): Promise<void> => {
    try {
      const letter = await readTask(ports.results, received.body);
      if (letter.kind === "timer") await ports.mailbox.send(letter.timer.actor, letter.timer.message);
      else await bury(ports, received, letter.message);
    } catch (error) {
      await keptOrThrown(fn, deadLettersUrl, received, error);
    }
    await queue.remove(received.receipt);
  };
  for (let batch = await queue.receive(10, 1); batch.length > 0 && time.ms > 0; batch = await queue.receive(10, 1)) {
    const failures = (await Promise.allSettled(batch.map(take))).flatMap((result) => (result.status === "rejected" ? [result.reason] : []));
    for (const failure of failures) note("ERROR", "a dead letter could not be taken", errorFields(failure));
    if (failures.length === batch.length) return;
  }
}

/** Nobody has brought it to an end, and from now on nobody begins what has to be claimed. What a copy has claimed is in other hands, and they say what becomes of it. */
async function bury(ports: FunctionHost["ports"], { physical }: Received, message: TaskMessage): Promise<void> {
  const tasks = await buryTasks(ports, { physical, message });
  if (tasks.length > 0) await ports.mailbox.send(message.actor, crashOf({ ...message, tasks }, "its message became a dead letter"));
}

/** A container may have ended just before a message came: whoever sent it saw one that ran. */
async function startContainers(fn: FunctionHost): Promise<void> {
  const containers = createContainers(partsOf(fn));
  for (const [name, { url, container }] of Object.entries(fn.stack.pools)) {
    if (!container) continue;
    const command = new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ["ApproximateNumberOfMessages"] });
    const { Attributes } = await fn.clients.sqs.send(command);
    if (Number(Attributes?.ApproximateNumberOfMessages ?? 0) > 0) await containers.start(name, container);
  }
}
