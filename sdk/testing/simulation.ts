/**
 * The simulated world: the whole engine, its backend's semantics and the author's code in one process, under faults that a seed decides. What a seed finds, the same seed finds
 * again.
 */

import type { DeploymentState } from "../../engine/deployment.ts";
import type { Entry, RunEvent } from "../../engine/events.ts";
import type { LimitState } from "../../engine/limit.ts";
import { parseActor } from "../../engine/messages.ts";
import type { TaskMessage } from "../../engine/ports.ts";
import type { RunState } from "../../engine/run-state.ts";
import { shared } from "../../engine/scope.ts";
import type { State } from "../../engine/state.ts";
import type { Run } from "../client-types.ts";
import type { Flow } from "../flow.ts";
import type { PortsClient } from "../ports-client.ts";
import { coldProblem } from "./cold.ts";
import { allFinal, describeEnding, entriesOf, runStates } from "./endings.ts";
import { Faults, LEASE } from "./faults.ts";
import type { PortCall } from "./interception.ts";
import { Wakers } from "./wakers.ts";
import { Watch } from "./watch.ts";
import { type Process, World } from "./world.ts";

/** What happens in a world: which runs are started, and what people do to them. */
export interface Scenario {
  /** Starts the runs whose ends are compared. Give each an id, so that it is the same run under every seed. */
  begin(client: PortsClient): Promise<readonly Run<unknown>[]>;
  /** Each is done once, at a moment of the seed's choosing; undisturbed, at the end of what happens by itself. */
  readonly acts?: readonly ((client: PortsClient) => Promise<unknown>)[];
  /** Done once, when nothing happens any more by itself: what somebody does afterwards. The runs that it starts are compared as well. */
  readonly next?: (client: PortsClient) => Promise<readonly Run<unknown>[]>;
  /** Slots of limits, by name: watched at every moment. */
  readonly slots?: Readonly<Record<string, number>>;
  /** Where an end depends on when things happen: which ends are right. Absent: the end that it has undisturbed. */
  readonly mayEnd?: (ending: string, run: number) => boolean;
  /** What else must hold when all is over; a sentence says what does not. */
  readonly check?: (world: World, watch: Watch) => string | undefined;
}

export interface SimulationOptions {
  readonly seeds: number;
  readonly firstSeed?: number;
  /** When the world begins. Unit: milliseconds since 1970. */
  readonly now: number;
  readonly stubs: ReadonlyMap<string, (...args: never[]) => unknown>;
  /** Replay each run's log cold after each of its entries, in one seed of so many (default 8); in the others after each entry at which the code was not run. 0: never. */
  readonly coldEvery?: number;
  /** Sees each port call before anything becomes of it: to tell the story of one seed. */
  readonly onCall?: (process: number, call: PortCall) => void;
}

/** What one seed came to. */
export interface SeedOutcome {
  readonly seed: number;
  readonly states: readonly State[];
  readonly endings: readonly string[];
  /** What did not hold; empty when all did. */
  readonly violations: readonly string[];
  /** The faults, in order. */
  readonly story: readonly string[];
}

/** What leaves mail, timers, tasks and logs as they were, and so can leave nobody without a wake-up. */
const READS: ReadonlySet<string> = new Set([
  "log.tail",
  "log.read",
  "aborts.marked",
  "results.get",
  "results.put",
  "index.putRun",
  "logs.write",
  "registry.list",
  "registry.get",
]);
/** Before which of the world's port calls somebody acts. */
const SOON = 20;
const LATE = 120;
/** After so many port calls messages are taken to breed without end. */
const MOST_CALLS = 20_000;

