/** `windhover run`: runs a flow or a deployment here, tells its story on the standard error, and gives its result on the standard output. */
import type { Entry } from "../engine/events.ts";
import { runActor } from "../engine/messages.ts";
import type { LogLine } from "../engine/ports.ts";
import type { RunState } from "../engine/run-state.ts";
import { EXIT, usage } from "./failure.ts";
import { Follower } from "./follow.ts";
import { type ParameterFlags, readParameters } from "./parameters.ts";
import { report } from "./report.ts";
import { readSettings, type SettingFlags, type Settings } from "./settings.ts";
import { shortPath } from "./stack.ts";
import { asFile, type Target, targetByName, targetInFile } from "./target.ts";
import { err, tell } from "./terminal.ts";
import { needEntries, serve, type Workspace } from "./workspace.ts";

export interface RunFlags extends SettingFlags, ParameterFlags {
  readonly name?: string;
  readonly tag?: readonly string[];
  readonly idempotencyKey?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly debug?: boolean;
  /** On a stack: follow it to its end. Here a run is always followed. */
  readonly wait?: boolean;
}

export async function run(target: string, flags: RunFlags): Promise<void> {
  const settings = await readSettings(flags);
  const file = asFile(target);
  if (settings.stack !== undefined && !file) return (await import("./run-there.ts")).runThere(target, flags);
  if (file && (flags.stack !== undefined || flags.stage !== undefined) && settings.stack !== undefined)
    throw usage(`${target} is a file, and a stack runs what was deployed to it.`, {
      expected: `the name of a flow or deployment: windhover run NAME${settings.suffix}`,
      got: target,
      action: `Deploy the file (windhover deploy${settings.suffix}) and start its flow by name, or leave the stack out to run it here.`,
    });
  const files = file ? [file.file] : needEntries(settings, `Running "${target}" by name`, "windhover run FILE");
  await runHere(settings, files, flags, async ({ client, loaded }) => {
    if (!loaded) throw new Error("serve() loads the entries");
    const found: Target = file ? targetInFile(loaded, file.file, file.name) : targetByName(loaded, target);
    const definition = found.flow ?? found.deployment.definition;
    const parameters = readParameters(flags, definition);
    const { tag: tags, name, idempotencyKey } = flags;
    const options = { ...(tags?.length && { tags }), ...(name !== undefined && { name }), ...(idempotencyKey !== undefined && { idempotencyKey }) };
    const started = found.flow ? await client.start(found.flow, parameters, options) : await client.run(found.deployment, parameters, options);
    return started.id;
  });
}

/** Starts something and follows it to its end, which becomes the status of this process. */
export async function runHere(settings: Settings, files: readonly string[], flags: RunFlags, start: (workspace: Workspace) => Promise<string>): Promise<void> {
  const quiet = flags.quiet === true || flags.json === true;
  const { Printer } = await import("../adapters/embedded/printer.ts");
  let follower: Follower | undefined;
  let broken: unknown;
  let actor: string | undefined;
  let name: string | undefined;
  const early: (Entry | LogLine)[] = [];
  const stop = new AbortController();
  const options = {
    onEntry: (entry: Entry) => {
      if (entry.actor === actor && entry.state.kind === "run") name = entry.state.name;
      return follower ? follower.entry(entry) : void early.push(entry);
    },
    onLog: (line: LogLine) => (follower ? follower.log(line) : void early.push(line)),
    onFatal: (error: unknown) => {
      broken = error;
      stop.abort();
    },
  };
  await serve(settings, files, options, async (workspace) => {
    const { ports, changed } = workspace;
    follower = new Follower({
      ports,
      changed,
      ...(!quiet && { printer: (write, run) => new Printer({ write, run, ...(flags.debug && { level: "debug" as const }) }) }),
      status: !quiet && process.stderr.isTTY === true,
    });
    for (const one of early.splice(0)) "actor" in one ? follower.entry(one) : follower.log(one);
    const id = await start(workspace);
    actor = runActor(id);
    const interrupted = onInterrupt(stop);
    const serving = servingOf(settings, files, flags);
    const ended = onDeath(workspace, id, () => name ?? id, serving);
    stop.signal.addEventListener("abort", ended, { once: true });
    const { run, state } = await follower.follow(id, stop.signal);
    ended();
    if (broken !== undefined) throw broken;
    if (interrupted.by !== undefined) await leave(workspace, state, run, serving);
    else if (state) {
      await report(workspace, run, state, flags, AGAIN_HERE);
      interrupted.over = true;
      await finishOthers(workspace);
    }
  });
}

