/** Parts of the pages: tables of runs and calls, states, artifacts, lines of a log. What a flow has said is text, never markup. */
import { html } from "hono/html";
import { decode } from "../engine/codec.ts";
import { ERRORS } from "../engine/errors.ts";
import type { DeploymentRow } from "../engine/events.ts";
import type { LogLine } from "../engine/ports.ts";
import { shortSpan } from "../engine/span.ts";
import { GLYPHS, isFinal, spaced } from "../engine/state.ts";
import type { Html } from "./page-frame.ts";
import type { runDetail, runView } from "./run-view.ts";

export type Run = ReturnType<typeof runView>;
export type Calls = Awaited<ReturnType<typeof runDetail>>["calls"];
type Stateful = Pick<Run, "state">;

/** Of a run's calls so many are shown. */
const CALLS = 200;
const ROWS = 200;

export const isOpen = ({ state }: Stateful): boolean => !isFinal(state.type);
/** Something happens without anybody's doing, soon. */
export const isMoving = ({ state }: Stateful): boolean => ["RUNNING", "CANCELLING", "PENDING"].includes(state.type);

export const stateOf = ({ state }: Stateful): Html => html`<span class="state ${state.type.toLowerCase()}">${GLYPHS[state.type]} ${spaced(state.name)}</span>`;
export const time = (iso: string): Html => html`<time datetime="${iso}">${iso.slice(0, 19).replace("T", " ")} UTC</time>`;
export const json = (value: unknown): string => JSON.stringify(value, null, 2) ?? "none";

export function took({ startedAt, endedAt }: Run): string {
  return startedAt === undefined || endedAt === undefined ? "" : shortSpan(Date.parse(endedAt) - Date.parse(startedAt));
}

/** What it waits for and until when, or what went wrong. */
export function why({ state: { type, reason, message } }: Stateful): string {
  if (type === "COMPLETED") return "";
  const until = reason?.until === undefined ? "" : ` Until ${reason.until.slice(0, 19).replace("T", " ")} UTC.`;
  return reason ? `${reason.message}${until}` : (message ?? "");
}
const short = (text: string): string => (text.length > 160 ? `${text.slice(0, 159)}…` : text);

export function runTable(runs: readonly Run[]): Html {
  return html`<table class="list">
    <thead><tr><th>State</th><th>Run</th><th>Flow</th><th>Created</th><th>Why</th><th class="number">Took</th></tr></thead>
    <tbody>${runs.map((run) => html`<tr><td>${stateOf(run)}</td><td><a href="/runs/${run.id}">${run.name}</a></td><td><a href="/?${new URLSearchParams({ flow: run.flow }).toString()}">${run.flow}</a>${run.deployment === undefined ? "" : html` <span class="dim">${run.deployment}</span>`}</td><td>${time(run.createdAt)}</td><td class="why">${short(why(run))}</td><td class="number">${took(run)}</td></tr>`)}</tbody>
  </table>`;
}

export function deploymentTable(rows: readonly DeploymentRow[]): Html | "" {
  if (rows.length === 0) return "";
  return html`<h2>Deployments</h2><div class="wide"><table class="list">
      <thead><tr><th>Deployment</th><th>Flow</th><th>Schedules</th><th>Next</th></tr></thead>
      <tbody>${rows.map(({ name, flow, paused, schedules }) => {
        const next = Math.min(...schedules.flatMap((schedule) => schedule.next ?? []));
        return html`<tr><td class="name">${name}</td><td class="dim name">${flow}</td><td>${schedules.map(({ text }) => text).join(" · ")}</td><td>${paused ? html`<span class="paused">‖ paused</span>` : Number.isFinite(next) ? time(new Date(next).toISOString()) : ""}</td></tr>`;
      })}</tbody></table></div>`;
}

/** Who it is, where it came from, how long it took. */
export function facts(run: Run, usd: number | undefined): Html {
  return html`<dl>
        <dt>Run</dt><dd>${run.id}</dd>
        ${run.deployment === undefined ? "" : html`<dt>Deployment</dt><dd>${run.deployment}</dd>`}
        ${run.parent === undefined ? "" : html`<dt>Subflow of</dt><dd><a href="/runs/${run.parent}">${run.parent}</a></dd>`}
        ${run.origin === undefined ? "" : html`<dt>Repeats</dt><dd><a href="/runs/${run.origin}">${run.origin}</a></dd>`}
        ${run.continuedAs === undefined ? "" : html`<dt>Goes on as</dt><dd><a href="/runs/${run.continuedAs}">${run.continuedAs}</a></dd>`}
        <dt>Created</dt><dd>${time(run.createdAt)}</dd>
        ${took(run) === "" ? "" : html`<dt>Took</dt><dd>${took(run)}</dd>`}
        ${run.tags.length === 0 ? "" : html`<dt>Tags</dt><dd>${run.tags.join(", ")}</dd>`}
        ${usd === undefined ? "" : html`<dt>Cost</dt><dd>$${usd.toPrecision(2)}</dd>`}
      </dl>`;
}

