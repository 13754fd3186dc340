/** Whether a request proves that its sender knows the webhook's secret. Everything is compared in constant time. */
import { createHmac } from "node:crypto";
import { same } from "./api-key.ts";

/** Headers that carry a proof: they are nobody else's business, and are not handed on. */
export const PROOFS = ["authorization", "x-windhover-secret", "x-hub-signature-256", "x-signature-256", "stripe-signature"];

/** How far a signed time may be from ours, so that a request that somebody has overheard cannot be sent again later. Unit: milliseconds. */
const TOLERANCE_MS = 5 * 60_000;

/**
 * The secret itself (as a bearer token, or in a header of our own), or a signature of the body with it: `X-Hub-Signature-256: sha256=…` as GitHub and many others send it, also
 * as `X-Signature-256`; or `Stripe-Signature: t=…,v1=…`, which signs the time too.
 */
export function isProven(header: (name: string) => string | undefined, body: Buffer, secret: string, now: number): boolean {
  const bearer = /^bearer (.+)$/i.exec(header("authorization") ?? "")?.[1];
  if (same(bearer, secret) || same(header("x-windhover-secret"), secret)) return true;
  const signature = `sha256=${signed(secret, body)}`;
  if (same(header("x-hub-signature-256"), signature) || same(header("x-signature-256"), signature)) return true;
  return isTimed(header("stripe-signature"), body, secret, now);
}

/** Source: https://docs.stripe.com/webhooks#verify-manually. There may be several signatures while a secret is being replaced. */
function isTimed(header: string | undefined, body: Buffer, secret: string, now: number): boolean {
  const fields = (header ?? "").split(",").map((field) => field.trim().split("=", 2) as [string, string?]);
  const time = fields.find(([name]) => name === "t")?.[1];
  if (time === undefined || !/^\d{1,12}$/.test(time) || Math.abs(now - Number(time) * 1000) > TOLERANCE_MS) return false;
  const wanted = signed(secret, Buffer.concat([Buffer.from(`${time}.`), body]));
  return fields.some(([name, value]) => name === "v1" && same(value, wanted));
}

const signed = (secret: string, bytes: Buffer): string => createHmac("sha256", secret).update(bytes).digest("hex");
