/** The HTTP API of `server/` in a function: the same app as on the user's machine, over the deployed stack. Who may call is up to API Gateway; webhooks bring a secret. */
import { handle, type LambdaContext, type LambdaEvent } from "hono/aws-lambda";
import { runCost } from "../adapters/aws/run-cost.ts";
import { PortsClient } from "../sdk/ports-client.ts";
import { createApp } from "../server/app.ts";
import { type FunctionHost, type Modules, openFunction } from "./host.ts";
import { errorFields, note } from "./note.ts";

/** How often it looks whether a run has ended that a request waits for. Unit: milliseconds. */
const LOOK_MS = 500;

type Answer = ReturnType<ReturnType<typeof handle>>;

/** @example export const handler = api([entry0]); */
export function api(modules: Modules): (event: LambdaEvent, context?: LambdaContext) => Answer {
  return apiOf(openFunction(modules, "client"));
}

export function apiOf(fn: FunctionHost): (event: LambdaEvent, context?: LambdaContext) => Answer {
  const { ports, code, deployments, build, stack } = fn;
  const client = new PortsClient({ ports, code, changed: () => ports.clock.wait(LOOK_MS) });
  const app = createApp({
    client,
    code,
    deployments: () => [...deployments.values()],
    hosts: "*",
    ...(build !== undefined && { version: build }),
    cost: (entries) => runCost(entries, stack),
    onError: (error) => note("ERROR", "a request failed", errorFields(error)),
  });
  const answer = handle(app);
  return (event, context) => {
    note("DEBUG", "a request", { path: "rawPath" in event ? event.rawPath : "path" in event ? event.path : undefined });
    return answer(named(event), context);
  };
}

/** Nobody looks at the name under which we are called, and on an emulator it is none that a URL can have. */
function named(event: LambdaEvent): LambdaEvent {
  return "domainName" in event.requestContext ? ({ ...event, requestContext: { ...event.requestContext, domainName: "api" } } as LambdaEvent) : event;
}