export function callTable(calls: Calls): Html {
  const all = calls.filter(({ role }) => role !== "hook");
  const shown = all.slice(0, CALLS);
  return html`<table class="list">
    <thead><tr><th>State</th><th>Call</th><th>Why</th><th class="number">Attempts</th><th class="number">Code ran</th></tr></thead>
    <tbody>${shown.map((call) => html`<tr><td>${stateOf(call)}</td><td>${call.child === undefined ? call.id : html`<a href="/runs/${call.child}">${call.id}</a>`}${call.map ? html` <span class="dim">${call.map.done} of ${call.map.total ?? "?"} items${call.map.failed > 0 ? `, ${call.map.failed} failed` : ""}</span>` : ""}</td><td class="why">${short(why(call))}</td><td class="number">${call.attempts > 1 ? html`${call.attempts}<span class="unit"> attempts</span>` : ""}</td><td class="number">${call.ranMs > 0 ? shortSpan(call.ranMs) : ""}</td></tr>`)}</tbody>
  </table>${all.length > shown.length ? html`<p class="dim">The first ${CALLS} of ${all.length} calls: the others are in the JSON.</p>` : ""}`;
}

export function errorOf(error: unknown): Html {
  const { name, message, code } = error as Readonly<Record<string, string | undefined>>;
  if (message === undefined) return html`<pre>${json(error)}</pre>`;
  const row = code !== undefined && code in ERRORS ? ERRORS[code as keyof typeof ERRORS] : undefined;
  return html`<pre class="error">${name === undefined || name === "WindhoverError" || name === "Error" ? "" : `${name}: `}${message}</pre>
  ${row ? html`<p class="lead">${row.action} <code>windhover explain ${code}</code> says more.</p>` : ""}`;
}

/** What one types to move the run on, where there is something. */
export function nextThing({ name, state }: Run, calls: Calls, error: unknown): Html | "" {
  const { code } = (typeof error === "object" && error !== null ? error : {}) as { readonly code?: unknown };
  const waits = state.type === "PAUSED" ? calls.find((call) => call.kind === "input" && isOpen(call)) : undefined;
  const command =
    state.type === "FAILED" || state.type === "CRASHED"
      ? // The same parameters would be refused again.
        code === "WH1101"
        ? `windhover runs rerun ${name} -p NAME=VALUE`
        : `windhover runs retry ${name}`
      : waits
        ? `windhover runs input ${name} ${waits.name.replace(/^input /, "")} '<JSON>'`
        : state.name === "Paused" || calls.some((call) => call.kind === "pause" && isOpen(call))
          ? `windhover runs resume ${name}`
          : undefined;
  return command === undefined ? "" : html`<p class="dim">To go on: <code>${command}</code></p>`;
}

export function logLine({ at, level, message, call, fields }: LogLine): Html {
  const mark = level === "warn" || level === "error" ? html`<span class="${level}">${level.toUpperCase()}</span> ` : "";
  const more = fields === undefined ? "" : html` <span class="dim">${fieldsText(fields)}</span>`;
  return html`<span class="dim">${new Date(at).toISOString().slice(11, 23)}${call === undefined ? "" : ` ${call}`}</span> ${mark}${message}${more}
`;
}
function fieldsText(fields: string): string {
  const value: unknown = decode(fields);
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? Object.entries(value)
        .map(
          ([key, item]) => `${key}=${typeof item === "string" ? item : item instanceof Error ? item.message : (JSON.stringify(item, bigints) ?? String(item))}`,
        )
        .join(" ")
    : (JSON.stringify(value, bigints) ?? String(value));
}
const bigints = (_: string, value: unknown): unknown => (typeof value === "bigint" ? String(value) : value);

export function artifact(kind: string, data: unknown): Html {
  if (kind === "markdown") return html`<pre>${String(data)}</pre>`;
  if (kind === "progress") return html`<p><progress value="${Number(data)}"></progress> ${Math.round(Number(data) * 100)} %</p>`;
  if (kind === "table") return dataTable(data as readonly Readonly<Record<string, unknown>>[]);
  const { url, text } = data as { readonly url: string; readonly text?: string };
  // A flow's data decides the address: only what a browser opens without running it becomes a link.
  return /^https?:\/\//i.test(url)
    ? html`<p><a href="${url}" rel="noreferrer noopener">${text ?? url}</a></p>`
    : html`<p>${text ?? ""} <code>${url}</code></p>`;
}

function dataTable(rows: readonly Readonly<Record<string, unknown>>[]): Html {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const side = (column: string): string => (rows.every((row) => row[column] === undefined || typeof row[column] === "number") ? "number" : "");
  return html`<div class="wide"><table class="data"><thead><tr>${columns.map((column) => html`<th class="${side(column)}">${column}</th>`)}</tr></thead><tbody>${rows.slice(0, ROWS).map((row) => html`<tr>${columns.map((column) => html`<td class="${side(column)}">${cell(row[column])}</td>`)}</tr>`)}</tbody></table></div>${rows.length > ROWS ? html`<p class="dim">The first ${ROWS} of ${rows.length} rows.</p>` : ""}`;
}
const cell = (value: unknown): string => (typeof value === "object" && value !== null ? JSON.stringify(value, bigints) : String(value ?? ""));
