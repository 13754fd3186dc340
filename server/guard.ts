/**
 * Who may call. The embedded server has no passwords: it listens on this machine, for its people. But their browsers run other sites' scripts, which must neither
 * start runs nor read them, also not by a name that suddenly points here (DNS rebinding).
 */
import type { MiddlewareHandler } from "hono";
import { Refusal } from "./problems.ts";

const LOCAL = /^(localhost|[\w-]+\.localhost|127(\.\d{1,3}){3}|\[::1\])$/i;

export function guard(hosts: readonly string[] | "*" = []): MiddlewareHandler {
  return async (context, next) => {
    const host = context.req.header("host") ?? new URL(context.req.url).host;
    const name = host.replace(/:\d+$/, "");
    if (hosts !== "*" && !LOCAL.test(name) && !hosts.includes(name))
      throw new Refusal(403, "WH2018", {
        message: `The server is not to be called as "${name}".`,
        expected: "localhost, or a name that it was given",
        got: name,
      });
    const origin = context.req.header("origin");
    if (origin !== undefined && hostOf(origin) !== host)
      throw new Refusal(403, "WH2018", { message: `A page of ${origin} may not call the API.`, expected: `a page of ${host}`, got: origin });
    await next();
    context.header("X-Content-Type-Options", "nosniff");
    context.header("Referrer-Policy", "no-referrer");
  };
}

function hostOf(origin: string): string | null {
  try {
    return new URL(origin).host;
  } catch {
    return null;
  }
}
