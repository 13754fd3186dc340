/**
 * Timers: up to fifteen minutes a delayed message, beyond that a one-time schedule which sends that same message a minute early. A FIFO queue takes no delay for one message,
 * so both go by way of the default pool's queue: its executor delays again what comes early, and sends to the mailbox what is due.
 */
import { hash } from "../../engine/hash.ts";
import type { Mailbox, Timers } from "../../engine/ports.ts";
import { failure, isNamed } from "./failure.ts";
import { type Timer, writeTimer } from "./letters.ts";
import { createMailbox } from "./mailbox.ts";
import type { Parts } from "./parts.ts";
import { queueOf } from "./queue.ts";
import { createResults } from "./results.ts";
import { patiently } from "./throttling.ts";

/** The longest that SQS delays a message. Unit: seconds. */
export const LONGEST_DELAY_SECONDS = 900;
/** Schedules fire within a minute after their time. Unit: milliseconds. */
const EARLY_MS = 60_000;
/** Timers of which this process knows that they are no schedules. */
const REMEMBERED = 10_000;

export interface TimersParts extends Parts {
  /** What has more time left than this is a schedule. Default: 900 000, and at most that. Unit: milliseconds. */
  readonly longMs?: number;
  /** A schedule's time is so much before the timer's. Default: 60 000. Unit: milliseconds. */
  readonly earlyMs?: number;
  readonly mailbox?: Mailbox;
}

export interface AwsTimers extends Timers {
  /** What the executor does with a timer's message: sends what is due to the mailbox, delays the rest again. Afterwards the message may be deleted. */
  forward(timer: Timer): Promise<void>;
}

export function createTimers({ longMs = LONGEST_DELAY_SECONDS * 1000, earlyMs = EARLY_MS, ...parts }: TimersParts): AwsTimers {
  const { stack, clients, clock } = parts;
  const pool = stack.pools["default"] as (typeof stack.pools)[string];
  const queue = queueOf(parts, pool.url);
  const results = createResults(parts);
  const mailbox = parts.mailbox ?? createMailbox(parts);
  const short = new Set<string>();

  const soon = async (timer: Timer, leftMs: number): Promise<void> => {
    if (leftMs <= 0) return mailbox.send(timer.actor, timer.message);
    const delaySeconds = Math.min(LONGEST_DELAY_SECONDS, Math.ceil(leftMs / 1000));
    await queue.send({ body: await writeTimer(results, timer), delaySeconds });
  };

  const schedule = async (name: string, timer: Timer): Promise<void> => {
    const { CreateScheduleCommand } = await import("./late/scheduler.ts");
    const command = new CreateScheduleCommand({
      GroupName: stack.scheduleGroup,
      Name: name,
      ScheduleExpression: `at(${new Date(timer.at - earlyMs).toISOString().slice(0, 19)})`,
      FlexibleTimeWindow: { Mode: "OFF" },
      ActionAfterCompletion: "DELETE",
      Target: { Arn: pool.arn, RoleArn: stack.scheduleRoleArn, Input: await writeTimer(results, timer) },
    });
    try {
      await patiently(parts, () => clients.scheduler.send(command));
    } catch (error) {
      // An effect that is performed again: the schedule is there.
      if (!isNamed(error, "ConflictException")) throw failure(error, `setting a timer of ${timer.actor}`);
    }
  };

  return {
    async set(actor, id, at, message) {
      const name = nameOf(actor, id);
      const timer = { actor, at: Math.ceil(at), message };
      const left = at - clock.now();
      if (left > longMs) {
        short.delete(name);
        return schedule(name, timer);
      }
      if (short.size >= REMEMBERED) short.clear();
      short.add(name);
      await soon(timer, left);
    },
    async delete(actor, id) {
      const name = nameOf(actor, id);
      // A message cannot be taken back: the actor ignores what it no longer waits for.
      if (short.delete(name)) return;
      const { DeleteScheduleCommand } = await import("./late/scheduler.ts");
      try {
        await patiently(parts, () => clients.scheduler.send(new DeleteScheduleCommand({ GroupName: stack.scheduleGroup, Name: name })));
      } catch (error) {
        if (!isNamed(error, "ResourceNotFoundException")) throw failure(error, `deleting a timer of ${actor}`);
      }
    },
    forward: (timer) => soon(timer, timer.at - clock.now()),
  };
}

/** Two names never meet: an actor's name has no line feed. */
const nameOf = (actor: string, id: string): string => `timer-${hash(`${actor}\n${id}`)}`;
