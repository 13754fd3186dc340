import { createHmac } from "node:crypto";
import { describe, expect, test } from "vitest";
import { isProven } from "../../server/signatures.ts";

const NOW = Date.parse("2027-01-15T09:00:00Z");
const body = Buffer.from('{"paid":true}');
const hmac = (text: string, secret = "s3cret") => createHmac("sha256", secret).update(text).digest("hex");
const proven = (headers: Readonly<Record<string, string>>, given = body) => isProven((name) => headers[name], given, "s3cret", NOW);

describe("a webhook's sender proves that it knows the secret", () => {
  test("by saying it", () => {
    expect(proven({ authorization: "Bearer s3cret" })).toBe(true);
    expect(proven({ "x-windhover-secret": "s3cret" })).toBe(true);
    expect(proven({ authorization: "Bearer s3cre" })).toBe(false);
    expect(proven({})).toBe(false);
  });

  test("by signing the body, as GitHub does", () => {
    for (const name of ["x-hub-signature-256", "x-signature-256"]) {
      expect(proven({ [name]: `sha256=${hmac(String(body))}` })).toBe(true);
      expect(proven({ [name]: `sha256=${hmac(String(body), "another")}` })).toBe(false);
      expect(proven({ [name]: `sha256=${hmac(String(body))}` }, Buffer.from('{"paid":false}'))).toBe(false);
    }
  });

  test("by signing the body and the time, as Stripe does; what is older than five minutes was perhaps overheard", () => {
    const stripe = (seconds: number, secret?: string) => `t=${seconds},v1=${hmac(`${seconds}.${body}`, secret)},v0=old`;
    const now = NOW / 1000;
    expect(proven({ "stripe-signature": stripe(now) })).toBe(true);
    expect(proven({ "stripe-signature": stripe(now - 299) })).toBe(true);
    expect(proven({ "stripe-signature": stripe(now - 301) })).toBe(false);
    expect(proven({ "stripe-signature": stripe(now, "another") })).toBe(false);
    expect(proven({ "stripe-signature": `t=${now - 1},v1=${hmac(`${now}.${body}`)}` })).toBe(false);
    expect(proven({ "stripe-signature": `t=${now},v1=${hmac("other")},v1=${hmac(`${now}.${body}`)}` })).toBe(true);
    for (const odd of ["", "t=,v1=", "v1=x", "t=soon,v1=x", `t=${now}`]) expect(proven({ "stripe-signature": odd })).toBe(false);
  });
});
