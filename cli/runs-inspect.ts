/** `windhover runs inspect` */
import type { RunCost } from "../engine/cost.ts";
import type { Entry, RunRow, StateRow } from "../engine/events.ts";
import { runActor } from "../engine/messages.ts";
import { readPayload } from "../engine/payload.ts";
import { type CallView, projectRun, type RunView } from "../engine/projection.ts";
import { shortSpan } from "../engine/span.ts";
import { spaced } from "../engine/state.ts";
import { errorLines, withOthers } from "./failure.ts";
import { findRun } from "./find-run.ts";
import { standstill } from "./outcome.ts";
import { readable } from "./run-json.ts";
import { rowJson } from "./runs-ls.ts";
import type { SettingFlags } from "./settings.ts";
import { printTable } from "./table.ts";
import { dateTime, glyph, isBad, out, plural, print, relative, stateText, waitText } from "./terminal.ts";
import { printJson, readError, valueText } from "./values.ts";
import { look, type Place } from "./workspace.ts";

export async function inspectRun(run: string, flags: SettingFlags & { readonly json?: boolean; readonly debug?: boolean }): Promise<void> {
  await look(flags, async (place) => {
    const { ports } = place;
    const row = await findRun(ports, run);
    const entries = await ports.log.read(runActor(row.id));
    if (entries.length === 0) return flags.json ? printJson({ ...rowJson(row), calls: [] }) : printRow(row, place);
    const view = projectRun(entries);
    const cost = await costOf(place, entries);
    if (flags.json) return printJson({ ...((await readable(view, ports.results)) as object), ...(cost && { cost }), history: entries });
    await printView(place, view, cost, flags.debug === true);
  });
}

/** A directory costs nothing. */
async function costOf({ stack }: Place, entries: readonly Entry[]): Promise<RunCost | undefined> {
  if (!stack) return undefined;
  const { runCost } = await import("../adapters/aws/run-cost.ts");
  return runCost(entries, stack);
}

/** A run that has not begun: all that is known is its row. */
function printRow(row: RunRow, place: Place): void {
  const now = place.ports.clock.now();
  print(`${stateText(row.state)} ${out(row.name, "bold")} ${out(row.id, "dim")}`);
  const { flow, deployment, tags } = row;
  print(
    `  ${flow}${deployment === undefined ? "" : ` by ${deployment}`}, created ${relative(row.createdAt, now)}${tags.length > 0 ? `, tagged ${tags.join(", ")}` : ""}`,
  );
  if (row.state.reason) print(`  ${row.state.reason.message}`);
  printStandstill(row.state, place);
}

function printStandstill(state: StateRow, place: Place): void {
  const still = standstill(place)(state);
  if (still !== undefined) print(`  ${out(still, "yellow")}`);
}

async function printView(place: Place, view: RunView, cost: RunCost | undefined, debug: boolean): Promise<void> {
  const { results, clock, index } = place.ports;
  const now = clock.now();
  print(`${stateText(view.state)}  ${out(view.name, "bold")}  ${out(view.id, "dim")}`);
  if (view.state.reason) print(`  ${waitText(view.state.reason, now)}`);
  printStandstill(view.state, place);
  print();
  for (const [label, text] of [...(await facts(view, results, now)), ...costs(cost)]) print(`  ${out(label.padEnd(12), "dim")}${text}`);
  const calls = view.calls.filter((call) => call.role !== "hook" || isBad(call.state.type));
  if (calls.length > 0) {
    print();
    printCalls(calls, view, now);
  }
  const artifacts = await index.artifacts(view.id);
  if (artifacts.length > 0)
    print(
      `\n  ${out("artifacts".padEnd(12), "dim")}${artifacts.map((artifact) => artifact.key).join(", ")}   ${out(`windhover artifacts ls ${view.name}${place.settings.suffix}`, "dim")}`,
    );
  if (view.state.type === "COMPLETED" && view.result !== undefined) print(`\n${valueText(await readPayload(view.result, results))}`);
  const error = view.error === undefined ? undefined : await readError(view.error, results);
  if (error !== undefined) {
    print();
    for (const line of errorLines(error, debug)) print(line);
  }
  await printHints(view, place, withOthers(error));
}

async function facts(view: RunView, results: Parameters<typeof readPayload>[1], now: number): Promise<readonly (readonly [string, string])[]> {
  const { startedAt, endedAt, createdAt } = view;
  const ran =
    startedAt === undefined
      ? "not yet"
      : `${shortSpan((endedAt ?? now) - startedAt)}${view.waitedMs > 1000 ? `, ${shortSpan(view.waitedMs)} of it waiting` : ""}`;
  const parameters = await readPayload(view.parameters, results);
  const lines: (readonly [string, string | undefined])[] = [
    ["flow", `${view.flow}${view.version ? ` ${out(`version ${view.version}`, "dim")}` : ""}`],
    ["deployment", view.deployment],
    ["started", `${dateTime(startedAt ?? createdAt)}  ${out(relative(startedAt ?? createdAt, now), "dim")}`],
    ["scheduled", view.scheduledTime === undefined ? undefined : dateTime(view.scheduledTime)],
    ["took", ran],
    ["parameters", parameters && typeof parameters === "object" && Object.keys(parameters).length > 0 ? valueText(parameters, 300) : undefined],
    ["tags", view.tags.length > 0 ? view.tags.join(", ") : undefined],
    ["parent", view.parent && `${view.parent.run}${view.parent.call ? ` (${view.parent.call})` : ""}`],
    ["after", view.origin],
    ["goes on as", view.continuedAs],
    ["attempts", view.attempts.length > 1 ? `${view.attempts.length} of the flow's function` : undefined],
  ];
  return lines.filter((line): line is readonly [string, string] => line[1] !== undefined);
}

