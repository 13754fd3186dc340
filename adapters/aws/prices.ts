/**
 * What AWS asks, in US dollars, in us-east-1, without any free tier, as its price pages said on 2026-11-22:
 * aws.amazon.com/dynamodb/pricing/on-demand, /sqs/pricing, /s3/pricing, /eventbridge/pricing, /secrets-manager/pricing, /cloudwatch/pricing, /lambda/pricing.
 */
import { USAGE_ITEMS, type Usage, type UsageItem } from "./usage.ts";

const MILLION = 1e6;
const GB = 2 ** 30;

/** What is paid once, by use: the fees. */
export const FEES: Readonly<Partial<Record<UsageItem, number>>> = {
  "dynamodb.writeUnits": 0.625 / MILLION,
  "dynamodb.readUnits": 0.125 / MILLION,
  "sqs.fifoRequests": 0.5 / MILLION,
  "sqs.standardRequests": 0.4 / MILLION,
  "s3.puts": 5 / MILLION,
  "s3.gets": 0.4 / MILLION,
  "scheduler.invocations": 1 / MILLION,
  "events.custom": 1 / MILLION,
  "secrets.requests": 5 / MILLION,
  "logs.bytes": 0.5 / GB,
  "lambda.requests": 0.2 / MILLION,
};

/** What everybody has each month and for ever of Scheduler, whose invocations are counted over all of an account. aws.amazon.com/eventbridge/pricing */
export const STANDING_FREE: Usage = { "scheduler.invocations": 14 * MILLION };

/** What is paid each month for as long as it is kept. */
export const STORAGE: Readonly<Partial<Record<UsageItem, number>>> = { "dynamodb.storedBytes": 0.25 / GB, "s3.storedBytes": 0.023 / GB };

/** What is paid for the machine under the code, arm64. */
export const COMPUTE: Readonly<Partial<Record<UsageItem, number>>> = { "lambda.gbSeconds": 13.3334 / MILLION };

export const MINUTES_A_MONTH = 30 * 24 * 60;

export type Service = "dynamodb" | "sqs" | "s3" | "scheduler" | "events" | "secrets" | "logs" | "lambda";
export type Fees = Readonly<Partial<Record<Service, number>>>;

/** By service. Unit: US dollars. @throws Error when something was asked for that has no price. */
export function feesOf(usage: Usage, times = 1): Fees {
  if (usage["unknown.requests"]) throw new Error(`${usage["unknown.requests"]} requests have no price`);
  const fees: Partial<Record<Service, number>> = {};
  for (const item of USAGE_ITEMS) {
    const service = item.slice(0, item.indexOf(".")) as Service;
    const price = FEES[item];
    if (price !== undefined && usage[item]) fees[service] = (fees[service] ?? 0) + (usage[item] as number) * price * times;
  }
  return fees;
}

export const total = (fees: Fees): number => Object.values(fees).reduce((a, b) => a + b, 0);

export const pricedBy = (prices: Readonly<Partial<Record<UsageItem, number>>>, usage: Usage): number =>
  USAGE_ITEMS.reduce((sum, item) => sum + (prices[item] ?? 0) * (usage[item] ?? 0), 0);
