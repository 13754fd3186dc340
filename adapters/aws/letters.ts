/**
 * What lies in the queues, as text. Mailbox: `{"to": actor, "message": …}`; from outside, where nobody runs code of ours, `{"to": …, "tick": …}` (EventBridge Scheduler) and
 * `{"to": …, "event": …}` (EventBridge). Task queue: `{"task": …}`, on the default pool also `{"timer": …}`. What is large lies in the bucket, and the letter holds its key.
 */
import { WindhoverError } from "../../engine/errors.ts";
import { hash } from "../../engine/hash.ts";
import type { DeploymentMessage, Message } from "../../engine/messages.ts";
import type { Results, TaskMessage } from "../../engine/ports.ts";
import type { ScheduleSpec } from "../../engine/schedule.ts";

/** A letter above this goes to the bucket: a Scheduler's input is 256 KB at most, and a batch of sendings 1 MiB. Unit: bytes. */
export const LARGEST = 200 * 1024;
const YEAR_MS = 366 * 86_400_000;

export interface MessageLetter {
  readonly kind: "message";
  readonly actor: string;
  readonly message: Message;
}
/** A schedule of a deployment is due. */
export interface TickLetter {
  readonly kind: "tick";
  readonly actor: string;
  /** Its place among the deployment's schedules. */
  readonly schedule: number;
  /** The nominal time; where nobody filled it in, when the letter was sent. Unit: milliseconds since 1970. */
  readonly nominal: number;
  readonly exact: boolean;
}
/** Something happened on the bus that one of a deployment's triggers waits for. */
export interface EventLetter {
  readonly kind: "event";
  readonly actor: string;
  /** Its place among the deployment's triggers. */
  readonly trigger: number;
  readonly event: EventFromBus;
}
/** EventBridge's own form. */
export interface EventFromBus {
  readonly id: string;
  readonly source: string;
  readonly "detail-type": string;
  readonly detail: unknown;
  /** ISO 8601. */
  readonly time?: string;
  readonly resources?: readonly string[];
  readonly account?: string;
  readonly region?: string;
}
export type MailLetter = MessageLetter | TickLetter | EventLetter;

export interface Timer {
  readonly actor: string;
  /** Unit: milliseconds since 1970. */
  readonly at: number;
  readonly message: Message;
}
export type TaskLetter = { readonly kind: "task"; readonly message: TaskMessage } | { readonly kind: "timer"; readonly timer: Timer };

/** The message group of an actor, for whoever sends to it: its name, where SQS allows for that. */
export function groupOf(actor: string): string {
  return /^[!-~]{1,128}$/.test(actor) ? actor : `hash:${hash(actor)}`;
}

/** A promise only where the message had to be put into the bucket. */
export function writeMail(results: Results, actor: string, message: Message): string | Promise<string> {
  return spilling(results, text(message), (part) => `{"to":${text(actor)},${part("message")}}`);
}

export function writeTask(results: Results, message: TaskMessage): string | Promise<string> {
  return spilling(results, text(message), (part) => `{${part("task")}}`);
}

export function writeTimer(results: Results, { actor, at, message }: Timer): string | Promise<string> {
  return spilling(results, text(message), (part) => `{"timer":{"actor":${text(actor)},"at":${at},${part("message")}}}`);
}

/**
 * @param sentAt when the letter was sent. Unit: milliseconds since 1970.
 * @throws WH3110 when the letter is not ours.
 */
export async function readMail(results: Results, body: string, sentAt: number): Promise<MailLetter> {
  const letter = parse(body);
  const { to: actor, message, ref, tick, event } = letter;
  if (typeof actor !== "string") throw foreign(body);
  if (isMessage(message)) return { kind: "message", actor, message };
  if (typeof ref === "string") return { kind: "message", actor, message: await fetched(results, ref, isMessage) };
  if (isRecord(tick) && Number.isInteger(tick["schedule"])) {
    const nominal = Date.parse(String(tick["nominal"]));
    const exact = Number.isFinite(nominal);
    return { kind: "tick", actor, schedule: tick["schedule"] as number, nominal: exact ? nominal : sentAt, exact };
  }
  if (isRecord(event) && Number.isInteger(event["trigger"]) && isRecord(event["event"]) && typeof event["event"]["id"] === "string")
    return { kind: "event", actor, trigger: event["trigger"] as number, event: event["event"] as unknown as EventFromBus };
  throw foreign(body);
}

/** @throws WH3110 when the letter is not ours. */
export async function readTask(results: Results, body: string): Promise<TaskLetter> {
  const { task, ref, timer } = parse(body);
  if (isTask(task)) return { kind: "task", message: task };
  if (typeof ref === "string") return { kind: "task", message: await fetched(results, ref, isTask) };
  if (isRecord(timer) && typeof timer["actor"] === "string" && typeof timer["at"] === "number") {
    const { actor, at, message, ref: key } = timer as { actor: string; at: number; message?: unknown; ref?: unknown };
    if (isMessage(message)) return { kind: "timer", timer: { actor, at, message } };
    if (typeof key === "string") return { kind: "timer", timer: { actor, at, message: await fetched(results, key, isMessage) } };
  }
  throw foreign(body);
}

/** The tick as the deployment wants it. `spec`, where it is known, finds the nominal time of a tick that does not know its own. */
export async function tickMessage({ schedule, nominal, exact }: TickLetter, spec?: ScheduleSpec): Promise<DeploymentMessage> {
  const time = exact || !spec ? nominal : await timeOf(spec, nominal);
  return { kind: "tick", id: `tick:${schedule}:${time}`, schedule, nominal: time };
}

async function timeOf(spec: ScheduleSpec, sentAt: number): Promise<number> {
  const { latestTime } = await import("../../engine/schedule.ts");
  return latestTime(spec, sentAt - YEAR_MS, sentAt) ?? sentAt;
}

/** SQS refuses two characters that JSON leaves as they are. */
const text = (value: unknown): string => JSON.stringify(value).replace(/[\uFFFE\uFFFF]/g, (c) => (c === "\uFFFE" ? "\\ufffe" : "\\uffff"));

function spilling(results: Results, content: string, letter: (part: (name: string) => string) => string): string | Promise<string> {
  if (Buffer.byteLength(content) <= LARGEST) return letter((name) => `"${name}":${content}`);
  return results.put(content).then((key) => letter(() => `"ref":${text(key)}`));
}

async function fetched<T>(results: Results, key: string, is: (value: unknown) => value is T): Promise<T> {
  const content = await results.get(key);
  const value: unknown = JSON.parse(content);
  if (!is(value)) throw foreign(content);
  return value;
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === "object" && value !== null;
const isMessage = (value: unknown): value is Message => isRecord(value) && typeof value["kind"] === "string" && typeof value["id"] === "string";
const isTask = (value: unknown): value is TaskMessage => isRecord(value) && typeof value["actor"] === "string" && Array.isArray(value["tasks"]);

function parse(body: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {}
  if (isRecord(value)) return value;
  throw foreign(body);
}

function foreign(body: string): WindhoverError {
  return new WindhoverError("WH3110", {
    message: "A message in a queue of the stack is not one of ours.",
    expected: "a letter to an actor, a task or a timer",
    got: body.length > 200 ? `${body.slice(0, 200)}…` : body,
  });
}
