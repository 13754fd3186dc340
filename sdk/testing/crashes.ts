/** Kills the process at each durable event of a flow, in turn, and sees that the run always comes to the same end, by the same way. */
import { WindhoverError } from "../../engine/errors.ts";
import { runActor } from "../../engine/messages.ts";
import type { State } from "../../engine/state.ts";
import type { Flow } from "../flow.ts";
import { type Decision, decisionsOf, firstDifference } from "./decisions.ts";
import { allFinal, describeEnding, entriesOf } from "./endings.ts";
import { World } from "./world.ts";

export interface CrashOptions {
  readonly seed: number;
  /** When the world begins. Unit: milliseconds since 1970. */
  readonly now: number;
  readonly stubs: ReadonlyMap<string, (...args: never[]) => unknown>;
}

/** One run of the flow, with the log that it left. */
export interface CrashedRun<R> {
  readonly state: State<R>;
  readonly history: readonly unknown[];
  /** What it decided, to be compared with what it decides after a crash. */
  readonly decisions: readonly Decision[];
  /** Entries that were appended to all logs together. */
  readonly appends: number;
}

const RUN_ID = "crash-everywhere";

/** Runs the flow in a world of its own; the process dies right before or after the `at`-th append of any actor, and another one goes on. */
export async function runWithCrash<P, R>(
  target: Flow<P, R>,
  parameters: P,
  { seed, now, stubs }: CrashOptions,
  crash?: { readonly at: number; readonly when: "before" | "after" },
): Promise<CrashedRun<R>> {
  let appends = 0;
  const world: World = new World({
    seed,
    now,
    stubs,
    async around(process, call) {
      if (call.port !== "log" || call.method !== "append") return call.perform();
      const mine = ++appends === crash?.at;
      if (mine && crash?.when === "before") world.kill(process);
      if (!process.alive) return undefined;
      const appended = await call.perform();
      if (mine) world.kill(process);
      return appended;
    },
  });
  world.boot();
  try {
    const run = await world.client.run(target, parameters, { id: RUN_ID });
    await world.finish(() => allFinal(world) && !world.busy);
    const actor = runActor(RUN_ID);
    const remains = { entries: (of: string) => entriesOf(world, of), stored: (key: string) => world.state.results.get(key) ?? "null" };
    return { state: await run.state(), history: entriesOf(world, actor), decisions: decisionsOf(remains, actor), appends };
  } finally {
    world.end();
  }
}

/**
 * Runs the flow once for each durable event (an entry of any log: the run's, its subflows', its limits'), killing the process right before and right after that event. Compared are
 * the run's end, and its history: the calls that the code made, with their arguments, in their order, what came of each, and what the run and its subflows decided, as
 * `decisions.ts` says in detail. Not compared is what a crash may well change: attempts and their times, and the order of two calls made while a third was still open.
 * @returns the state that the run reached after a crash behind event 1, 2, 3 …
 * @throws WindhoverError WH1408 when a run ends otherwise than undisturbed, by another way, or not at all, with the event's number and what differs.
 */
export async function crashEverywhere<P, R>(target: Flow<P, R>, parameters: P, options: CrashOptions): Promise<readonly State<R>[]> {
  const undisturbed = await runWithCrash(target, parameters, options);
  const expected = describeEnding(undisturbed.state);
  const states: State<R>[] = [];
  for (let at = 1; at <= undisturbed.appends; at++) {
    for (const when of ["before", "after"] as const) {
      const { state, decisions } = await runWithCrash(target, parameters, options, { at, when });
      const got = describeEnding(state);
      const where = `The process was killed right ${when} durable event ${at} of ${undisturbed.appends}, and the run`;
      if (got !== expected)
        throw new WindhoverError("WH1408", { message: `${where} ended otherwise: ${got}; undisturbed it ends as ${expected}.`, expected, got });
      const difference = firstDifference(undisturbed.decisions, decisions);
      if (difference !== undefined)
        throw new WindhoverError("WH1408", {
          message: `${where} came to the same end by another way: ${difference}.`,
          expected: "the calls, results and decisions of the undisturbed run",
          got: difference,
        });
      if (when === "after") states.push(state);
    }
  }
  return states;
}
