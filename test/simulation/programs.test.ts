/**
 * 5,000 random programs, each run in a random order of completion. After every entry its log is replayed from the beginning, and nothing may differ; a process that remembers nothing
 * between two entries has to write the same log. One alone: `SEED=123 npx vitest run test/simulation/programs.test.ts`.
 */
import { expect, test } from "vitest";
import type { Entry, RunEvent } from "../../engine/events.ts";
import type { RunState } from "../../engine/run-state.ts";
import { shared } from "../../engine/scope.ts";
import { coldProblem } from "../../sdk/testing/cold.ts";
import { allFinal, describeEnding, entriesOf, settledResults } from "../../sdk/testing/endings.ts";
import { World } from "../../sdk/testing/world.ts";
import { Answer, drawFrom, gates, interpreted, type Program, randomProgram } from "./programs.ts";

const { SEED, PROGRAMS = "5000" } = process.env;
const seeds = SEED === undefined ? Array.from({ length: Number(PROGRAMS) }, (_, i) => i + 1) : [Number(SEED)];
const RUN = "program";

interface Ran {
  readonly ending: string;
  readonly results: readonly string[];
  readonly replays: number;
  readonly problem?: string;
}

/** Runs a program; one thing completes at a time, drawn from the seed, and everything settles in between. */
async function run(program: Program, seed: number, warmRuns: number | undefined): Promise<Ran> {
  const draw = drawFrom(seed * 3 + 1);
  gates.clear();
  let problem: string | undefined;
  let replays = 0;
  const world: World = new World({
    seed,
    now: 1_800_000_000_000,
    stubs: new Map(),
    warmRuns,
    async around(_process, call) {
      const result = await call.perform();
      if (warmRuns === undefined && call.port === "log" && call.method === "append" && result === true) {
        const { actor, n } = call.args[0] as Entry;
        replays++;
        problem ??= await coldProblem(
          shared.code,
          entriesOf(world, actor).slice(0, n) as Entry<RunState, RunEvent>[],
          (key) => world.state.results.get(key) ?? "null",
        );
      }
      return result;
    },
  });
  const { worker } = world.boot().runtime;
  const started = await world.client.run(interpreted, { program }, { id: RUN });
  let inputs = draw.below(3);
  for (;;) {
    await worker.settled();
    if (problem !== undefined || allFinal(world)) break;
    const waiting = [...gates.keys()].sort();
    const chosen = draw.below(waiting.length + (inputs > 0 ? 1 : 0));
    const key = waiting[chosen];
    if (key !== undefined) {
      const open = gates.get(key);
      gates.delete(key);
      open?.();
    } else if (inputs > 0) {
      inputs--;
      await started.input(Answer, draw.below(50)).catch(() => {});
    } else {
      const at = world.state.clock.next();
      if (at === null) break;
      await world.state.clock.advance(at - world.state.clock.now(), () => worker.settled());
    }
  }
  const ending = describeEnding(await started.state());
  const results = settledResults(entriesOf(world, `run:${RUN}`));
  world.end();
  return { ending, results, replays, problem };
}

test(`${seeds.length} random programs replay from their logs, in whatever order things complete`, async () => {
  const failures: string[] = [];
  const endings = new Map<string, number>();
  let replays = 0;
  for (const seed of seeds) {
    const program = randomProgram(drawFrom(seed));
    const warm = await run(program, seed, undefined);
    const cold = warm.problem === undefined ? await run(program, seed, 0) : warm;
    replays += warm.replays;
    const [type = ""] = warm.ending.split(" ");
    endings.set(type, (endings.get(type) ?? 0) + 1);
    if (warm.problem !== undefined) failures.push(`SEED=${seed}: ${warm.problem}`);
    else if (type !== "COMPLETED" && type !== "FAILED") failures.push(`SEED=${seed}: ended as ${warm.ending}`);
    else if (cold.ending !== warm.ending) failures.push(`SEED=${seed}: warm it ended as ${warm.ending}, cold as ${cold.ending}`);
    else if (cold.results.join("\n") !== warm.results.join("\n")) failures.push(`SEED=${seed}: warm and cold logs differ`);
    if (failures.length > 4) break;
  }
  console.log(
    `programs: ${seeds.length}, replayed ${replays} times, ${failures.length} divergent; ${[...endings].map(([type, count]) => `${count} ${type}`).join(", ")}`,
  );
  expect(failures.join("\n"), "alone: SEED=… npx vitest run --project here test/simulation/programs.test.ts").toBe("");
}, 1_200_000);
