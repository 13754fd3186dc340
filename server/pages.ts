/** Two plain pages for people: the runs, and one run. They show what the API says, and no more. */
import type { Context, Hono } from "hono";
import { html } from "hono/html";
import { readPayload } from "../engine/payload.ts";
import { runRows } from "../sdk/run-rows.ts";
import type { ServerOptions } from "./options.ts";
import { frame, HEADERS } from "./page-frame.ts";
import {
  artifact,
  callTable,
  deploymentTable,
  errorOf,
  facts,
  isMoving,
  isOpen,
  json,
  logLine,
  nextThing,
  type Run,
  runTable,
  stateOf,
  why,
} from "./page-parts.ts";
import { problemOf } from "./problems.ts";
import { runDetail, runView } from "./run-view.ts";

const PAGE = 100;
const LINES = 1000;
/** How soon a page looks again: where something moves, and where all waits. Unit: seconds. */
const REFRESH = { moving: 2, waiting: 30 };

export function addPages(app: Hono, options: ServerOptions): void {
  const { client, version = "" } = options;
  const { index, logs, results } = client.ports;

  app.get("/", async (context) => {
    const flow = context.req.query("flow");
    const cursor = context.req.query("cursor");
    const page = await runRows(client.ports, { limit: PAGE, flow, cursor });
    const runs = page.rows.map(runView);
    const address = (more: Readonly<Record<string, string>>): string => `?${new URLSearchParams({ ...(flow !== undefined && { flow }), ...more }).toString()}`;
    const body = html`
      <h1>${flow === undefined ? "Runs" : html`Runs <small>of ${flow} · <a href="/">all flows</a></small>`}</h1>
      ${runs.length === 0 ? html`<p class="lead">${cursor === undefined ? html`None yet. <code>windhover run FILE</code> starts one.` : "No older ones."}</p>` : html`<p class="lead">${summary(runs)}</p>${runTable(runs)}`}
      <p>${cursor === undefined ? "" : html`<a href="${address({}) === "?" ? "/" : `/${address({})}`}">Newest runs</a> `}${page.cursor === undefined ? "" : html`<a href="/${address({ cursor: page.cursor })}">Older runs</a>`}</p>
      ${flow === undefined && cursor === undefined ? deploymentTable(await client.deployments()) : ""}`;
    return context.html(
      frame({
        title: "Runs",
        body,
        version,
        json: [
          ["runs", `/api/runs${flow === undefined ? "" : address({})}`],
          ["deployments", "/api/deployments"],
        ],
        ...refresh(runs),
      }),
      200,
      HEADERS,
    );
  });

  app.get("/runs/:id", async (context) => {
    const id = context.req.param("id");
    const detail = await runDetail(options, id).catch((error: unknown) => error);
    if (detail instanceof Error) return problemPage(context, detail, version);
    const { parameters, result, error, calls, cost, ...run } = detail as Awaited<ReturnType<typeof runDetail>>;
    const lines = await logs.read(id, { limit: LINES });
    const artifacts = await Promise.all(
      (await index.artifacts(id)).map(async ({ key, kind, data }) => ({ key, kind, data: await readPayload(data, results) })),
    );
    const children = (await runRows(client.ports, { parent: id, limit: PAGE })).rows.map(runView);
    const said = why(run);
    const links = ["history", "logs", "artifacts"].map((part) => [part, `/api/runs/${id}/${part}`] as const);
    const body = html`
      <h1>${stateOf(run)} ${run.name} <small>of <a href="/?${new URLSearchParams({ flow: run.flow }).toString()}">${run.flow}</a></small></h1>
      ${said === "" || error !== undefined ? "" : html`<p class="lead">${said}</p>`}
      ${error === undefined ? "" : errorOf(error)}
      ${nextThing(run, calls, error)}
      ${facts(run, cost?.usd)}
      ${calls.length === 0 ? "" : html`<h2>Calls</h2>${callTable(calls)}`}
      ${children.length === 0 ? "" : html`<h2>Subflows</h2>${runTable(children)}`}
      ${artifacts.length === 0 ? "" : html`<h2>Artifacts</h2>${artifacts.map(({ key, kind, data }) => html`<h3>${key}</h3>${artifact(kind, data)}`)}`}
      <h2>Log</h2>${lines.length === 0 ? html`<p class="dim">The code has logged nothing.</p>` : html`<pre>${lines.map(logLine)}</pre>${lines.length < LINES ? "" : html`<p class="dim">The first ${LINES} lines: the others are in the JSON.</p>`}`}
      <h2>Parameters and result</h2>
      <details><summary>Parameters</summary><pre>${json(parameters)}</pre></details>
      ${result === undefined ? "" : html`<details open><summary>Result</summary><pre>${json(result)}</pre></details>`}`;
    return context.html(
      frame({ title: `${run.name} · ${run.flow}`, body, version, json: [["run", `/api/runs/${id}`], ...links], ...refresh([run]) }),
      200,
      HEADERS,
    );
  });
}

/** For a person who typed an address; a program gets the problem as JSON. */
function problemPage(context: Context, error: Error, version: string): Response | Promise<Response> {
  const { status, problem } = problemOf(error);
  if (status >= 500) throw error;
  const body = html`<h1>${problem.message}</h1><p class="lead">${problem.code}${problem.expected === undefined ? "" : ` · expected ${problem.expected}`}. ${problem.action.replaceAll("`", "")}</p><p><a href="/">All runs</a></p>`;
  return context.html(frame({ title: problem.message, body, version, json: [["runs", "/api/runs"]] }), status as 404, HEADERS);
}

const refresh = (runs: readonly Run[]): { readonly refresh?: number } =>
  runs.some(isMoving) ? { refresh: REFRESH.moving } : runs.some(isOpen) ? { refresh: REFRESH.waiting } : {};

/** `Newest first: 12 runs, of which 2 failed and 1 waits.` */
function summary(runs: readonly Run[]): string {
  const count = (...types: readonly string[]): number => runs.filter(({ state }) => types.includes(state.type)).length;
  const parts = [
    [count("RUNNING", "CANCELLING"), "running"],
    [count("PAUSED", "PENDING", "SCHEDULED"), "waiting"],
    [count("FAILED", "CRASHED"), "not well"],
  ] as const;
  const told = parts.filter(([n]) => n > 0).map(([n, what]) => `${n} ${what}`);
  return `${runs.length === 1 ? "One run" : `${runs.length} runs`}, newest first${told.length === 0 ? "" : `: ${told.join(", ")}`}.`;
}
