/** Where a retry is decided. The task's own policy gives a {@link Verdict} where its code runs; whether the budget allows it is decided here, by the run. */
import type { RetryDelay, TaskDefinition } from "./definition.ts";
import { isFailNow, isRetryAfter } from "./errors.ts";
import { LIMITS } from "./limits.ts";
import type { Verdict } from "./messages.ts";
import { nameOf, saidBy } from "./thrown.ts";

/** A failure counts against `retries`; the first try is free. */
export function mayRetry(verdict: Verdict, failures: number, retries: number | undefined): boolean {
  return verdict.again && failures < (retries ?? 0);
}

/** A death counts against `crashRetries`, apart from `retries` (rule 30). 0 is at most once. */
export function mayRunAgain(crashes: number, crashRetries: number | undefined): boolean {
  return crashes < (crashRetries ?? LIMITS.crashRetries);
}

/**
 * What the policy makes of a thrown error. `attempt` counts failures, from 1; `fraction` is a random number for the jitter.
 * A condition or delay function that throws itself, or gives no number of seconds, counts as "do not retry": the first error is the one to report, and `say` is told why.
 */
export function verdictOf(
  error: unknown,
  attempt: number,
  policy: Pick<TaskDefinition, "retryCondition" | "retryDelaySeconds" | "retryJitterFactor">,
  fraction: number,
  say?: (why: string) => void,
): Verdict {
  try {
    if (isFailNow(error) || nameOf(error) === "FailNow") return { again: false };
    if (policy.retryCondition && !policy.retryCondition(error, attempt)) return { again: false };
    if (isRetryAfter(error)) return { again: true, delayMs: error.delayMs };
    const seconds = delaySeconds(policy.retryDelaySeconds, attempt, error);
    if (typeof seconds !== "number" || !Number.isFinite(seconds) || seconds < 0) {
      say?.(
        `It is not tried again: retryDelaySeconds gave ${typeof seconds === "string" ? JSON.stringify(seconds) : String(seconds)} where a number of seconds has to be.`,
      );
      return { again: false };
    }
    const delayMs = Math.round(Math.min(seconds, LONGEST_SECONDS) * 1000 * jitter(policy.retryJitterFactor, fraction));
    return delayMs > 0 ? { again: true, delayMs } : { again: true };
  } catch (thrown) {
    say?.(`It is not tried again: what decides about it threw ${saidBy(thrown)}.`);
    return { again: false };
  }
}

/** A list's last value serves for all attempts beyond it. What a function gives may be anything. */
function delaySeconds(delay: RetryDelay | undefined, attempt: number, error: unknown): unknown {
  if (typeof delay === "function") return delay(attempt, error);
  return typeof delay === "number" ? delay : (delay?.[Math.min(attempt, delay.length) - 1] ?? 0);
}
const LONGEST_SECONDS = 366 * 86_400;

/** Between 1 and 1 + factor: a retry never comes sooner than the delay that was asked for. */
const jitter = (factor: number | undefined, fraction: number): number => 1 + (factor ?? 0) * fraction;

/**
 * Delays that double (or grow by `factor`) from `baseSeconds`, at most `maxSeconds` (one day by default).
 * @example task({ name: "fetch", retries: 5, retryDelaySeconds: exponential(2) }, …) // 2, 4, 8, 16, 32 seconds
 */
export function exponential(baseSeconds: number, options: { readonly factor?: number; readonly maxSeconds?: number } = {}): readonly number[] {
  const { factor = 2, maxSeconds = 86_400 } = options;
  // A list rather than a function: it can be logged, and given to `withOptions` inside a flow.
  return Array.from({ length: 64 }, (_, i) => Math.min(maxSeconds, baseSeconds * factor ** i));
}
