/** Two plain pages for people: the runs, and one run. They show what the API says, and no more. */
import type { Hono } from "hono";
import { html } from "hono/html";
import type { LogLine } from "../engine/ports.ts";
import { readPayload } from "./json.ts";
import type { ServerOptions } from "./options.ts";
import { runDetail, runView } from "./run-view.ts";

type Html = ReturnType<typeof html>;
type Run = ReturnType<typeof runView>;
type Calls = Awaited<ReturnType<typeof runDetail>>["calls"];
const PAGE = 100;

export function addPages(app: Hono, options: ServerOptions): void {
  const { client, version = "" } = options;
  const { index, logs, results } = client.ports;

  app.get("/", async (context) => {
    const flow = context.req.query("flow");
    const { rows, cursor } = await index.runs({ limit: PAGE, flow, cursor: context.req.query("cursor") });
    const runs = rows.map(runView);
    const deployments = await client.deployments();
    const body = html`
      <h1>${flow === undefined ? "Runs" : `Runs of ${flow}`}</h1>
      ${runs.length === 0 ? html`<p class="dim">None yet. <code>windhover run FILE</code> starts one.</p>` : runTable(runs)}
      ${cursor === undefined ? "" : html`<p><a href="/?${new URLSearchParams({ ...(flow !== undefined && { flow }), cursor }).toString()}">Older runs</a></p>`}
      ${
        deployments.length === 0
          ? ""
          : html`<h2>Deployments</h2>
      <table>
        <thead><tr><th>Deployment</th><th>Flow</th><th>Schedules</th><th>Next</th></tr></thead>
        <tbody>${deployments.map(({ name, flow: of, paused, schedules }) => {
          const next = Math.min(...schedules.flatMap((schedule) => schedule.next ?? []));
          return html`<tr><td>${name}</td><td>${of}</td><td>${schedules.map(({ text }) => text).join(" · ") || "–"}</td><td>${paused ? "paused" : Number.isFinite(next) ? time(new Date(next).toISOString()) : "–"}</td></tr>`;
        })}</tbody>
      </table>`
      }`;
    return context.html(page("Runs", body, version, runs.some(isOpen)), 200, HEADERS);
  });

  app.get("/runs/:id", async (context) => {
    const id = context.req.param("id");
    const { parameters, result, error, calls, cost, ...run } = await runDetail(options, id);
    const lines = await logs.read(id, { limit: 1000 });
    const artifacts = await Promise.all(
      (await index.artifacts(id)).map(async ({ key, kind, data }) => ({ key, kind, data: await readPayload(data, results) })),
    );
    const children = (await index.runs({ parent: id, limit: PAGE })).rows.map(runView);
    const body = html`
      <p><a href="/">← Runs</a></p>
      <h1>${run.name} <span class="dim">${run.flow}</span></h1>
      <p>${badge(run)} ${run.state.message ?? run.state.reason?.message ?? ""}</p>
      <p class="dim">${id} · created ${time(run.createdAt)} · took ${took(run)}${run.deployment === undefined ? "" : html` · deployment ${run.deployment}`}${run.parent === undefined ? "" : html` · <a href="/runs/${run.parent}">parent</a>`}${cost === undefined ? "" : ` · cost $${cost.usd.toPrecision(2)}`}</p>
      ${error === undefined ? "" : html`<h2>Error</h2><pre>${(error as { readonly message?: string }).message ?? json(error)}</pre>`}
      ${artifacts.map(({ key, kind, data }) => html`<h2>${key}</h2>${artifact(kind, data)}`)}
      ${children.length === 0 ? "" : html`<h2>Subflows</h2>${runTable(children)}`}
      ${calls.length === 0 ? "" : html`<h2>Calls</h2>${callTable(calls)}`}
      <h2>Log</h2>${lines.length === 0 ? html`<p class="dim">Nothing was logged.</p>` : html`<pre>${lines.map(line)}</pre>`}
      <details><summary>Parameters</summary><pre>${json(parameters)}</pre></details>
      ${result === undefined ? "" : html`<details><summary>Result</summary><pre>${json(result)}</pre></details>`}
      <p class="dim">As JSON: <a href="/api/runs/${id}">run</a> · <a href="/api/runs/${id}/history">history</a> · <a href="/api/runs/${id}/logs">logs</a> · <a href="/api/runs/${id}/artifacts">artifacts</a></p>`;
    return context.html(page(run.name, body, version, isOpen(run)), 200, HEADERS);
  });
}

function runTable(runs: readonly Run[]): Html {
  return html`<table>
    <thead><tr><th>State</th><th>Run</th><th>Flow</th><th>Created</th><th class="number">Took</th></tr></thead>
    <tbody>${runs.map((run) => html`<tr><td>${badge(run)}</td><td><a href="/runs/${run.id}">${run.name}</a></td><td><a class="plain" href="/?${new URLSearchParams({ flow: run.flow }).toString()}">${run.flow}</a>${run.deployment === undefined ? "" : html` <span class="dim">${run.deployment}</span>`}</td><td>${time(run.createdAt)}</td><td class="number">${took(run)}</td></tr>`)}</tbody>
  </table>`;
}

