/** `windhover runs retry | rerun`: a run once more, as a new run that is linked to the old. */

import { runName } from "../engine/names.ts";
import { readPayload } from "../engine/payload.ts";
import type { PortsRun } from "../sdk/ports-run.ts";
import { usage } from "./failure.ts";
import { findRun } from "./find-run.ts";
import { hasBegun, onItsWay } from "./outcome.ts";
import { type ParameterFlags, readParameters } from "./parameters.ts";
import { runHere } from "./run.ts";
import { followThere } from "./run-there.ts";
import { readSettings, type SettingFlags } from "./settings.ts";
import { out, print } from "./terminal.ts";
import { printJson } from "./values.ts";
import { look, needEntries, type Place } from "./workspace.ts";

export interface AgainFlags extends SettingFlags, ParameterFlags {
  readonly wait?: boolean;
  readonly quiet?: boolean;
  readonly json?: boolean;
  readonly debug?: boolean;
  readonly from?: string;
  readonly result?: string;
}

export const retry = (run: string, flags: AgainFlags): Promise<void> => again(run, flags, "Retrying", (old) => old.retry());

export const redrive = (run: string, flags: AgainFlags): Promise<void> => again(run, flags, "Redriving", (old) => old.redrive());

export async function rerun(run: string, flags: AgainFlags): Promise<void> {
  const { from, result } = flags;
  if (result !== undefined && from === undefined)
    throw usage("--result says what a call gave, and needs --from CALL.", { expected: "--from CALL --result JSON", got: "--result alone" });
  const edit = result === undefined ? {} : { result: parse(result) };
  await again(run, flags, from === undefined ? "Running again" : `Running again from ${from}`, async (old, place) => {
    const parameters = await edited(place, old.id, flags);
    return from === undefined ? old.rerun(parameters) : old.rerunFrom(from, { ...edit, ...(parameters !== undefined && { parameters }) });
  });
}

type Begin = (old: PortsRun<unknown>, place: Place) => Promise<{ readonly id: string }>;

async function again(run: string, flags: AgainFlags, doing: string, begin: Begin): Promise<void> {
  const settings = await readSettings(flags);
  if (flags.wait && settings.stack === undefined)
    return runHere(settings, needEntries(settings, "Running it here", "the same with -e FILE"), flags, async (workspace) => {
      const row = await findRun(workspace.ports, run);
      return (await begin(workspace.client.get(row.id) as PortsRun<unknown>, workspace)).id;
    });
  await look(flags, async (place) => {
    const row = await findRun(place.ports, run);
    const { id } = await begin(place.client.get(row.id) as PortsRun<unknown>, place);
    if (flags.wait) return followThere(place, id, flags);
    const begun = await hasBegun(place, id);
    const name = runName(id);
    if (flags.json) return printJson({ id, name, origin: row.id, done: begun });
    print(`${begun ? out("✓", "green") : out("○", "yellow")} ${doing} ${row.name} as ${out(name, "bold")} ${out(id, "dim")}`);
    print(
      begun
        ? out(`  windhover runs logs ${name} --follow${settings.suffix}`, "dim")
        : `  ${onItsWay(place)}${place.stack ? "" : " Or run it here with --wait."}`,
    );
  });
}

/** `--params` replaces the old run's parameters, `--param` changes some of them. */
async function edited({ ports, client, code }: Place, run: string, flags: AgainFlags): Promise<Record<string, unknown> | undefined> {
  if (flags.params === undefined && !flags.param?.length) return undefined;
  const { started } = await client.bookOf(run);
  const flow = started && code.flows.get(started.flow);
  const given = readParameters(flags, flow, started?.flow);
  if (flags.params !== undefined) return given;
  return { ...((await readPayload(started?.parameters, ports.results)) as object), ...given };
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch (error) {
    throw usage(`--result is not JSON: ${(error as Error).message}`, { expected: "the call's result as JSON", got: json.slice(0, 200) });
  }
}
