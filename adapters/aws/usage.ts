/** What was asked of AWS, in the units that it is billed by: a value that adds up, and can be written into a log or a row. Prices are not known here. */

export const USAGE_ITEMS = [
  /** DynamoDB on demand: write units of 1 KB, indexes included; read units of 4 KB, half a unit where a read need not be consistent. */
  "dynamodb.writeUnits",
  "dynamodb.readUnits",
  /** Bytes that items were made of, with the 100 that DynamoDB adds to each: what is kept until it expires. */
  "dynamodb.storedBytes",
  /** SQS: requests, one for each 64 KB of a request's or answer's payload. */
  "sqs.fifoRequests",
  "sqs.standardRequests",
  /** S3: requests that write or list, those that read, and the bytes that were put. Deleting costs nothing. */
  "s3.puts",
  "s3.gets",
  "s3.storedBytes",
  /** EventBridge Scheduler: times that a schedule fires. Making one costs nothing. */
  "scheduler.invocations",
  /** EventBridge: events put, one for each 64 KB. */
  "events.custom",
  "secrets.requests",
  /** CloudWatch Logs: bytes taken in, with the 26 that it adds to each line. */
  "logs.bytes",
  "lambda.requests",
  /** Memory times the time that it was held: compute, not a fee. */
  "lambda.gbSeconds",
  /** Requests of kinds that the meter has no rule for: a bill that has some is not complete. */
  "unknown.requests",
] as const;

export type UsageItem = (typeof USAGE_ITEMS)[number];
/** How much of each; what is left out is 0. */
export type Usage = Readonly<Partial<Record<UsageItem, number>>>;

/** What one request cost, and why: for those who look for what is dear. */
export interface Charge {
  readonly service: string;
  readonly operation: string;
  /** The table, queue, bucket or the like. */
  readonly of: string;
  /** The size that the units were rounded up from. Unit: bytes. */
  readonly bytes: number;
  readonly usage: Usage;
}
export type Amount = Pick<Charge, "of" | "bytes" | "usage">;

/** @example addUsage({ "s3.puts": 1 }, { "s3.puts": 2 }) // { "s3.puts": 3 } */
export function addUsage(...all: readonly Usage[]): Usage {
  return combine((item) => all.reduce((sum, usage) => sum + (usage[item] ?? 0), 0));
}

/** What was used between two readings of a meter. */
export function subtractUsage(after: Usage, before: Usage): Usage {
  return combine((item) => (after[item] ?? 0) - (before[item] ?? 0));
}

export function timesUsage(usage: Usage, times: number): Usage {
  return combine((item) => (usage[item] ?? 0) * times);
}

function combine(amountOf: (item: UsageItem) => number): Usage {
  const sum: Partial<Record<UsageItem, number>> = {};
  for (const item of USAGE_ITEMS) {
    const amount = amountOf(item);
    if (amount !== 0) sum[item] = amount;
  }
  return sum;
}
