/** `windhover run NAME --stack S`: starts a deployed flow or deployment by its name, and follows it from here while the stack runs it. */
import type { FlowDefinition } from "../engine/definition.ts";
import { runName } from "../engine/names.ts";
import { EXIT } from "./failure.ts";
import { Follower } from "./follow.ts";
import { hasBegun, onItsWay } from "./outcome.ts";
import { readParameters } from "./parameters.ts";
import { report } from "./report.ts";
import type { RunFlags } from "./run.ts";
import { err, out, print, tell } from "./terminal.ts";
import { printJson } from "./values.ts";
import { look, type Place } from "./workspace.ts";

/**
 * How a text is read depends on what is wanted: `tea` is a list of one where the flow wants a list. The project's own code says so where there is any, and decides nothing else: what
 * is deployed may be older or newer.
 */
async function definitionHere({ settings }: Place, target: string): Promise<FlowDefinition | undefined> {
  if (settings.entries.length === 0) return undefined;
  const { loadEntries } = await import("./loader.ts");
  const { flows, deployments } = await loadEntries(settings.entries).catch(() => ({ flows: [], deployments: [] }));
  return flows.find(({ name }) => name === target) ?? deployments.find(({ name }) => name === target)?.definition;
}

/** Its parameters are checked by the flow's schema in the run itself. */
export async function runThere(target: string, flags: RunFlags): Promise<void> {
  await look(flags, async (place) => {
    const { tag: tags, name, idempotencyKey } = flags;
    const options = { ...(tags?.length && { tags }), ...(name !== undefined && { name }), ...(idempotencyKey !== undefined && { idempotencyKey }) };
    const { id } = await place.client.run(target, readParameters(flags, await definitionHere(place, target), target, { strict: false }), options);
    if (flags.wait) return followThere(place, id, flags);
    const begun = await hasBegun(place, id);
    const called = name ?? runName(id);
    if (flags.json) return printJson({ id, name: called, target, done: begun });
    if (flags.quiet) return print(id);
    const { suffix } = place.settings;
    print(`${begun ? out("✓", "green") : out("○", "yellow")} Started ${target} as ${out(called, "bold")} ${out(id, "dim")}`);
    print(begun ? out(`  windhover runs logs ${called} --follow${suffix}`, "dim") : `  ${onItsWay(place)}`);
  });
}

/** Log lines come a moment after the run's end. Unit: milliseconds. */
const LATE_LINES_MS = 1500;

/** Follows a run that a stack works on; its end becomes the status of this process. Ctrl-C leaves it running. */
export async function followThere(place: Place, id: string, flags: RunFlags): Promise<void> {
  const quiet = flags.quiet === true || flags.json === true;
  const { Printer } = await import("../adapters/embedded/printer.ts");
  const stop = new AbortController();
  const interrupt = (): void => {
    if (stop.signal.aborted) process.exit(EXIT.interrupted);
    stop.abort();
  };
  process.on("SIGINT", interrupt);
  process.on("SIGTERM", interrupt);
  const follower = new Follower({
    ports: place.ports,
    changed: place.changed,
    lateLinesMs: LATE_LINES_MS,
    ...(!quiet && { printer: (write, run) => new Printer({ write, run, ...(flags.debug && { level: "debug" as const }) }) }),
    status: !quiet && process.stderr.isTTY === true,
  });
  const { run, state } = await follower.follow(id, stop.signal);
  if (!stop.signal.aborted && state) return report(place, run, state, flags, " --wait");
  const name = state?.name ?? id;
  const { suffix } = place.settings;
  tell();
  tell(`${err("‖", "yellow")} No longer watching ${err(name, "bold")} (${run}): it goes on in the stack.`);
  tell(`  Watch    windhover runs logs ${name} --follow${suffix}`);
  tell(`  Stop it  windhover runs cancel ${name}${suffix}`);
  process.exitCode = EXIT.interrupted;
}
