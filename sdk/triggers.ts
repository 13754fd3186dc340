/** What starts a deployment's runs besides its schedules. The event's id makes the run's id: delivered twice is run once. */
import { WindhoverError } from "../engine/errors.ts";
import type { State } from "../engine/state.ts";
import type { RunSummary } from "./client-types.ts";

export interface Trigger<P> {
  readonly kind: string;
  readonly _parameters?: P;
}
/** An object that was created or replaced. */
export interface S3ObjectEvent {
  readonly bucket: string;
  /** As it is called, not encoded. */
  readonly key: string;
  /** Unit: bytes. */
  readonly size: number;
  readonly eTag: string;
  /** Its address, `https://…`: whoever reads it needs the right to. */
  readonly url: string;
  readonly eventId: string;
  readonly time: Date;
}
export interface BusEvent<D = unknown> {
  readonly id: string;
  readonly detail: D;
  readonly time: Date;
}
export interface WebhookEvent {
  readonly method: string;
  /** What comes after `/hooks/`, without slashes at its ends. */
  readonly path: string;
  /** Names in small letters. What proves or carries credentials is left out. */
  readonly headers: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
  /** JSON and forms as objects, other bodies as text, none as null. */
  readonly body: unknown;
}

function trigger<P>(kind: string, options: object, required: readonly string[]): Trigger<P> {
  for (const option of required) {
    const value = (options as Record<string, unknown>)[option];
    if (typeof value !== "string" || value === "")
      throw new WindhoverError("WH1003", {
        message: `A trigger of kind "${kind}" needs \`${option}\`.`,
        expected: "a non-empty string",
        got: JSON.stringify(value) ?? "nothing",
      });
  }
  return { kind, ...options } as Trigger<P>;
}

/**
 * An object that is created in a bucket, or replaced. The bucket has to send its events to EventBridge. Served by a stack only (WH2014).
 *
 * Of every trigger holds: `parameters` makes of the event what the run is started with, over the deployment's own parameters; without it the run has those alone. What it throws makes a
 * run that fails with WH1101 and keeps the event.
 * @throws WindhoverError WH1003 without a bucket.
 * @example onS3Object({ bucket: "incoming", prefix: "urls/", suffix: ".txt", parameters: (object) => ({ urls: [object.url] }) })
 */
export function onS3Object<P>(options: {
  readonly bucket: string;
  readonly prefix?: string;
  readonly suffix?: string;
  readonly parameters?: (event: S3ObjectEvent) => P;
}): Trigger<P> {
  return trigger("s3", options, ["bucket"]);
}
/**
 * A request to the API at `/hooks/<path>`, of any method but GET, HEAD and OPTIONS. It answers 202 with the run's id; the same `Idempotency-Key` gives the same run. With a `secret` the
 * request has to prove that it knows it: `Authorization: Bearer`, `X-Windhover-Secret`, or a signature of the body as GitHub or Stripe send it. Without `parameters` a JSON object is
 * taken as the parameters; what `parameters` throws is answered with 422 (WH1101).
 * @throws WindhoverError WH1003 without a path.
 * @example onWebhook({ path: "orders", secret: process.env["ORDERS_SECRET"], parameters: ({ body }) => ({ order: (body as { id: string }).id }) })
 */
export function onWebhook<P>(options: { readonly path: string; readonly secret?: string; readonly parameters?: (event: WebhookEvent) => P }): Trigger<P> {
  return trigger("webhook", options, ["path"]);
}
/**
 * An event on the account's event bus, or one that a flow emitted (its source is `windhover`, its type the `detailType`). What its detail looks like is for the author to
 * say, in the parameter's type; the flow's schema checks what is made of it. `detail` is a pattern in EventBridge's language. On one's own machine only what flows emit is seen, and of
 * the filters `prefix`, `suffix`, `exists` and `anything-but` are known (WH2014).
 * @throws WindhoverError WH1003 without a source.
 * @example onEvent({ source: "windhover", detailType: "paid", parameters: ({ detail }: BusEvent<{ order: string }>) => ({ order: detail.order }) })
 */
export function onEvent<P, D = unknown>(options: {
  readonly source: string;
  readonly detailType?: string;
  readonly detail?: Record<string, unknown>;
  readonly parameters?: (event: BusEvent<D>) => P;
}): Trigger<P> {
  return trigger("event", options, ["source"]);
}
/**
 * A message in an SQS queue, which is deleted once its run's start is safe. `body` is its text. Served by a stack only (WH2014).
 * @throws WindhoverError WH1003 without a queue's ARN.
 * @example onQueue({ queueArn: "arn:aws:sqs:eu-west-1:123456789012:orders", parameters: ({ body }) => JSON.parse(body) as { order: string } })
 */
export function onQueue<P>(options: {
  readonly queueArn: string;
  readonly parameters?: (message: { readonly id: string; readonly body: string }) => P;
}): Trigger<P> {
  return trigger("queue", options, ["queueArn"]);
}
/**
 * Another flow's run that reaches a state, whoever started it. `parameters` gets what is known of the run, without its result.
 * @throws WindhoverError WH1003 without a flow or a state.
 * @example onRunState({ flow: "extract", state: "FAILED", parameters: (run) => ({ failed: run.id }) })
 */
export function onRunState<P>(options: { readonly flow: string; readonly state: State["type"]; readonly parameters?: (run: RunSummary) => P }): Trigger<P> {
  return trigger("run-state", options, ["flow", "state"]);
}
