/** `windhover deployments ls | inspect | run | pause | resume` */
import type { DeploymentState } from "../engine/deployment.ts";
import { WindhoverError } from "../engine/errors.ts";
import type { DeploymentRow } from "../engine/events.ts";
import { type DeploymentSettings, deploymentActor } from "../engine/messages.ts";
import { readPayload } from "../engine/payload.ts";
import { zoneOfRule } from "../engine/recurrence.ts";
import { describeSchedule, nextTime } from "../engine/schedule.ts";
import { localTime } from "../engine/zone.ts";
import type { DeploymentDefinition } from "../sdk/deployment.ts";
import { runRows } from "../sdk/run-rows.ts";
import { sourceOf } from "../server/deployments.ts";
import { unserved } from "../server/triggers.ts";
import type { Loaded } from "./loader.ts";
import { hasBegun, onItsWay } from "./outcome.ts";
import { readParameters } from "./parameters.ts";
import { type RunFlags, runHere } from "./run.ts";
import { followThere } from "./run-there.ts";
import { readSettings, type SettingFlags, type Settings } from "./settings.ts";
import { closest } from "./suggestion.ts";
import { printTable } from "./table.ts";
import { out, print, relative, tell, UNATTENDED } from "./terminal.ts";
import { jsonOf, printJson, valueText } from "./values.ts";
import { look, needEntries, type Place } from "./workspace.ts";

type Flags = SettingFlags & { readonly json?: boolean };

/** What the code says, where an entry is set; what cannot be loaded is no reason not to look at the rest. */
async function declared(settings: Settings): Promise<Loaded | undefined> {
  // What is deployed is what the stack says.
  if (settings.entries.length === 0 || settings.stack !== undefined) return undefined;
  const { loadEntries } = await import("./loader.ts");
  return loadEntries(settings.entries).catch((error: unknown) => {
    tell(out(`The entries cannot be loaded (windhover doctor): ${(error as Error).message}`, "yellow"));
    return undefined;
  });
}

export async function listDeployments(flags: Flags): Promise<void> {
  await look(flags, async ({ client, ports, settings, served: isServed }) => {
    const rows = [...(await client.deployments())];
    const now = ports.clock.now();
    for (const { name, settings: said } of (await declared(settings))?.deployments ?? [])
      if (!rows.some((row) => row.name === name)) rows.push(rowOf(name, said, now));
    rows.sort((a, b) => (a.name < b.name ? -1 : 1));
    if (flags.json) return printJson({ deployments: rows.map(deploymentJson) });
    if (rows.length === 0) return tell("No deployments. Write one: export const nightly = digest.deployment({ name, schedules })");
    const served = isServed?.() ?? true;
    printTable(
      [
        { title: "DEPLOYMENT" },
        { title: "FLOW", shrinks: true, drops: 1 },
        { title: "SCHEDULE", shrinks: true },
        { title: "NEXT", right: true },
        { title: "STATE" },
      ],
      rows.map((row) => [
        row.name,
        row.flow,
        row.schedules.map((schedule) => schedule.text).join("; ") || out("none", "dim"),
        nextOf(row, now),
        row.paused
          ? out("‖ paused", "yellow")
          : row.seq === 0
            ? out("not served yet", "dim")
            : served
              ? out("● active", "green")
              : out("○ not served", "yellow"),
      ]),
    );
    if (!served) print(out(`\n${UNATTENDED}`, "dim"));
  });
}

/** A deployment that is written down and that no process has taken up yet. */
const rowOf = (name: string, { flow, schedules, tags, paused, description, version }: DeploymentSettings, now: number): DeploymentRow => ({
  name,
  seq: 0,
  flow,
  paused,
  tags,
  updatedAt: now,
  ...(description !== undefined && { description }),
  ...(version !== undefined && { version }),
  schedules: schedules.map((spec) => ({
    text: describeSchedule(spec),
    active: spec.active,
    ...(spec.timezone !== undefined && { timezone: spec.timezone }),
    next: nextTime(spec, now) ?? undefined,
  })),
});

