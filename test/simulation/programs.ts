/** Random programs: a tree drawn from a seed, which a flow interprets. What completes when is drawn from the seed as well. */
import { memoryRandom, seedRandom } from "../../adapters/memory/random.ts";
import { FailNow, flow, runContext, runInput, sleep, task, waitForInput } from "../../sdk/index.ts";

type Leaf = { readonly kind: "task" | "map" | "sleep" | "input" | "chain"; readonly value: number; readonly fails?: true };
type Branch = {
  readonly kind: "sequence" | "all" | "race" | "any" | "allSettled" | "try" | "loop" | "if" | "subflow" | "later" | "nested";
  readonly parts: readonly Program[];
  readonly times?: number;
};
export type Program = Leaf | Branch;

const LEAVES: readonly Leaf["kind"][] = ["task", "task", "task", "chain", "map", "sleep", "input"];
const BRANCHES: readonly [Branch["kind"], parts: readonly [number, number]][] = [
  ["sequence", [2, 4]],
  ["all", [2, 4]],
  ["race", [2, 3]],
  ["any", [2, 3]],
  ["allSettled", [2, 3]],
  ["try", [2, 3]],
  ["loop", [1, 1]],
  ["if", [3, 3]],
  ["subflow", [1, 1]],
  ["later", [2, 2]],
  ["nested", [1, 1]],
];
const DEPTH = 4;

export interface Draw {
  /** A whole number from 0 to below `n`. */
  below(n: number): number;
}
export function drawFrom(seed: number): Draw {
  const { fraction } = memoryRandom(seedRandom(seed));
  return { below: (n) => Math.floor(fraction() * n) };
}

export function randomProgram(draw: Draw, depth = 0): Program {
  if (depth > 0 && (depth >= DEPTH || draw.below(3) === 0)) {
    const kind = LEAVES[draw.below(LEAVES.length)] as Leaf["kind"];
    return { kind, value: draw.below(90), ...((kind === "task" || kind === "chain") && draw.below(5) === 0 && { fails: true as const }) };
  }
  const [kind, [least, most]] = BRANCHES[draw.below(BRANCHES.length)] as (typeof BRANCHES)[number];
  const parts = Array.from({ length: least + draw.below(most - least + 1) }, () => randomProgram(draw, depth + 1));
  return { kind, parts, ...(kind === "loop" && { times: 1 + draw.below(3) }) };
}

/** Code that runs and has not been told yet to go on, by run and call. */
export const gates = new Map<string, () => void>();
const gate = (item: number): Promise<void> => {
  const { runId, task } = runContext();
  return new Promise((resolve) => gates.set(`${runId} ${task?.id} ${item}`, resolve));
};

const work = task({ name: "program-work" }, async (n: number, fails: boolean): Promise<number> => {
  await gate(n);
  if (fails) throw new FailNow(`${n} failed`);
  return (n * 7 + 3) % 101;
});
const any = { "~standard": { version: 1 as const, vendor: "test", validate: (value: unknown) => ({ value }) } };
export const Answer = runInput({ name: "program-answer", schema: any });
const typed = any as typeof any & {
  readonly "~standard": { readonly types?: { readonly input: { program: Program }; readonly output: { program: Program } } };
};

export const interpreted = flow({ name: "program", parameters: typed }, ({ program }): Promise<number> => run(program));

const folded = (numbers: readonly number[]): number => numbers.reduce((sum, n) => (sum * 31 + n) % 1009, 7);

async function run(program: Program): Promise<number> {
  if (!("parts" in program)) return leaf(program);
  const { kind, parts } = program;
  const [first, second, third] = parts as [Program, Program, Program];
  switch (kind) {
    case "sequence": {
      const results: number[] = [];
      for (const part of parts) results.push(await run(part));
      return folded(results);
    }
    case "all":
      return folded(await Promise.all(parts.map(run)));
    case "race":
      return Promise.race(parts.map(run));
    case "any":
      return Promise.any(parts.map(run));
    case "allSettled":
      return folded((await Promise.allSettled(parts.map(run))).map((one) => (one.status === "fulfilled" ? one.value : 500)));
    case "try":
      try {
        return await run(first);
      } catch {
        return await run(second);
      } finally {
        if (parts.length > 2) await run(third);
      }
    case "loop": {
      let sum = 1;
      for (let i = 0; i < (program.times ?? 1); i++) sum = folded([sum, await run(first)]);
      return sum;
    }
    case "if":
      return (await run(first)) % 2 === 0 ? run(second) : run(third);
    case "subflow":
      return interpreted({ program: first });
    case "later": {
      const started = run(first);
      started.catch(() => {});
      const now = await run(second);
      return folded([now, await started]);
    }
    case "nested":
      return (async () => {
        const inner = async (): Promise<number> => run(first);
        return (await inner()) + 1;
      })();
  }
}

async function leaf({ kind, value, fails }: Leaf): Promise<number> {
  switch (kind) {
    case "task":
      return work(value, fails === true);
    case "chain":
      return work(work(value, fails === true), false);
    case "map":
      return folded(await work.map([value, value + 1, value + 2], [false, false, false]));
    case "sleep":
      await sleep(1 + (value % 7));
      return value;
    case "input":
      return ((await waitForInput(Answer, { timeout: "1 minute" })) as number | null) ?? 1000;
  }
}
