/**
 * Counts what a process asks of AWS, by AWS's own rules for what a request costs. It listens to the clients:
 *
 *   const meter = new Meter();
 *   const clients = createClients({ onRequest: meter.count });
 *   … ; meter.usage
 *
 * What happens outside the process (Lambda's pollers, a schedule that fires) is not seen here.
 */
import type { AnsweredRequest } from "./clients.ts";
import { type IndexKeys, TableMeter } from "./table-meter.ts";
import { type Amount, addUsage, type Charge, type Usage } from "./usage.ts";

export interface MeterOptions {
  /** By table: the keys of its indexes. A write is counted once more for each that the item is in. */
  readonly indexes?: Readonly<Record<string, readonly IndexKeys[]>>;
  /** Keeps each item that was written, to know what a later write replaces in an index. Without it a replaced item counts as a new one. Memory grows with the items. */
  readonly remember?: boolean;
  readonly onCharge?: (charge: Charge) => void;
}

/** Of a request's input and output, what is looked at here. */
type Fields = Readonly<Record<string, unknown>>;

const CHUNK = 65_536;
const chunks = (bytes: number): number => Math.max(1, Math.ceil(bytes / CHUNK));
const LOG_LINE_BYTES = 26;

export class Meter {
  #usage: Usage = {};
  readonly #tables: TableMeter;
  readonly #onCharge: ((charge: Charge) => void) | undefined;
  /** One-time schedules that were made here and not deleted. */
  readonly #schedules = new Set<string>();

  constructor({ indexes = {}, remember = false, onCharge }: MeterOptions = {}) {
    this.#tables = new TableMeter(indexes, remember);
    this.#onCharge = onCharge;
  }

  /** All that was counted so far. Two readings subtracted give what was used between them. */
  get usage(): Usage {
    return this.#usage;
  }

  /** Counts what nobody asked for through the clients. */
  add(usage: Usage): void {
    this.#usage = addUsage(this.#usage, usage);
  }

  readonly count = (request: AnsweredRequest): void => {
    const amount = this.#amountOf(request);
    if (!amount) return;
    this.add(amount.usage);
    this.#onCharge?.({ service: request.service, operation: request.operation, ...amount });
  };

  #amountOf(request: AnsweredRequest): Amount | undefined {
    const input = request.input as Fields;
    const output = request.output as Fields;
    switch (request.service) {
      case "dynamodb":
        return this.#tables.amountOf(request);
      case "sqs":
        return request.error === undefined ? queueAmount(request.operation, input, output) : undefined;
      case "s3":
        return bucketAmount(request.operation, input, request.error);
      case "scheduler":
        return request.error === undefined ? this.#scheduleAmount(request.operation, input) : undefined;
      case "events":
        return request.error === undefined ? eventAmount(request.operation, input) : undefined;
      case "secrets":
        return { of: String(input["SecretId"] ?? input["Name"] ?? ""), bytes: 0, usage: { "secrets.requests": 1 } };
      case "logs":
        return request.error === undefined ? logAmount(request.operation, input) : undefined;
      case "lambda":
        return request.operation === "Invoke" ? { of: String(input["FunctionName"]), bytes: 0, usage: { "lambda.requests": 1 } } : undefined;
      case "ecs":
        return undefined; // Its requests are free; its containers are compute.
    }
  }

  /** A schedule costs when it fires, and one that is deleted before does not. */
  #scheduleAmount(operation: string, input: Fields): Amount | undefined {
    const name = String(input["Name"]);
    if (operation === "CreateSchedule" && String(input["ScheduleExpression"]).startsWith("at(")) {
      this.#schedules.add(name);
      return { of: name, bytes: 0, usage: { "scheduler.invocations": 1 } };
    }
    if (operation === "DeleteSchedule" && this.#schedules.delete(name)) return { of: name, bytes: 0, usage: { "scheduler.invocations": -1 } };
    return undefined;
  }
}