function nextOf({ schedules, paused }: DeploymentRow, now: number): string {
  const next = Math.min(...schedules.filter((schedule) => schedule.active).map((schedule) => schedule.next ?? Number.POSITIVE_INFINITY));
  return paused || !Number.isFinite(next) ? "" : relative(next, now);
}
const deploymentJson = ({ seq, updatedAt, schedules, ...row }: DeploymentRow): unknown => ({
  ...row,
  served: seq > 0,
  updatedAt: new Date(updatedAt).toISOString(),
  schedules: schedules.map(({ next, ...schedule }) => ({ ...schedule, ...(next !== undefined && { next: new Date(next).toISOString() }) })),
});

const NEXT_TIMES = 5;

export async function inspectDeployment(name: string, flags: Flags): Promise<void> {
  await look(flags, async ({ ports, settings: project, served }) => {
    const state = (await ports.log.tail(deploymentActor(name)))?.state as DeploymentState | undefined;
    const here = (await declared(project))?.deployments;
    const definition = here?.find((deployment) => deployment.name === name);
    const settings = state?.settings ?? definition?.settings;
    if (!settings)
      throw unknown(
        name,
        [...(await ports.index.deployments()), ...(here ?? [])].map((row) => row.name),
      );
    const now = ports.clock.now();
    const next = settings.schedules.map((spec) => ({
      text: describeSchedule(spec),
      active: spec.active,
      zone: zoneOf(spec),
      times: spec.active ? timesAfter(spec, now) : [],
    }));
    // Only the code knows them: a stack's are its event rules.
    const triggers = definition && triggersOf(definition);
    const runs = (await runRows(ports, { deployment: name, limit: 5 })).rows;
    const parameters = await readPayload(settings.parameters, ports.results);
    if (flags.json)
      return printJson({
        name,
        flow: settings.flow,
        paused: state?.paused ?? settings.paused,
        served: state !== undefined,
        parameters: jsonOf(parameters),
        tags: settings.tags,
        concurrency: settings.concurrency ?? null,
        active: state?.active.map((a) => a.run) ?? [],
        queued: state?.queue.length ?? 0,
        ...(triggers && { triggers }),
        schedules: next.map(({ times, ...schedule }) => ({ ...schedule, next: times.map((ms) => new Date(ms).toISOString()) })),
        runs: runs.map((run) => ({ id: run.id, name: run.name, state: run.state.type })),
      });
    print(`${out(name, "bold")}  ${out("runs", "dim")} ${settings.flow}  ${standing(state, served?.() ?? true)}`);
    if (settings.description) print(`  ${settings.description}`);
    print();
    const line = (label: string, text: string): void => print(`  ${out(label.padEnd(12), "dim")}${text}`);
    for (const { text, active, times, zone } of next) {
      line("schedule", `${text}${active ? "" : out("  (off)", "dim")}`);
      for (const time of times) line("", `${timeIn(zone, time)}  ${out(relative(time, now), "dim")}`);
    }
    for (const { kind, source, here } of triggers ?? []) line("trigger", `${kind} ${source}${here ? "" : out("  (on AWS only)", "dim")}`);
    if (parameters && Object.keys(parameters as object).length > 0) line("parameters", valueText(parameters, 300));
    if (settings.tags.length > 0) line("tags", settings.tags.join(", "));
    if (settings.concurrency)
      line(
        "at once",
        `${settings.concurrency.limit}, then ${settings.concurrency.overlap}: ${state?.active.length ?? 0} running, ${state?.queue.length ?? 0} queued`,
      );
    for (const [i, run] of runs.entries()) line(i === 0 ? "last runs" : "", `${run.name}  ${run.state.name}  ${out(relative(run.createdAt, now), "dim")}`);
  });
}

function standing(state: DeploymentState | undefined, served: boolean): string {
  if (state === undefined) return out("not served yet: windhover dev", "dim");
  if (state.paused) return out(state.gone ? "‖ paused: not in the code that is deployed" : "‖ paused", "yellow");
  return served ? out("● active", "green") : out(`○ ${UNATTENDED.toLowerCase()}`, "yellow");
}

