/** Worlds of runs that repeat another run: from its failure, or from any of its steps, with other parameters or another result. */
import { artifact, emit, flow, task } from "../../sdk/index.ts";
import { entriesOf } from "../../sdk/testing/endings.ts";
import type { Scenario } from "../../sdk/testing/simulation.ts";
import type { Watch } from "../../sdk/testing/watch.ts";
import type { World } from "../../sdk/testing/world.ts";
import { add, double, failing, flaky, get, numbered, one, sum } from "./cast.ts";

export const worlds: Record<string, Scenario> = {};

interface Taken {
  readonly call: string;
  readonly label?: string;
}
/** What settled in a run, in order. */
const settledIn = (world: World, actor: string): readonly Taken[] =>
  entriesOf(world, actor).flatMap(({ events }) => events.filter(({ type }) => type === "settled") as unknown as readonly Taken[]);

/** Exactly these calls were taken over by the runs that repeat r1, and none of their code ran again. */
function takenOver(world: World, watch: Watch, ...expected: readonly (readonly string[])[]): string | undefined {
  const repeats = [...world.state.index.runs.values()].filter(({ own }) => own.origin === "r1").map(({ own }) => `run:${own.id}`);
  const found = repeats.map((actor) => {
    const reused = settledIn(world, actor).flatMap(({ call, label }) => (label === "Reused" ? [call] : []));
    const again = reused.find((call) => watch.runsOf(actor, call) > 0);
    return again ? `${again}, which was taken over and ran` : reused.sort().join();
  });
  const [got, wanted] = [
    found.sort().join("; "),
    expected
      .map((calls) => [...calls].sort().join())
      .sort()
      .join("; "),
  ];
  return got === wanted ? undefined : `taken over: ${got}; expected: ${wanted}`;
}

const child = flow({ name: "half", parameters: numbered }, async ({ n }) => double(await double(n)));
/** Fails until somebody has mended what it needs. */
const mended = task({ name: "mended" }, async (n: number): Promise<number> => {
  if (!failing.has("mended")) throw new Error("not mended");
  return n + 1;
});
const mending = flow({ name: "mending", parameters: numbered }, async ({ n }) => {
  const twice = await double(n);
  await artifact.markdown("twice", String(twice));
  await emit({ type: "doubled", detail: { twice } });
  const [kid, many] = await Promise.all([child({ n: twice }), flaky.map([1, 2, 3], ["r1", "r2", "r3"])]);
  return add(await mended(kid), sum(many));
});
const COMPLETED = ["double-0", "doubled-0", "half-0", "flaky-0"];
worlds["retry"] = {
  begin: one(mending, { n: 1 }),
  async next(client) {
    failing.set("mended", 1);
    return [await get(client).retry()];
  },
  check(world, watch) {
    // The repeat shows what the first run showed; what that one has told others is not told again.
    const shown = [...world.state.index.artifacts.values()].flatMap((rows) => [...rows.values()].map(({ own }) => `${own.key} ${own.data}`));
    if (shown.join() !== 'twice "2",twice "2"') return `the runs show ${shown.join()}`;
    const told = new Set(world.state.events.map((text) => (JSON.parse(text) as { id: string }).id));
    return told.size === 1 ? takenOver(world, watch, COMPLETED) : `${told.size} events were emitted, not one`;
  },
};

const steps = flow({ name: "steps", parameters: numbered }, async ({ n }) => {
  const a = await double(1);
  const b = await add(a, n);
  const list = await double.map([a, b]);
  const c = double(sum(list));
  return add(await c, await child({ n: a }));
});
/** From a step in the middle: what was called before it is taken over, unless its arguments are others now; the step itself may be told what it came to. */
worlds["rerun-from"] = {
  begin: one(steps, { n: 3 }),
  next: (client) =>
    Promise.all([
      get(client).rerunFrom("sum-0"),
      get(client).rerunFrom("double-1", { parameters: { n: 10 } }),
      get(client).rerunFrom("add-0", { result: 100 }),
      get(client).rerunFrom("half-0", { result: 0 }),
    ]),
  check: (world, watch) =>
    takenOver(
      world,
      watch,
      ["double-0", "add-0", "double-1"],
      ["double-0"],
      ["double-0", "add-0"],
      ["double-0", "add-0", "double-1", "sum-0", "double-2", "half-0"],
    ),
};
/** Somebody cancels the repeat. */
worlds["retry-cancel"] = {
  begin: one(mending, { n: 1 }),
  async next(client) {
    failing.set("mended", 1);
    const again = await get(client).retry();
    await again.cancel();
    return [again];
  },
  mayEnd: (ending, run) => (run === 0 ? ending.startsWith("FAILED") : ending === "CANCELLED" || ending === "COMPLETED 18"),
};
