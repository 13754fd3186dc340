/** What a failed request to AWS means to the person who has to act. Throttles and short outages are tried again by the SDK before they get here. */
import { type ErrorCode, WindhoverError } from "../../engine/errors.ts";

const MEANINGS: readonly (readonly [code: ErrorCode, names: RegExp])[] = [
  [
    "WH3102",
    /^(CredentialsProviderError|TokenProviderError|ExpiredToken(Exception)?|RequestExpired|InvalidClientTokenId|InvalidAccessKeyId|InvalidToken|UnrecognizedClientException|InvalidSignatureException|SignatureDoesNotMatch|MissingAuthenticationToken(Exception)?|IncompleteSignature(Exception)?|AuthFailure|NotSignedUp)$/,
  ],
  [
    "WH3103",
    /^(AccessDenied(Exception)?|AuthorizationError(Exception)?|Forbidden|UnauthorizedOperation|NotAuthorized(Exception)?|KMSAccessDenied(Exception)?)$/,
  ],
  ["WH3104", /^(ResourceNotFound(Exception|Fault)?|NoSuchBucket|QueueDoesNotExist|NonExistentQueue|ClusterNotFoundException)$/],
  [
    "WH3105",
    /(Throttl|^ProvisionedThroughputExceeded|^RequestLimitExceeded|^TooManyRequests|^SlowDown$|^LimitExceeded|^BandwidthLimitExceeded|^OverLimit$|^EC2ThrottledException$)/,
  ],
  [
    "WH3106",
    /^(TimeoutError|AbortError|NetworkingError|InternalServerError|InternalError|InternalFailure|InternalServerException|ServiceUnavailable(Exception)?|RequestTimeout(Exception)?|TransactionInProgressException|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|ETIMEDOUT|EPIPE|ECONN(REFUSED|RESET|ABORTED))$/,
  ],
];

/** True for the names that an AWS error goes by. Services put other names, and prefixes such as `AWS.SimpleQueueService.`, into `Code`. */
export function isNamed(error: unknown, ...names: readonly string[]): boolean {
  return namesOf(error).some((name) => names.includes(name));
}

/** An answer of AWS that a condition was not met: no failure, but what the condition is for. */
export const isConditionFailed = (error: unknown): boolean => isNamed(error, "ConditionalCheckFailedException");

function namesOf(error: unknown): readonly string[] {
  const { name, Code, code } = (error ?? {}) as { readonly name?: unknown; readonly Code?: unknown; readonly code?: unknown };
  return [name, Code, code].filter((each) => typeof each === "string").map((each) => each.slice(each.search(/[^.#]*$/)));
}

interface Answered {
  readonly message?: string;
  readonly $fault?: string;
  readonly $metadata?: { readonly httpStatusCode?: number; readonly requestId?: string; readonly attempts?: number };
}

/**
 * The error that we throw for one of AWS's: WH3102 credentials, WH3103 denied, WH3104 a resource is gone, WH3105 throttled for long, WH3106 not reached, WH3107 refused for
 * another reason. `doing` completes "While …", such as `"appending to run:quick-heron"`.
 */
export function failure(error: unknown, doing: string): WindhoverError {
  if (error instanceof WindhoverError) return error;
  const { message, $metadata } = (error ?? {}) as Answered;
  const said = message || String(error);
  const names = namesOf(error);
  const id = $metadata?.requestId === undefined ? "" : ` (request ${$metadata.requestId})`;
  return new WindhoverError(codeOf(names, $metadata?.httpStatusCode, said), {
    message: `While ${doing}: ${said}${/[.!?]$/.test(said) ? "" : "."}`,
    got: `${names[0] ?? "an error"}${id}`,
    cause: error,
  });
}

/** An answer of AWS, or our error for its failure. */
export async function answered<T>(answer: Promise<T>, doing: string): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    throw failure(error, doing);
  }
}

function codeOf(names: readonly string[], status: number | undefined, said: string): ErrorCode {
  for (const [code, pattern] of MEANINGS) if (names.some((name) => pattern.test(name))) return code;
  if (/could not load credentials|region is missing/i.test(said)) return "WH3102";
  if (status === 403) return "WH3103";
  if (status === 429) return "WH3105";
  if (status !== undefined && status >= 500) return "WH3106";
  return "WH3107";
}
