/**
 * A key that every request has to bring, where one is set: as a bearer token from programs, as the password that a browser asks for from people. Webhooks have secrets of
 * their own.
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import type { MiddlewareHandler } from "hono";
import { Refusal } from "./problems.ts";

export function needKey(apiKey: string | undefined): MiddlewareHandler {
  return async (context, next) => {
    if (apiKey && !context.req.path.startsWith("/hooks/")) {
      const given = keyOf(context.req.header("authorization"));
      if (!same(given, apiKey)) {
        // Only where a person looks: a program is not to be asked for a password.
        if (!context.req.path.startsWith("/api/")) context.header("WWW-Authenticate", 'Basic realm="Windhover", charset="UTF-8"');
        throw new Refusal(401, "WH2050", {
          message: given === undefined ? "The request has no API key." : "The API key is not the server's.",
          expected: "Authorization: Bearer KEY",
          got: given === undefined ? "no key" : "another key",
        });
      }
    }
    await next();
  };
}

function keyOf(header = ""): string | undefined {
  const [, scheme = "", rest = ""] = /^(\w+) +(.+)$/.exec(header) ?? [];
  if (scheme.toLowerCase() === "bearer") return rest;
  if (scheme.toLowerCase() !== "basic") return undefined;
  const pair = Buffer.from(rest, "base64").toString("utf8");
  return pair.slice(pair.indexOf(":") + 1);
}

/** In constant time. */
export function same(given: string | undefined, wanted: string): boolean {
  if (given === undefined) return false;
  const digest = (text: string): Buffer => createHmac("sha256", "compare").update(text).digest();
  return timingSafeEqual(digest(given), digest(wanted));
}
