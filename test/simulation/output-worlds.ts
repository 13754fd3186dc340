/** Worlds of what leaves a run besides its result (artifacts, events), of delays that are drawn, and of results that are not kept. */
import { Sequence } from "../../engine/sequence.ts";
import { artifact, emit, flow, sleep, task } from "../../sdk/index.ts";
import { entriesOf } from "../../sdk/testing/endings.ts";
import type { Scenario } from "../../sdk/testing/simulation.ts";
import type { World } from "../../sdk/testing/world.ts";
import { double, failing, get, isEnd, numbered, one, several, sum } from "./cast.ts";

export const worlds: Record<string, Scenario> = {};

const charting = task({ name: "charting" }, async (n: number) => {
  await artifact.markdown(`chart ${n}`, `n = ${n}`);
  await emit({ type: "charted", detail: { n } });
  await emit({ type: "charted-again", detail: { n } });
  return n;
});
const reporting = flow({ name: "reporting", parameters: numbered }, async ({ n }) => {
  await emit({ type: "begun", detail: { n } });
  await artifact.progress("done", 0);
  const parts = await Promise.all([charting(n), charting(n + 1)]);
  await artifact.table("parts", [{ total: await sum(parts) }]);
  await artifact.progress("done", 1);
  await emit({ type: "ended", detail: { n } });
  return parts;
});
/** Each artifact has its last text, and each event its id, however often it was said. */
function outputs(world: World, runs: readonly number[]): string | undefined {
  const found: string[] = [];
  for (const [run, rows] of world.state.index.artifacts) for (const { own } of rows.values()) found.push(`${run} ${own.key} ${own.data}`);
  const events = new Map(
    world.state.events.map((text) => JSON.parse(text) as { id: string; type: string; run: string; detail: string }).map((event) => [event.id, event]),
  );
  for (const { type, run, detail } of events.values()) found.push(`${run} ${type} ${detail}`);
  const expected = runs.flatMap((n, i) => [
    ...[n, n + 1].flatMap((k) => [`r${i + 1} chart ${k} "n = ${k}"`, `r${i + 1} charted {"n":${k}}`, `r${i + 1} charted-again {"n":${k}}`]),
    ...[`begun {"n":${n}}`, `ended {"n":${n}}`, `parts [{"total":${n + n + 1}}]`, "done 1"].map((what) => `r${i + 1} ${what}`),
  ]);
  const [got, wanted] = [found.sort().join("\n"), expected.sort().join("\n")];
  return got === wanted ? undefined : `what left the runs is\n${got}\nand should be\n${wanted}`;
}
worlds["outputs"] = { begin: several(reporting, 2), check: (world) => outputs(world, [0, 1]) };

/** Drawn, and the same under every seed: the run, the call and how often it has failed decide; deaths have no part in it. */
const jittered = task({ name: "jittered", retries: 3, retryDelaySeconds: 10, retryJitterFactor: 1 }, async (n: number) => {
  const times = (failing.get(`jittered ${n}`) ?? 0) + 1;
  failing.set(`jittered ${n}`, times);
  if (times < 3) throw new Error("not yet");
  return n;
});
const jitters = flow({ name: "jitters", retries: 1, retryDelaySeconds: 20, retryJitterFactor: 0.5 }, async () =>
  sum(await Promise.all([jittered(1), jittered(2)])),
);
worlds["retry-jitter"] = {
  begin: one(jitters),
  check(world) {
    const failures = new Map<string, number>();
    for (const { at, events } of entriesOf(world, "run:r1")) {
      for (const event of events as readonly { type: string; call: string; retryAt?: number; crashed?: true }[]) {
        if (event.type !== "failed" || event.crashed) continue;
        const times = (failures.get(event.call) ?? 0) + 1;
        failures.set(event.call, times);
        const delay = (event.retryAt ?? at) - at;
        const drawn = Math.round(10_000 * (1 + new Sequence(`r1/${event.call}/${times}`).fraction()));
        if (delay !== drawn) return `${event.call} waits for ${delay} ms after failure ${times}, and ${drawn} were drawn`;
      }
    }
    return undefined;
  },
};

/** Not stored, and used three times in two lives of the code: each time it comes out as the log's hash says. */
const fleeting = task({ name: "fleeting", persistResult: false }, async (n: number) => n * 3);
const recomputing = flow({ name: "recomputing" }, async () => {
  const a = await fleeting(1);
  await sleep("10 minutes");
  const b = await fleeting(a);
  await sleep("10 minutes");
  return sum(await Promise.all([double(a), double(b), fleeting(b)]));
});
worlds["not-stored-cancel"] = {
  begin: one(recomputing),
  acts: [(client) => get(client).cancel()],
  mayEnd: isEnd("CANCELLED", "COMPLETED 51"),
};