/** The zone in which its author thinks of its times. */
const zoneOf = (spec: DeploymentSettings["schedules"][number]): string =>
  spec.kind === "rrule" ? zoneOfRule(spec.rule, spec.timezone) : (spec.timezone ?? "UTC");
const timeIn = (zone: string, ms: number): string => `${new Date(localTime(zone, ms)).toISOString().slice(0, 19).replace("T", " ")} ${zone}`;

interface TriggerText {
  readonly kind: string;
  /** What starts a run. */
  readonly source: string;
  /** Whether it reaches this machine. */
  readonly here: boolean;
}
function triggersOf(deployment: DeploymentDefinition): readonly TriggerText[] {
  return deployment.triggers.map((trigger) => ({
    kind: trigger.kind,
    source: sourceOf(trigger as unknown as Readonly<Record<string, unknown>>),
    here: unserved([{ ...deployment, triggers: [trigger] }]).length === 0,
  }));
}

function timesAfter(spec: DeploymentSettings["schedules"][number], now: number): number[] {
  const times: number[] = [];
  for (let time = nextTime(spec, now); time !== null && times.length < NEXT_TIMES; time = nextTime(spec, time)) times.push(time);
  return times;
}

export async function runDeployment(name: string, flags: RunFlags & { readonly wait?: boolean }): Promise<void> {
  const settings = await readSettings(flags);
  const { tag: tags, name: runName, idempotencyKey } = flags;
  const options = { ...(tags?.length && { tags }), ...(runName !== undefined && { name: runName }), ...(idempotencyKey !== undefined && { idempotencyKey }) };
  if (flags.wait && settings.stack === undefined)
    return runHere(
      settings,
      needEntries(settings, "Running it here", `windhover deployments run ${name} --wait -e FILE`),
      flags,
      async ({ client, loaded }) => {
        const deployment = loaded?.deployments.find((one) => one.name === name);
        if (!deployment) throw unknown(name, loaded?.deployments.map((one) => one.name) ?? []);
        return (await client.run(deployment, readParameters(flags, deployment.definition), options)).id;
      },
    );
  const here: DeploymentDefinition | undefined = (await declared(settings))?.deployments.find((one) => one.name === name);
  const start = async (place: Place): Promise<void> => {
    const { ports, client, settings: project } = place;
    const known = await ports.index.deployments();
    if (!here && !known.some((row) => row.name === name))
      throw unknown(
        name,
        known.map((row) => row.name),
      );
    const run = await client.run(here ?? name, readParameters(flags, here?.definition, name), options);
    if (flags.wait) return followThere(place, run.id, flags);
    const begun = await hasBegun(place, run.id);
    if (flags.json) return printJson({ id: run.id, deployment: name, done: begun });
    if (flags.quiet) return print(run.id);
    print(
      begun
        ? `${out("✓", "green")} Started a run of ${name}: ${run.id}\n${out(`  windhover runs logs ${run.id} --follow${project.suffix}`, "dim")}`
        : `${out("○", "yellow")} Asked ${name} for the run ${run.id}. ${onItsWay(place)}${place.stack ? "" : " Or run it here with --wait."}`,
    );
  };
  await look(flags, start, { makes: here !== undefined });
}

async function switched(name: string, flags: SettingFlags, action: "pause" | "resume"): Promise<void> {
  await look(flags, async ({ client, settings }) => {
    await client.setDeployment(name, action);
    print(
      `${out("✓", "green")} ${action === "pause" ? `Told ${name} to pause: its schedules start nothing until \`windhover deployments resume ${name}${settings.suffix}\`.` : `Told ${name} to go on.`}`,
    );
  });
}
export const pauseDeployment = (name: string, flags: SettingFlags): Promise<void> => switched(name, flags, "pause");
export const resumeDeployment = (name: string, flags: SettingFlags): Promise<void> => switched(name, flags, "resume");

function unknown(name: string, names: readonly string[]): WindhoverError {
  const guess = closest(name, names);
  return new WindhoverError("WH2003", {
    message: `No deployment is called "${name}".${guess ? ` Did you mean "${guess}"?` : ""}`,
    expected: names.length > 0 ? `one of ${[...new Set(names)].sort().join(", ")}` : "a deployment that an entry exports",
    got: name,
  });
}