/** One world under one seed; without a seed nothing goes wrong in it. */
export async function runSeed(
  scenario: Scenario,
  seed: number | undefined,
  options: Pick<SimulationOptions, "now" | "stubs" | "coldEvery" | "onCall">,
  expected?: readonly string[],
): Promise<SeedOutcome> {
  const faults = seed === undefined ? undefined : new Faults(seed);
  const watch = new Watch(scenario.slots);
  const { coldEvery = 8 } = options;
  const cold = coldEvery === 0 ? "never" : (seed ?? 0) % coldEvery === 0 ? "always" : "skipped";
  const acts = [...(scenario.acts ?? [])];
  const moments = acts.map(() => (faults ? faults.draw(faults.draw(2) === 0 ? SOON : LATE) : Number.POSITIVE_INFINITY));
  const acting = new Set<Promise<unknown>>();
  let calls = 0;
  const doAct = (at: number): void => {
    moments.splice(at, 1);
    const [act] = acts.splice(at, 1);
    if (!act) return;
    // Whoever comes too late is told so, and that is all.
    const done: Promise<unknown> = act(world.client)
      .catch(() => {})
      .finally(() => acting.delete(done));
    acting.add(done);
  };
  const around = async (process: Process, call: PortCall): Promise<unknown> => {
    if (++calls > MOST_CALLS) {
      if (calls === MOST_CALLS + 1) watch.fail(`more than ${MOST_CALLS} port calls: messages breed without end`);
      return new Promise(() => {});
    }
    const due = moments.findIndex((moment) => moment <= calls);
    if (due >= 0) doAct(due);
    const perform = () => observed(world, watch, cold, call);
    const seen = { ...call, perform };
    options.onCall?.(process.number, call);
    return faults ? faults.around(world, process, seen) : perform();
  };
  /** After each step of the world (rule 23). */
  const stepped = ({ port, method }: PortCall): void => {
    const problem = watch.violations.length > 0 || READS.has(`${port}.${method}`) ? undefined : wakers.problem();
    if (problem !== undefined) watch.fail(problem);
  };
  const world: World = new World({
    seed: seed ?? 0,
    now: options.now,
    stubs: options.stubs,
    around,
    stepped,
    warmRuns: faults?.warmRuns,
    skew: () => faults?.skew() ?? 0,
    onRun: (_task, actor, item) => watch.ran(actor, item),
    onAnswer: (actor, n, state, effects) => watch.answered(actor, state, effects, world.state.logs.get(actor)?.[n - 1] ?? undefined),
  });
  const wakers = new Wakers(world);
  for (let i = faults?.processes ?? 1; i > 0; i--) world.boot();
  try {
    const runs = [...(await scenario.begin(world.client))];
    let { next } = scenario;
    const over = (): boolean =>
      calls > MOST_CALLS || watch.violations.length > 0 || (acts.length === 0 && world.state.timers.size === 0 && !world.busy && allFinal(world));
    for (;;) {
      if (acting.size > 0 && watch.violations.length === 0) await Promise.all(acting);
      const done = await world.finish(() => acting.size > 0 || over() || (!world.busy && resting(world) && (acts.length > 0 || next !== undefined)));
      if (acting.size > 0 && watch.violations.length === 0) continue;
      if (next && acts.length === 0 && watch.violations.length === 0) {
        runs.push(...(await next(world.client)));
        next = undefined;
      } else if (over() || acts.length === 0) {
        if (!done && watch.violations.length === 0) watch.fail(stuck(world));
        break;
      } else doAct(0);
    }
    const states = await Promise.all(runs.map((run) => run.state()));
    const endings = states.map(describeEnding);
    if (watch.violations.length === 0) atTheEnd(world, watch, scenario, endings, expected);
    return { seed: seed ?? 0, states, endings, violations: watch.violations, story: faults?.story ?? [] };
  } finally {
    world.end();
  }
}

/** Nothing is left that would happen by itself: that holders of slots are asked again is nothing that anybody waits for. */
function resting(world: World): boolean {
  for (const own of world.state.timers.values()) for (const id of own.keys()) if (!LEASE.test(id)) return false;
  return true;
}

/** Performs a call, and shows the watch what came of it. */
async function observed(world: World, watch: Watch, cold: "always" | "skipped" | "never", call: PortCall): Promise<unknown> {
  const result = await call.perform();
  if (call.port === "tasks" && call.method === "enqueue") watch.enqueued(call.args[1] as TaskMessage);
  if (call.port === "log" && call.method === "append" && result === true) {
    const entry = call.args[0] as Entry;
    watch.appended(entry);
    if (entry.actor.startsWith("run:") && cold !== "never" && (cold === "always" || codeWasSkipped(world, entry))) await checkCold(world, watch, entry);
  }
  return result;
}

/** All that this entry settles is what the code was not waiting for, so that the turn had no reason to run it (rule 28). */
function codeWasSkipped(world: World, { actor, n, events }: Entry): boolean {
  const over = (events as readonly RunEvent[]).filter((event) => event.type === "settled" || event.type === "items");
  if (n === 1 || over.length === 0) return false;
  const { open } = (JSON.parse(world.state.logs.get(actor)?.[n - 2] as string) as Entry<RunState>).state;
  return over.every(({ call }) => open[call]?.awaited !== 1);
}

async function checkCold(world: World, watch: Watch, { actor, n }: Entry): Promise<void> {
  const entries = entriesOf(world, actor).slice(0, n) as Entry<RunState, RunEvent>[];
  const problem = await coldProblem(shared.code, entries, (key) => world.state.results.get(key) ?? "null");
  if (problem) watch.fail(problem);
}