interface Message {
  readonly MessageBody?: string;
  readonly Body?: string;
  readonly MessageAttributes?: Readonly<Record<string, { readonly DataType?: string; readonly StringValue?: string; readonly BinaryValue?: Uint8Array }>>;
}

/** Unit: bytes. */
export function messageSize({ MessageBody, Body, MessageAttributes = {} }: Message): number {
  let bytes = Buffer.byteLength(MessageBody ?? Body ?? "");
  for (const [name, { DataType = "", StringValue = "", BinaryValue }] of Object.entries(MessageAttributes))
    bytes += Buffer.byteLength(name) + Buffer.byteLength(DataType) + Buffer.byteLength(StringValue) + (BinaryValue?.length ?? 0);
  return bytes;
}

/** Every action is a request; one that carries messages is one for each 64 KB of all of them together. */
export function queueRequests(queueUrl: string, bytes: number): Usage {
  return { [queueUrl.endsWith(".fifo") ? "sqs.fifoRequests" : "sqs.standardRequests"]: chunks(bytes) };
}

function queueAmount(operation: string, input: Fields, output: Fields): Amount {
  const url = String(input["QueueUrl"] ?? input["QueueName"] ?? "");
  let messages: readonly Message[] = [];
  if (operation === "SendMessage") messages = [input as Message];
  else if (operation === "SendMessageBatch") messages = input["Entries"] as readonly Message[];
  else if (operation === "ReceiveMessage") messages = (output["Messages"] ?? []) as readonly Message[];
  const bytes = messages.reduce((sum, message) => sum + messageSize(message), 0);
  return { of: url.slice(url.lastIndexOf("/") + 1), bytes, usage: queueRequests(url, bytes) };
}

/** What the caller got wrong (not found, a failed condition) is charged like an answer. */
function bucketAmount(operation: string, input: Fields, error: unknown): Amount | undefined {
  if (operation.startsWith("Delete") || operation.startsWith("Abort")) return undefined;
  const status = (error as { readonly $metadata?: { readonly httpStatusCode?: number } } | undefined)?.$metadata?.httpStatusCode;
  if (error !== undefined && (status === undefined || status >= 500 || status === 403)) return undefined;
  const writes = /^(Put|Copy|Post|List|Create|Upload|Complete)/.test(operation);
  const body = input["Body"];
  const bytes = typeof body === "string" ? Buffer.byteLength(body) : body instanceof Uint8Array ? body.length : Number(input["ContentLength"] ?? 0);
  const stored = writes && bytes > 0 && error === undefined ? { "s3.storedBytes": bytes } : {};
  return { of: String(input["Bucket"]), bytes, usage: { [writes ? "s3.puts" : "s3.gets"]: 1, ...stored } };
}

interface BusEntry {
  readonly Source?: string;
  readonly DetailType?: string;
  readonly Detail?: string;
  readonly Resources?: readonly string[];
}
function eventAmount(operation: string, input: Fields): Amount | undefined {
  if (operation !== "PutEvents") return undefined;
  const sizes = (input["Entries"] as readonly BusEntry[]).map(({ Source = "", DetailType = "", Detail = "", Resources = [] }) =>
    [Source, DetailType, Detail, ...Resources].reduce((sum, text) => sum + Buffer.byteLength(text), 0),
  );
  return { of: "bus", bytes: sizes.reduce((a, b) => a + b, 0), usage: { "events.custom": sizes.reduce((sum, bytes) => sum + chunks(bytes), 0) } };
}

/** Unit: bytes. */
export const logLineSize = (line: string): number => Buffer.byteLength(line) + LOG_LINE_BYTES;

function logAmount(operation: string, input: Fields): Amount | undefined {
  if (operation !== "PutLogEvents") return undefined;
  const bytes = (input["logEvents"] as readonly { readonly message?: string }[]).reduce((sum, { message = "" }) => sum + logLineSize(message), 0);
  return { of: String(input["logGroupName"]), bytes, usage: { "logs.bytes": bytes } };
}
