/** What a run has written: its log, its lines, its artifacts. */
import * as z from "zod";
import type { Entry } from "../engine/events.ts";
import { runActor } from "../engine/messages.ts";
import { readPayload } from "../engine/payload.ts";
import type { PortsClient } from "../sdk/ports-client.ts";
import { unknownRun } from "../sdk/summary.ts";
import { iso, jsonOf } from "./json.ts";
import type { Routes } from "./routes.ts";
import { exists, RunId, Time } from "./run-view.ts";

const Page = z.object({ after: z.coerce.number().int().min(0).default(0), limit: z.coerce.number().int().min(1).max(1000).default(200) });
const HistoryAnswer = z.object({
  entries: z.array(z.object({ n: z.number(), at: Time, version: z.number(), events: z.array(z.unknown()) })),
  next: z.number().optional(),
});
const Line = z.object({
  id: z.string(),
  at: Time,
  level: z.enum(["debug", "info", "warn", "error"]),
  message: z.string(),
  call: z.string().optional(),
  fields: z.unknown().optional(),
});
const LogQuery = z.object({
  after: z.string().optional().describe("A line's id"),
  limit: z.coerce.number().int().min(1).max(5000).default(1000),
  call: z.string().optional(),
});
const Artifact = z.object({
  key: z.string(),
  kind: z.enum(["markdown", "table", "link", "image", "progress"]),
  data: z.unknown(),
  call: z.string().optional(),
  at: Time,
});

export function addRunParts(routes: Routes, client: PortsClient): void {
  addHistory(routes, client);
  addLogs(routes, client);
  addArtifacts(routes, client);
}

function addHistory(routes: Routes, client: PortsClient): void {
  routes.add(
    {
      method: "get",
      path: "/api/runs/{id}/history",
      summary: "A run's log, entry by entry",
      params: RunId,
      query: Page,
      answer: HistoryAnswer,
      failures: [404],
    },
    async ({ params, query }) => {
      const tail = await client.ports.log.tail(runActor(params.id));
      if (!tail) throw unknownRun(params.id);
      const last = Math.min(tail.n, query.after + query.limit);
      const entries = query.after >= tail.n ? [] : await client.ports.log.read(runActor(params.id), query.after + 1, last);
      return { entries: entries.map(({ n, at, version, events }: Entry) => ({ n, at: iso(at), version, events })), ...(last < tail.n && { next: last }) };
    },
  );
}

function addLogs(routes: Routes, client: PortsClient): void {
  routes.add(
    {
      method: "get",
      path: "/api/runs/{id}/logs",
      summary: "What a run and its tasks logged",
      params: RunId,
      query: LogQuery,
      answer: z.object({ lines: z.array(Line) }),
      failures: [404],
    },
    async ({ params, query }) => {
      await exists(client, params.id);
      const lines = await client.ports.logs.read(params.id, query);
      return {
        lines: await Promise.all(
          lines.map(async ({ id, at, level, message, call, fields }) => ({
            id,
            at: iso(at),
            level,
            message,
            ...(call !== undefined && { call }),
            ...(fields !== undefined && { fields: jsonOf(await readPayload(fields, client.ports.results)) }),
          })),
        ),
      };
    },
  );
}

function addArtifacts(routes: Routes, client: PortsClient): void {
  routes.add(
    {
      method: "get",
      path: "/api/runs/{id}/artifacts",
      summary: "What a run leaves for people to look at",
      params: RunId,
      answer: z.object({ artifacts: z.array(Artifact) }),
      failures: [404],
    },
    async ({ params }) => {
      await exists(client, params.id);
      const rows = await client.ports.index.artifacts(params.id);
      return {
        artifacts: await Promise.all(
          rows.map(async ({ key, kind, data, call, at }) => ({
            key,
            kind,
            data: jsonOf(await readPayload(data, client.ports.results)),
            ...(call !== undefined && { call }),
            at: iso(at),
          })),
        ),
      };
    },
  );
}