function callTable(calls: Calls): Html {
  const shown = calls.filter(({ role }) => role !== "hook").slice(0, PAGE);
  const more = calls.length - shown.length;
  return html`<table>
    <thead><tr><th>State</th><th>Call</th><th>Attempts</th><th>Waits for</th><th class="number">Ran</th></tr></thead>
    <tbody>${shown.map((call) => html`<tr><td>${badge(call)}</td><td>${call.child === undefined ? call.id : html`<a href="/runs/${call.child}">${call.id}</a>`}${call.map ? html` <span class="dim">${call.map.done} of ${call.map.total ?? "?"} items</span>` : ""}</td><td>${call.attempts || "–"}</td><td>${call.state.reason?.message ?? ""}</td><td class="number">${call.ranMs > 0 ? `${call.ranMs} ms` : "–"}</td></tr>`)}</tbody>
  </table>${more > 0 ? html`<p class="dim">and ${more} more: see the run as JSON.</p>` : ""}`;
}

const isOpen = ({ state }: Run): boolean => !["COMPLETED", "FAILED", "CANCELLED", "CRASHED"].includes(state.type);
const badge = ({ state }: Pick<Run, "state">): Html => html`<span class="state ${state.type.toLowerCase()}">${state.name}</span>`;
const time = (iso: string): Html => html`<time datetime="${iso}">${iso.slice(0, 19).replace("T", " ")} UTC</time>`;
const json = (value: unknown): string => JSON.stringify(value, null, 2) ?? "none";

function took({ startedAt, endedAt }: Run): string {
  if (startedAt === undefined || endedAt === undefined) return "–";
  const ms = Date.parse(endedAt) - Date.parse(startedAt);
  return ms < 1000 ? `${ms} ms` : ms < 60_000 ? `${(ms / 1000).toFixed(1)} s` : `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`;
}

function line({ at, level, message, call }: LogLine): Html {
  return html`<span class="dim">${new Date(at).toISOString().slice(11, 23)}</span> <span class="${level}">${level.toUpperCase().padEnd(5)}</span> ${call === undefined ? "" : html`<span class="dim">${call}</span> `}${message}
`;
}

function artifact(kind: string, data: unknown): Html {
  if (kind === "markdown") return html`<pre>${String(data)}</pre>`;
  if (kind === "progress") return html`<progress value="${Number(data)}"></progress> ${Math.round(Number(data) * 100)} %`;
  if (kind === "table") {
    const rows = data as readonly Readonly<Record<string, unknown>>[];
    const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
    return html`<table><thead><tr>${columns.map((column) => html`<th>${column}</th>`)}</tr></thead><tbody>${rows.map((row) => html`<tr>${columns.map((column) => html`<td class="${typeof row[column] === "number" ? "number" : ""}">${cell(row[column])}</td>`)}</tr>`)}</tbody></table>`;
  }
  const { url, text } = data as { readonly url: string; readonly text?: string };
  // A flow's data decides the address: only what a browser opens without running it becomes a link.
  return /^https?:\/\//i.test(url)
    ? html`<p><a href="${url}" rel="noreferrer noopener">${text ?? url}</a></p>`
    : html`<p>${text ?? ""} <code>${url}</code></p>`;
}
const cell = (value: unknown): string => (typeof value === "object" && value !== null ? JSON.stringify(value) : String(value ?? ""));

/** No script runs on these pages, whatever a flow has logged. */
const HEADERS = {
  "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "Cache-Control": "no-store",
};

function page(title: string, body: Html, version: string, refresh: boolean): Html {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
${refresh ? html`<meta http-equiv="refresh" content="2">` : ""}
<title>${title} · Windhover</title>
<style>
  :root { color-scheme: light dark; --line: light-dark(#d8dce2, #363b44); --dim: light-dark(#5a6472, #9aa4b2); }
  body { font: 15px/1.5 system-ui, sans-serif; max-width: 68rem; margin: 2rem auto; padding: 0 1.25rem; }
  h1 { font-size: 1.4rem; } h2 { font-size: 1.05rem; margin-top: 2rem; }
  table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
  th, td { text-align: left; padding: .4rem .8rem .4rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
  th { font-weight: 600; color: var(--dim); font-size: .85rem; } .number { text-align: right; }
  pre { overflow-x: auto; border: 1px solid var(--line); border-radius: 6px; padding: .8rem; font-size: .85rem; }
  .dim { color: var(--dim); } a { color: light-dark(#0b57d0, #8ab4f8); } a.plain { color: inherit; text-decoration: none; } footer { margin-top: 3rem; }
  .state { display: inline-block; padding: 0 .5rem; border-radius: 99px; border: 1px solid currentColor; font-size: .85rem; color: var(--dim); }
  .completed { color: light-dark(#14692f, #6fcf8c); } .failed, .crashed, .error { color: light-dark(#b3261e, #f2a09a); } .running { color: light-dark(#0b57d0, #8ab4f8); }
  .warn, .paused, .cancelling { color: light-dark(#8a5a00, #e5b567); }
</style>
</head>
<body>
<main>${body}</main>
<footer class="dim"><p>Windhover ${version} · <a href="/api/runs">/api/runs</a> · <a href="/api/openapi.json">OpenAPI</a></p></footer>
</body>
</html>`;
}
