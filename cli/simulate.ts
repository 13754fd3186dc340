/** `windhover simulate`: the flow in many small worlds in which processes die, messages come twice, late and out of order. Nothing is stored. */

import { shortSpan } from "../engine/span.ts";
import type { State } from "../engine/state.ts";
import type { Flow } from "../sdk/flow.ts";
import { definitionKey } from "../sdk/task.ts";
import { EXIT, usage } from "./failure.ts";
import { type ParameterFlags, readParameters } from "./parameters.ts";
import { readSettings, type SettingFlags } from "./settings.ts";
import { asFile, targetByName, targetInFile } from "./target.ts";
import { err, out, plural, print, stateText, tell } from "./terminal.ts";
import { printJson } from "./values.ts";
import { needEntries } from "./workspace.ts";

export interface SimulateFlags extends SettingFlags, ParameterFlags {
  readonly seeds: string;
  readonly firstSeed: string;
  readonly json?: boolean;
}

/** Between two looks at how far it is. */
const BATCH = 25;

export async function simulate(target: string, flags: SimulateFlags): Promise<void> {
  const seeds = whole("--seeds", flags.seeds, 1);
  const firstSeed = whole("--first-seed", flags.firstSeed, 0);
  const settings = await readSettings(flags);
  const file = asFile(target);
  const { loadEntries } = await import("./loader.ts");
  const loaded = await loadEntries(file ? [file.file] : needEntries(settings, `Simulating "${target}" by name`, `windhover simulate FILE:EXPORT`));
  const found = file ? targetInFile(loaded, file.file, file.name) : targetByName(loaded, target);
  const definition = found.flow ?? found.deployment.definition;
  const parameters = readParameters(flags, definition);
  const { createTestHarness } = await import("../sdk/testing/index.ts");
  const flow = { [definitionKey]: definition } as unknown as Flow<unknown, unknown>;
  const counts = new Map<string, { count: number; state: State }>();
  let failingSeed: number | undefined;
  const began = performance.now();
  await using harness = await createTestHarness();
  for (let seed = firstSeed; seed < firstSeed + seeds && failingSeed === undefined; seed += BATCH) {
    const result = await harness.simulate(flow, parameters, { seeds: Math.min(BATCH, firstSeed + seeds - seed), firstSeed: seed });
    failingSeed = result.failingSeed;
    for (const state of result.states) counts.set(`${state.type} ${state.name}`, { count: (counts.get(`${state.type} ${state.name}`)?.count ?? 0) + 1, state });
    if (process.stderr.isTTY) process.stderr.write(`\r\u001b[2K${err(`${seed - firstSeed + result.states.length} of ${seeds}`, "dim")}`);
  }
  if (process.stderr.isTTY) process.stderr.write("\r\u001b[2K");
  const ran = [...counts.values()].reduce((sum, one) => sum + one.count, 0);
  if (failingSeed !== undefined) process.exitCode = EXIT.failed;
  if (flags.json)
    return printJson({
      flow: definition.name,
      seeds: ran,
      firstSeed,
      failingSeed: failingSeed ?? null,
      states: Object.fromEntries([...counts].map(([name, { count }]) => [name, count])),
    });
  for (const { count, state } of counts.values()) print(`${stateText(state)} ${out(`in ${plural(count, "world")}`, "dim")}`);
  if (failingSeed === undefined)
    return print(`${plural(ran, "world")} in ${shortSpan(performance.now() - began)}: the run came to the same end in each of them.`);
  tell(
    `\n${err("✗", "red")} Seed ${failingSeed} did not come to the same end. See it again:\n  windhover simulate ${target} --first-seed ${failingSeed} --seeds 1`,
  );
}

function whole(flag: string, text: string, least: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < least) throw usage(`${flag} cannot be ${text}.`, { expected: `a whole number from ${least} on`, got: text });
  return value;
}
