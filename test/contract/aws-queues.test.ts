/** The contracts of what travels (mailbox, tasks, timers, secrets, log lines, events) over MiniStack, in real time: fresh queues for each case. */
import { describe, test } from "vitest";
import { environmentOf, ministack } from "../aws/ministack.ts";
import { missingPython } from "../aws/python.ts";
import { createPlace, type PlaceOptions } from "./aws-queues.ts";
import type { Make } from "./backend.ts";
import { clockContract } from "./clock.ts";
import { eventsContract } from "./events.ts";
import { logsContract } from "./logs.ts";
import { mailboxContract } from "./mailbox.ts";
import { randomContract } from "./random.ts";
import { AWKWARD_NAME, LOOKALIKES } from "./samples.ts";
import { secretsContract } from "./secrets.ts";
import { tasksContract } from "./tasks.ts";
import { timersContract } from "./timers.ts";

const missing = process.env["CI"] ? undefined : missingPython();

const place =
  (options: Omit<PlaceOptions, "endpoint"> = {}): Make =>
  async () => {
    const server = await ministack();
    Object.assign(process.env, environmentOf(server));
    return createPlace({ endpoint: server.endpoint, ...options });
  };

const COUNTED = "SQS counts every receive, also one that was given back";
const NOT_TAKEN_BACK = "SQS cannot take back a delayed message: the actor ignores what it no longer waits for; of schedules see below";
const TEN = "SQS gives out at most ten messages of a group at once";

const SKIPS = {
  "tasks: what is released goes to somebody else and does not count as received": COUNTED,
  "tasks: a release takes back its own receive only: one that died before still counts": COUNTED,
  "timers: the same id again replaces the timer, earlier, later and with another message": NOT_TAKEN_BACK,
  "timers: the same timer set twice, as by an effect that is performed again, is one timer": NOT_TAKEN_BACK,
  "timers: a deleted timer does not fire, and deleting one that has fired or never was is no error": NOT_TAKEN_BACK,
  "timers: ids belong to their actor: the same id elsewhere is another timer": NOT_TAKEN_BACK,
  "timers: timers outlive the process that set them, and deleted ones stay deleted": NOT_TAKEN_BACK,
  "timers: many timers fire, and those of one actor in the order of their times": `a delay is a whole number of seconds, and what is due in the same one comes in any order; ${TEN}`,
  "mailbox: whatever is sent, received, released and acknowledged in whatever order: nothing is lost, doubled, out of order or in two hands":
    "SQS gives out fewer of a group than wait, where it gives other groups in the same answer: see below, with batches that are not whole",
  "mailbox: messages sent at once all arrive, once each, with physical ids of their own": TEN,
};

describe("aws on MiniStack", () => {
  if (missing !== undefined) {
    test("the queues' ports", (context) => context.skip(missing));
    return;
  }
  mailboxContract(place(), SKIPS);
  tasksContract(place({ pools: [...LOOKALIKES, AWKWARD_NAME] }), SKIPS);
  timersContract(place(), SKIPS);
  secretsContract(place({ tables: true }), SKIPS);
  logsContract(place(), SKIPS);
  eventsContract(place({ bus: true }), SKIPS);
  clockContract(place(), SKIPS);
  randomContract(place(), SKIPS);
});
