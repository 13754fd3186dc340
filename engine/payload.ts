/** A payload is a value's text where that is small, and its address in the result store where it is large: who reads one need not ask which. */
import { decode } from "./codec.ts";
import type { Payload } from "./events.ts";
import type { Results } from "./ports.ts";

/** The encoded value. @throws WH3007 when the store does not have it. */
export async function payloadText(payload: Payload, results: Pick<Results, "get">): Promise<string> {
  return typeof payload === "string" ? payload : results.get(payload.ref);
}

/** The value; undefined of nothing. @throws WH3007 when the store does not have it. */
export async function readPayload(payload: Payload | undefined, results: Pick<Results, "get">): Promise<unknown> {
  return payload === undefined ? undefined : decode(await payloadText(payload, results));
}
