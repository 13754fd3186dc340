/** The app over a backend in memory, asked as a client would ask it. */
import type { Hono } from "hono";
import { createMemoryBackend, type MemoryBackend } from "../../adapters/memory/backend.ts";
import { createRuntime, type Runtime } from "../../adapters/process/runtime.ts";
import { shared } from "../../engine/scope.ts";
import type { DeploymentDefinition } from "../../sdk/deployment.ts";
import type { PortsClient } from "../../sdk/ports-client.ts";
import { clientOf } from "../../sdk/testing/harness.ts";
import { createApp } from "../../server/app.ts";

export interface Answer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: what the server answers is what the test is about.
  readonly body: any;
  readonly headers: Headers;
}
export interface Served {
  readonly app: Hono;
  readonly client: PortsClient;
  readonly backend: MemoryBackend;
  readonly runtime: Runtime;
  get(path: string, headers?: Record<string, string>): Promise<Answer>;
  send(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  /** Until nothing moves any more. */
  settled(): Promise<void>;
  close(): Promise<void>;
}

export async function served(deployments: readonly unknown[] = [], listen: Parameters<typeof createRuntime>[1] = {}): Promise<Served> {
  const backend = createMemoryBackend({ seed: 1, now: Date.UTC(2026, 0, 1) });
  const runtime = createRuntime(backend, listen);
  runtime.worker.start();
  const client = clientOf(backend, runtime);
  const known = deployments as readonly DeploymentDefinition[];
  for (const deployment of known) await client.configure(deployment);
  await runtime.worker.settled();
  const app = createApp({ client, code: shared.code, deployments: () => known, version: "1.2.3" });
  const ask = async (path: string, init: RequestInit): Promise<Answer> => {
    const response = await app.request(`http://localhost:4600${path}`, init);
    const text = await response.text();
    const json = response.headers.get("content-type")?.includes("json");
    return { status: response.status, body: json ? JSON.parse(text) : text, headers: response.headers };
  };
  return {
    app,
    client,
    backend,
    runtime,
    get: (path, headers = {}) => ask(path, { headers }),
    send: (method, path, body, headers = {}) =>
      ask(path, {
        method,
        headers: { ...(body !== undefined && { "content-type": "application/json" }), ...headers },
        ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
      }),
    settled: () => runtime.worker.settled(),
    async close() {
      await runtime.worker.stop();
      await backend.close();
    },
  };
}