/** What one who wants the run once more types. */
const AGAIN_HERE = " --wait";

/** Ctrl-C once: the run is left as it is. Twice, or when it is over: at once. */
function onInterrupt(stop: AbortController): { by?: string; over?: true } {
  const interrupted: { by?: string; over?: true } = {};
  const stopped = (signal: NodeJS.Signals): void => {
    if (interrupted.over) process.exit();
    if (interrupted.by !== undefined) process.exit(EXIT.interrupted);
    interrupted.by = signal;
    stop.abort();
  };
  process.on("SIGINT", stopped);
  process.on("SIGTERM", stopped);
  return interrupted;
}

/** How long we wait for what is running inside a turn, before we leave it or say that we wait. Unit: milliseconds. */
const GRACE_MS = 2000;

/** Open runs of the same code were taken up beside this one. A task of theirs that runs now is not torn off: it may be one that must not run twice. */
async function finishOthers({ runtime, ports }: Workspace): Promise<void> {
  const finished = runtime.worker.stop().then(() => true);
  if (await Promise.race([finished, ports.clock.wait(GRACE_MS)])) return;
  tell(err("Waiting for a task of another run that was taken up here. Ctrl-C leaves it: it runs again when its run goes on.", "dim"));
  await finished;
}

const TORN_SHOWN = 5;

/** The author's code may end the process, or throw where nobody catches it. Returns how to say that it no longer matters. */
function onDeath(workspace: Workspace, id: string, name: () => string, serving: string): () => void {
  const told = (code: number): void => {
    tell(`\n${err("‖", "yellow")} The process ended (status ${code}) while the run ${err(name(), "bold")} was under way: what it has done is kept.`);
    tellHowOn(workspace, id, name(), serving);
  };
  process.once("exit", told);
  return () => void process.off("exit", told);
}

async function leave(workspace: Workspace, state: RunState | undefined, id: string, serving: string): Promise<never> {
  const name = state?.name ?? id;
  tell();
  tell(`${err("‖", "yellow")} Left the run ${err(name, "bold")} (${id}) as it is: what it has done is kept.`);
  tellHowOn(workspace, id, name, serving);
  await Promise.race([workspace.client.close(), workspace.backend.ports.clock.wait(GRACE_MS)]);
  process.exit(EXIT.interrupted);
}

/** How to serve what was run here: files that the settings do not name are named. */
function servingOf({ entries }: Settings, files: readonly string[], { entry, directory }: SettingFlags): string {
  const known = !entry?.length && files.every((file) => entries.includes(file));
  const named = known ? [] : files.map((file) => ` -e ${shortPath(file)}`);
  return `windhover dev${named.join("")}${directory === undefined ? "" : ` -d ${directory}`}`;
}

function tellHowOn({ runtime }: Workspace, id: string, name: string, serving: string): void {
  const calls = runtime.worker.inHand().flatMap(({ run, call }) => (run === id ? call : []));
  if (calls.length > 0)
    tell(
      `  Torn     ${calls.slice(0, TORN_SHOWN).join(", ")}${calls.length > TORN_SHOWN ? ` and ${calls.length - TORN_SHOWN} more` : ""} ${err("(begun and not done: counts as crashed, and it runs again when the run goes on)", "dim")}`,
    );
  tell(`  Go on    ${serving.padEnd(25)}  ${err("(or any `windhover run` of its flow in this directory)", "dim")}`);
  tell(`  Look     windhover runs inspect ${name}`);
  tell(`  Give up  windhover runs cancel ${name}`);
}
