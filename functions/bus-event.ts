/** An event of EventBridge, as authors see it. What flows emit travels in our own envelope, which is opened here. */
import { eventSource } from "../adapters/aws/events.ts";
import type { EventFromBus } from "../adapters/aws/letters.ts";
import { decode } from "../engine/codec.ts";
import { WindhoverError } from "../engine/errors.ts";
import type { Payload } from "../engine/events.ts";
import type { Results } from "../engine/ports.ts";
import type { BusEvent, S3ObjectEvent } from "../sdk/triggers.ts";

export interface ArrivedEvent {
  /** The emitted event's own id where a flow emitted it: EventBridge gives a new one to each sending. */
  readonly id: string;
  /** Unit: milliseconds since 1970. */
  readonly at: number;
  /** A flow of this stack emitted it: its detail was encoded, so that no rule can look into it. */
  readonly emitted: boolean;
  readonly detail: unknown;
  /** As EventBridge sent it. */
  readonly raw: EventFromBus;
}

/** `receivedAt` stands in where the event does not say its time. Unit: milliseconds since 1970. */
export async function openEvent(raw: EventFromBus, stack: string, receivedAt: number, results: Results): Promise<ArrivedEvent> {
  const time = Date.parse(raw.time ?? "");
  const at = Number.isFinite(time) ? time : receivedAt;
  const envelope = raw.detail as { readonly id?: unknown; readonly at?: unknown; readonly detail?: Payload } | null;
  if (raw.source !== eventSource(stack) || typeof envelope?.id !== "string") return { id: raw.id, at, emitted: false, detail: raw.detail, raw };
  const { detail = "null" } = envelope;
  const opened = decode(typeof detail === "string" ? detail : await results.get(detail.ref));
  return { id: envelope.id, at: typeof envelope.at === "number" ? envelope.at : at, emitted: true, detail: opened, raw };
}

export function asBusEvent({ id, detail, at }: ArrivedEvent): BusEvent {
  return { id, detail, time: new Date(at) };
}

/** Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html: the key stands as it is, unlike in S3's own notifications. */
export function asS3Object({ id, detail, at, raw }: ArrivedEvent): S3ObjectEvent {
  const { bucket, object } = (detail ?? {}) as { readonly bucket?: { readonly name?: string }; readonly object?: Readonly<Record<string, unknown>> };
  const name = bucket?.name;
  const key = object?.["key"];
  if (typeof name !== "string" || typeof key !== "string")
    throw new WindhoverError("WH2014", {
      message: "The event is none of an object in a bucket.",
      expected: "an S3 event with a bucket and a key",
      got: raw["detail-type"],
    });
  const path = key.split("/").map(encodeURIComponent).join("/");
  return {
    bucket: name,
    key,
    size: Number(object?.["size"] ?? 0),
    eTag: String(object?.["etag"] ?? ""),
    url: `https://${name}.s3.${raw.region === undefined ? "" : `${raw.region}.`}amazonaws.com/${path}`,
    eventId: id,
    time: new Date(at),
  };
}