/** In dollars, with the services that it goes to. */
function costs(cost: RunCost | undefined): readonly (readonly [string, string])[] {
  if (!cost) return [];
  const services = Object.entries(cost.services).map(([service, { requests, usd }]) => `${service} ${dollars(usd)} for ${plural(requests, "request")}`);
  const containers = cost.containerSeconds === undefined ? [] : [`and ${shortSpan(cost.containerSeconds * 1000)} in containers`];
  return [["cost", `${dollars(cost.usd)}  ${out([...services, ...containers].join(", "), "dim")}`]];
}
const dollars = (usd: number): string => `$${usd === 0 ? "0" : usd.toFixed(Math.max(2, 1 - Math.floor(Math.log10(usd))))}`;

function printCalls(calls: readonly CallView[], view: RunView, now: number): void {
  const rows = calls
    .slice(0, CALLS)
    .map((call) => [`${glyph(call.state.type)} ${call.id}`, spaced(call.state.name), took(call, view.state, now), note(call, now)]);
  printTable([{ title: "  CALL", shrinks: true }, { title: "STATE" }, { title: "TOOK", right: true }, { title: "", shrinks: true, below: true }], rows);
  if (calls.length > CALLS) print(out(`  … and ${plural(calls.length - CALLS, "more call")}: --json has them all`, "dim"));
}
/** More than that nobody reads in a terminal. */
const CALLS = 500;

function took(call: CallView, run: StateRow, now: number): string {
  // It was looked up: nothing ran.
  if (call.state.name === "Cached") return "";
  if (call.startedAt === undefined && call.kind !== "sleep" && call.kind !== "input" && call.kind !== "flow" && call.kind !== "pause") return "";
  const end = call.endedAt ?? (run.type === "RUNNING" || run.type === "PAUSED" ? now : undefined);
  if (end === undefined) return "";
  return shortSpan(call.ranMs > 0 && call.kind === "task" ? call.ranMs : end - (call.startedAt ?? call.calledAt));
}

/** What one would ask next. */
function note(call: CallView, now: number): string {
  const parts: string[] = [];
  if (call.map) {
    const { total, done, failed, retried } = call.map;
    parts.push(
      `${(done + failed).toLocaleString("en-US")} of ${total === undefined ? "?" : plural(total, "item")}${failed > 0 ? `, ${failed} failed` : ""}${retried > 0 ? `, ${retried} retried` : ""}`,
    );
  }
  if (call.attempts.length > 1) parts.push(`${call.attempts.length} attempts`);
  if (call.child !== undefined) parts.push(`run ${call.child.slice(0, 8)}`);
  const { reason } = call.state;
  if (reason) parts.push(waitText(reason, now));
  else if (call.endedAt === undefined && call.until !== undefined) parts.push(relative(call.until, now));
  return out(parts.join(", "), "dim");
}

async function printHints({ name, state, calls }: RunView, { client, settings }: Place, others: string | undefined): Promise<void> {
  const { suffix } = settings;
  const waiting = calls.find((call) => call.kind === "input" && call.endedAt === undefined);
  const hints: string[] = [];
  if (waiting?.input !== undefined) hints.push(`windhover runs input ${name} ${waiting.input} '<JSON>'${suffix}`);
  const paused = state.name === "Paused" || calls.some((call) => call.kind === "pause" && call.endedAt === undefined);
  if (state.type === "PAUSED" && paused) hints.push(`windhover runs resume ${name}${suffix}`);
  if (others !== undefined) hints.push(`windhover runs rerun ${name} ${others}${suffix}`);
  else if (state.type === "FAILED" || state.type === "CRASHED") hints.push(`windhover runs logs ${name}${suffix}`, `windhover runs retry ${name}${suffix}`);
  const held = calls.some((call) => call.state.reason?.code === "limit");
  if (held) {
    const names = new Set(calls.flatMap((call) => (call.state.reason?.code === "limit" ? (call.state.reason.blockedBy ?? []) : [])));
    for (const limit of await client.limits())
      if (names.has(limit.name) && limit.holders.length > 0)
        print(out(`\n  ${limit.name}: ${limit.holders.length} of ${limit.limit} held, ${limit.waiters.length} waiting`, "dim"));
    hints.push(`windhover limits ls${suffix}`);
  }
  if (hints.length > 0) print(`\n${hints.map((hint) => out(`  ${hint}`, "dim")).join("\n")}`);
}
