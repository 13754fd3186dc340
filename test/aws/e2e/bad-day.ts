/**
 * What AWS does to a function's requests on a bad day, in an order that a seed decides: each container draws for each of its requests, tries included, and asks the proxy for the
 * fault in a header. So microburst answers as the service would, and the same seed draws the same faults for the same requests of a container.
 */
import type { AwsClients } from "../../../adapters/aws/clients.ts";
import { Sequence } from "../../../engine/sequence.ts";
import type { Fault } from "../microburst.ts";

const HEADER = "x-windhover-fault";
const SERVICES = ["sqs", "dynamodb", "s3", "scheduler"] as const;
const KINDS = ["throttled", "failed", "slow", "refused", "lost"] as const;
type Kind = (typeof KINDS)[number];

const THROTTLED = {
  sqs: { code: "RequestThrottled", status: 403 },
  dynamodb: { code: "ProvisionedThroughputExceededException", status: 400 },
  s3: { code: "SlowDown", status: 503 },
  scheduler: { code: "ThrottlingException", status: 429 },
} as const;
const FAILED = {
  sqs: { code: "InternalError", status: 500 },
  dynamodb: { code: "InternalServerError", status: 500 },
  s3: { code: "InternalError", status: 500 },
  scheduler: { code: "InternalServerException", status: 500 },
} as const;

/** For the proxy: what it does when it is asked to. */
export const FAULTS: readonly Fault[] = [
  ...SERVICES.flatMap((service) => [
    { service, headers: { [HEADER]: "throttled" }, error: THROTTLED[service] },
    { service, headers: { [HEADER]: "failed" }, error: FAILED[service] },
  ]),
  { headers: { [HEADER]: "slow" }, latency: { min: 100, max: 2500 } },
  { headers: { [HEADER]: "refused" }, reset: true },
  { headers: { [HEADER]: "lost" }, response: { abort_bytes: 0 } },
];

interface Attempt {
  /** The same one for all tries of a request. */
  readonly input: object;
  readonly request: unknown;
}

interface Adjustable {
  readonly middlewareStack: {
    add(
      middleware: (next: (args: Attempt) => Promise<unknown>) => (args: Attempt) => Promise<unknown>,
      options: { step: "finalizeRequest"; priority: "low"; name: string },
    ): void;
  };
}

/**
 * S3 is asked directly whenever it is to carry the request out: the proxy unpacks what is compressed, and then the content does not fit its checksum. What the proxy would do to such a
 * request is done here.
 */
const HERE: ReadonlySet<Kind | undefined> = new Set([undefined, "slow", "lost"]);
const SLOW_MS = 400;
/** So many of the faults last for all tries that the SDK makes: the turn, or the task, fails. */
const LASTING = 0.1;

export class BadLuck {
  readonly #seed: string;
  readonly #share: number;
  readonly #direct: URL;
  readonly counts: Record<Kind | "requests" | "lasting", number> = { requests: 0, throttled: 0, failed: 0, slow: 0, refused: 0, lost: 0, lasting: 0 };

  /** `share` of all requests, 0 to 1. `direct`: where the proxy sends them. */
  constructor(seed: string, share: number, direct: string) {
    this.#seed = seed;
    this.#share = share;
    this.#direct = new URL(direct);
  }

  /** For each container's clients, once. */
  readonly strike = (clients: AwsClients, container: string): void => {
    const drawn = new Sequence(`${this.#seed}/${container}`);
    const lasting = new WeakMap<object, Kind>();
    for (const service of SERVICES)
      (clients[service] as unknown as Adjustable).middlewareStack.add(
        (next) => async (args) => {
          const request = args.request as { headers: Record<string, string>; port?: number };
          this.counts.requests++;
          delete request.headers[HEADER];
          const kind = lasting.get(args.input) ?? (drawn.fraction() < this.#share ? (KINDS[drawn.word() % KINDS.length] as Kind) : undefined);
          if (kind) {
            this.counts[kind]++;
            request.headers[HEADER] = kind;
            if (!lasting.has(args.input) && drawn.fraction() < LASTING) {
              lasting.set(args.input, kind);
              this.counts.lasting++;
            }
          }
          if (service !== "s3" || !HERE.has(kind)) return next(args);
          const proxied = request.port;
          request.port = Number(this.#direct.port);
          if (kind === "slow") await new Promise((resolve) => setTimeout(resolve, SLOW_MS));
          const answer = await next(args).finally(() => {
            request.port = proxied;
          });
          if (kind === "lost") throw Object.assign(new Error("socket hang up"), { code: "ECONNRESET" });
          return answer;
        },
        // After the SDK's own retries, so that each try is drawn for.
        { step: "finalizeRequest", priority: "low", name: "windhoverBadLuck" },
      );
  };

  get faults(): number {
    return KINDS.reduce((sum, kind) => sum + this.counts[kind], 0);
  }
}
