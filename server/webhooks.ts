/** Webhooks: a request to `/hooks/<path>` starts a run of the deployment that listens there. It is answered as soon as the start is safe, not when the run ends. */
import type { Context, Hono } from "hono";
import { hash } from "../engine/codec.ts";
import { WindhoverError } from "../engine/errors.ts";
import type { DeploymentDefinition } from "../sdk/deployment.ts";
import type { WebhookEvent } from "../sdk/triggers.ts";
import { trimmed } from "./deployments.ts";
import type { ServerOptions } from "./options.ts";
import { Refusal } from "./problems.ts";
import { readBody } from "./routes.ts";
import { isProven, PROOFS } from "./signatures.ts";

interface WebhookTrigger {
  readonly kind: string;
  readonly path: string;
  readonly secret?: string;
  readonly parameters?: (event: WebhookEvent) => unknown;
}

export function addWebhooks(app: Hono, { client, deployments = () => [] }: ServerOptions): void {
  app.all("/hooks/*", async (context) => {
    const path = pathOf(context);
    const targets = deployments().flatMap((deployment) =>
      (deployment.triggers as unknown as readonly WebhookTrigger[])
        .filter((trigger) => trigger.kind === "webhook" && trimmed(trigger.path) === path)
        .map((trigger) => ({ deployment, trigger })),
    );
    if (targets.length === 0)
      throw new WindhoverError("WH2019", { message: `No deployment listens at /hooks/${path}.`, expected: "the path of an onWebhook trigger", got: path });
    if (["GET", "HEAD", "OPTIONS"].includes(context.req.method))
      throw new Refusal(405, "WH2017", { message: `A webhook is not called with ${context.req.method}.`, expected: "POST", got: context.req.method });
    const bytes = await readBody(context);
    for (const { trigger } of targets) checkSecret(context, bytes, trigger.secret, client.ports.clock.now());
    const event = eventOf(context, path, bytes);
    const key = context.req.header("idempotency-key");
    const runs: { readonly id: string; readonly deployment: string }[] = [];
    for (const { deployment, trigger } of targets) {
      const run = await client.run(deployment, parametersOf(deployment, trigger, event), {
        id: key === undefined ? client.newId() : hash(`${deployment.name}/webhook/${path}/${key}`).slice(0, 16),
      });
      runs.push({ id: run.id, deployment: deployment.name });
    }
    return context.json({ ...runs[0], ...(runs.length > 1 && { runs }) }, 202);
  });
}

function pathOf(context: Context): string {
  const path = context.req.path.slice("/hooks/".length);
  try {
    return trimmed(decodeURIComponent(path));
  } catch (error) {
    throw new Refusal(400, "WH2019", {
      message: `The path /hooks/${path} cannot be read.`,
      expected: "a path in UTF-8, percent-encoded",
      got: path,
      cause: error,
    });
  }
}

function parametersOf(deployment: DeploymentDefinition, trigger: WebhookTrigger, event: WebhookEvent): object {
  try {
    // Without a function of its own, a JSON object is taken as the parameters.
    return (trigger.parameters ? trigger.parameters(event) : isObject(event.body) ? event.body : {}) as object;
  } catch (error) {
    throw new Refusal(422, "WH1101", {
      message: `The trigger of "${deployment.name}" could not make parameters of this request: ${(error as Error).message}`,
      got: (error as Error).message,
      cause: error,
    });
  }
}

function checkSecret(context: Context, bytes: Buffer, secret: string | undefined, now: number): void {
  if (secret === undefined || isProven((name) => context.req.header(name), bytes, secret, now)) return;
  throw new Refusal(401, "WH2018", {
    message: "The webhook's secret is missing or wrong.",
    expected: "Authorization: Bearer SECRET, X-Windhover-Secret, X-Hub-Signature-256, X-Signature-256 or Stripe-Signature",
  });
}

/** What the author's function gets becomes parameters, and those are logged: no credentials are among it. */
const HIDDEN = new Set([...PROOFS, "cookie", "proxy-authorization"]);

function eventOf(context: Context, path: string, bytes: Buffer): WebhookEvent {
  const headers = Object.fromEntries(Object.entries(context.req.header()).filter(([name]) => !HIDDEN.has(name.toLowerCase())));
  return { method: context.req.method, path, headers, query: context.req.query(), body: bodyOf(context.req.header("content-type") ?? "", bytes) };
}

function bodyOf(type: string, bytes: Buffer): unknown {
  const text = bytes.toString("utf8");
  if (text === "") return null;
  if (/^application\/(?:[\w.+-]+\+)?json\b/i.test(type)) {
    try {
      return JSON.parse(text);
    } catch (error) {
      throw new Refusal(400, "WH2017", { message: `The body is not JSON: ${(error as Error).message}`, expected: "JSON, as its content-type says" });
    }
  }
  return /^application\/x-www-form-urlencoded\b/i.test(type) ? Object.fromEntries(new URLSearchParams(text)) : text;
}
const isObject = (value: unknown): value is object => typeof value === "object" && value !== null && !Array.isArray(value);