/** Why nothing goes on: what is still open, and what is left over. */
function stuck(world: World): string {
  const open = [...runStates(world)].filter(([actor]) => !world.state.logs.get(actor)?.at(-1)?.includes('"type":"ended"'));
  const waits = open.map(([actor, { row, open: calls }]) => `${actor} is ${row.name} and waits for ${Object.keys(calls).join(", ") || "nothing"}`);
  const mail = [...world.state.mail.boxes.keys()];
  const timers = [...world.state.timers].flatMap(([actor, own]) => [...own.keys()].map((id) => `${actor} ${id}`));
  return `nothing happens any more: ${waits.join("; ") || "all runs have ended"}; mail: ${mail.join(", ") || "none"}; timers: ${timers.slice(0, 5).join(", ") || "none"}; in hand: ${world.inHand}`;
}

function atTheEnd(world: World, watch: Watch, scenario: Scenario, endings: readonly string[], expected: readonly string[] | undefined): void {
  endings.forEach((ending, i) => {
    if (scenario.mayEnd ? !scenario.mayEnd(ending, i) : expected && ending !== expected[i])
      watch.fail(`run ${i + 1} ended as ${ending}${expected ? `; undisturbed as ${expected[i]}` : ""}`);
  });
  for (const [actor, state] of runStates(world)) {
    const row = world.state.index.runs.get(parseActor(actor).name)?.own;
    if (row?.state.type !== state.row.type) watch.fail(`the runs table says ${row?.state.type ?? "nothing"} of ${actor}, its log ${state.row.type}`);
  }
  for (const [actor, texts] of world.state.logs) {
    const { kind } = parseActor(actor);
    if (kind === "run") continue;
    const { state } = JSON.parse(texts.at(-1) as string) as Entry;
    if (kind === "limit") {
      const { holders, waiters, perSeconds } = state as LimitState;
      if (perSeconds === undefined && holders.length > 0) watch.fail(`${actor} still counts ${holders.map((h) => h.request).join(", ")} as holders`);
      if (waiters.length > 0) watch.fail(`${actor} still has ${waiters.map((w) => w.request).join(", ")} waiting`);
    } else {
      const { active, queue } = state as DeploymentState;
      if (active.length + queue.length > 0) watch.fail(`${actor} still counts ${[...active.map((a) => a.run), ...queue.map((q) => q.run)].join(", ")}`);
    }
  }
  const problem = scenario.check?.(world, watch);
  if (problem) watch.fail(problem);
}

/** How a scenario ends when nothing goes wrong. @throws when something is wrong with it even then. */
export async function undisturbed(scenario: Scenario, options: Pick<SimulationOptions, "now" | "stubs">): Promise<readonly string[]> {
  const { endings, violations } = await runSeed(scenario, undefined, options);
  if (violations.length > 0) throw new Error(`The scenario fails undisturbed: ${violations.join("; ")}`);
  return endings;
}

/** Runs a scenario under seeds until one fails. */
export async function simulateScenario(
  scenario: Scenario,
  { seeds, firstSeed = 1, ...options }: SimulationOptions,
): Promise<{ readonly outcomes: readonly SeedOutcome[]; readonly failing?: SeedOutcome }> {
  const expected = await undisturbed(scenario, options);
  const outcomes: SeedOutcome[] = [];
  for (let seed = firstSeed; seed < firstSeed + seeds; seed++) {
    const outcome = await runSeed(scenario, seed, options, expected);
    outcomes.push(outcome);
    if (outcome.violations.length > 0) return { outcomes, failing: outcome };
  }
  return { outcomes };
}

export interface Simulation<R> {
  /** How the run ended under each seed. */
  readonly states: readonly State<R>[];
  readonly failingSeed?: number;
  /** What did not hold under the failing seed, and the faults that led there. */
  readonly violations?: readonly string[];
  readonly story?: readonly string[];
}

/** Runs a flow under `seeds` worlds, and stops at the first in which something does not hold. */
export async function simulate<P, R>(target: Flow<P, R>, parameters: P, options: SimulationOptions): Promise<Simulation<R>> {
  const scenario: Scenario = { begin: async (client) => [await client.run(target, parameters, { id: "simulated" })] };
  const { outcomes, failing } = await simulateScenario(scenario, options);
  const states = outcomes.map(({ states: [state] }) => state as State<R>);
  return failing ? { states, failingSeed: failing.seed, violations: failing.violations, story: failing.story } : { states };
}
