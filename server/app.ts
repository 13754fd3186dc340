/** The HTTP API and two small pages, as one app over any backend's ports. It keeps no state of its own. */
import { Hono } from "hono";
import * as z from "zod";
import { WindhoverError } from "../engine/errors.ts";
import { needKey } from "./api-key.ts";
import { addDeployments } from "./deployments.ts";
import { addFlows } from "./flows.ts";
import { guard } from "./guard.ts";
import type { ServerOptions } from "./options.ts";
import { addPages } from "./pages.ts";
import { problemOf } from "./problems.ts";
import { openApi, Routes } from "./routes.ts";
import { addRuns } from "./runs.ts";
import { addLimits, addVariables } from "./settings.ts";
import { addWebhooks } from "./webhooks.ts";

/** @example const app = createApp({ client, code }); const answer = await app.request("/api/runs"); */
export function createApp(options: ServerOptions): Hono {
  const { version = "0.0.0", hosts, onError, apiKey = process.env["WINDHOVER_API_KEY"] } = options;
  const app = new Hono();
  app.use(guard(hosts), needKey(apiKey));
  app.onError((error, context) => {
    const { status, problem } = problemOf(error);
    if (status >= 500) onError?.(error);
    return context.json(problem, status as 400);
  });
  app.notFound((context) => {
    throw new WindhoverError("WH2019", { message: `There is nothing at ${context.req.method} ${context.req.path}.`, got: context.req.path });
  });

  const routes = new Routes(app);
  const Health = z.object({ status: z.literal("ok"), version: z.string(), flows: z.number() });
  routes.add({ method: "get", path: "/api/health", summary: "Whether it answers, and reaches its backend", answer: Health }, async () => {
    await options.client.runs({ limit: 1 });
    return { status: "ok", version, flows: options.code.flows.size };
  });
  addRuns(routes, options);
  addDeployments(routes, options);
  addFlows(routes, options);
  addLimits(routes, options);
  addVariables(routes, options);
  app.get("/api/openapi.json", (context) => context.json(openApi(routes.all, version)));
  addWebhooks(app, options);
  addPages(app, options);
  return app;
}
