/**
 * What is tried again because AWS asked for less: the SDK does so too, but SQS reports throttling under names that it does not know, with status 403 ("Sender"), and inside
 * the answer to a batch, where it does not look.
 */
import type { Clock, Random } from "../../engine/ports.ts";

/** `AWS.SimpleQueueService.RequestThrottled`, `com.amazonaws.sqs#RequestThrottled`, `KMS.ThrottlingException`, `RequestThrottledException`, `KmsThrottled`, and so on. */
const THROTTLED = /thrott|^(OverLimit|SlowDown|TooManyRequestsException|TooManyRequests|RequestLimitExceeded|BandwidthLimitExceeded)$/i;

/** Tries of one request, the first included. */
const TRIES = 9;
const FIRST_MS = 100;
const LONGEST_MS = 10_000;

interface Failure {
  readonly name?: unknown;
  readonly Code?: unknown;
  readonly $metadata?: { readonly httpStatusCode?: number };
  /** Of an entry of a batch: false when the service is to blame. */
  readonly senderFault?: unknown;
}

/** True for a failure that means: the same again, later. */
export function isThrottled(error: unknown): boolean {
  if (typeof error !== "object" || error === null) return false;
  const { name, Code, $metadata, senderFault } = error as Failure;
  const names = [name, Code].filter((each) => typeof each === "string");
  return senderFault === false || $metadata?.httpStatusCode === 429 || names.some((each) => THROTTLED.test(each.slice(each.search(/[^.#]*$/))));
}

/** How long to wait before the next try, or null when it is enough. `tries`: those that failed. Unit: milliseconds. */
export function backoff(tries: number, random: Random): number | null {
  if (tries >= TRIES) return null;
  const longest = Math.min(LONGEST_MS, FIRST_MS * 2 ** (tries - 1));
  // Half of it is drawn, so that those who were refused together do not come back together.
  return longest / 2 + random.fraction() * (longest / 2);
}

/** Asks again for as long as the answer is that we ask too much, at most about half a minute. */
export async function patiently<T>({ clock, random }: { readonly clock: Clock; readonly random: Random }, ask: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await ask();
    } catch (error) {
      const delay = isThrottled(error) ? backoff(tries, random) : null;
      if (delay === null) throw error;
      await clock.wait(delay);
    }
  }
}
