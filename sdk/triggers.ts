/** What starts a deployment's runs besides its schedules. The event's id makes the run's id: delivered twice is run once. */
import { WindhoverError } from "../engine/errors.ts";
import type { State } from "../engine/state.ts";
import type { RunSummary } from "./client-types.ts";

export interface Trigger<P> {
  readonly kind: string;
  readonly _parameters?: P;
}
export interface S3ObjectEvent {
  readonly bucket: string;
  readonly key: string;
  readonly size: number;
  readonly eTag: string;
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
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
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

/** An object that is created in a bucket. */
export function onS3Object<P>(options: {
  readonly bucket: string;
  readonly prefix?: string;
  readonly suffix?: string;
  readonly parameters?: (event: S3ObjectEvent) => P;
}): Trigger<P> {
  return trigger("s3", options, ["bucket"]);
}
/** A request to the API at `/hooks/<path>`. It answers 202 with the run's id; the same `Idempotency-Key` gives the same run. */
export function onWebhook<P>(options: { readonly path: string; readonly secret?: string; readonly parameters?: (event: WebhookEvent) => P }): Trigger<P> {
  return trigger("webhook", options, ["path"]);
}
/**
 * An event on the account's event bus, or one that a flow emitted (its source is `windhover`, its type the `detailType`). What its detail looks like is for the author to
 * say, in the parameter's type; the flow's schema checks what is made of it.
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
/** A message in an SQS queue. */
export function onQueue<P>(options: {
  readonly queueArn: string;
  readonly parameters?: (message: { readonly id: string; readonly body: string }) => P;
}): Trigger<P> {
  return trigger("queue", options, ["queueArn"]);
}
/** Another flow's run that reaches a state. */
export function onRunState<P>(options: { readonly flow: string; readonly state: State["type"]; readonly parameters?: (run: RunSummary) => P }): Trigger<P> {
  return trigger("run-state", options, ["flow", "state"]);
}
