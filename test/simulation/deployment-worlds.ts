/** Worlds of deployments: what asks for a run may ask twice, and the overlap policy decides once. */
import type { DeploymentDefinition } from "../../sdk/deployment.ts";
import { at, flow, sleep } from "../../sdk/index.ts";
import type { PortsClient } from "../../sdk/ports-client.ts";
import { entriesOf } from "../../sdk/testing/endings.ts";
import type { Scenario } from "../../sdk/testing/simulation.ts";
import type { World } from "../../sdk/testing/world.ts";
import { double, numbered } from "./cast.ts";

export const worlds: Record<string, Scenario> = {};

const short = flow({ name: "deployed", parameters: numbered }, async ({ n }) => {
  const twice = await double(n);
  await sleep("20 minutes");
  return double(twice);
});
type Overlap = "queue" | "skip" | "cancel-running";
const NUMBERS = [1, 2, 3];

/** As many runs as were asked for, each begun once, and not all of them turned away. */
function once(world: World, name: string): string | undefined {
  const rows = [...world.state.index.runs.values()].filter(({ own }) => own.deployment === name).map(({ own }) => own);
  const ids = rows.map(({ id }) => id).sort();
  if (ids.join() !== NUMBERS.map((n) => `${name}${n}`).join()) return `the triggers made the runs ${ids.join(", ")}`;
  return rows.some(({ state }) => state.type === "COMPLETED") ? undefined : "none of the runs that were asked for has completed";
}
/** Whoever triggers it says each thing twice, at different moments. Which of them comes first is up to them. */
function triggeredTwice(overlap: Overlap): Scenario {
  const name = `twice-${overlap}`;
  const deployed = short.deployment({ name, concurrency: { limit: 1, overlap } });
  const trigger = (client: PortsClient, n: number) => client.run(deployed, { n }, { id: `${name}${n}` });
  return {
    begin: (client) => Promise.all(NUMBERS.map((n) => trigger(client, n))),
    acts: NUMBERS.map((n) => (client: PortsClient) => trigger(client, n)),
    mayEnd: (ending, run) => ends(ending, run) || (overlap !== "queue" && ending === "CANCELLED"),
    check: (world) => once(world, name),
  };
}
const ends = (ending: string, run: number): boolean => ending === `COMPLETED ${(run + 1) * 4}`;
worlds["trigger-twice-queue"] = triggeredTwice("queue");
worlds["trigger-twice-skip"] = triggeredTwice("skip");
worlds["trigger-twice-cancel"] = triggeredTwice("cancel-running");

/** Overlap is counted for each customer. */
const byCustomer = short.deployment({
  name: "by-customer",
  concurrency: { limit: 1, overlap: "queue", key: ({ n }: { n: number }) => String(n % 2) },
} as never);
worlds["overlap-by-key"] = {
  begin: (client) => Promise.all([1, 2, 3, 4].map((n) => client.run(byCustomer, { n } as never, { id: `k${n}` }))),
  mayEnd: ends,
};

/** Two schedules of one time, each with parameters of its own, and one place: whatever comes between a time and its tick, each time of each has one run. */
const oneTime = short.deployment({
  name: "one-time",
  schedules: [1, 2].map((n) => at(new Date("2026-01-01T01:00:00Z"), { catchUp: "all", parameters: { n } })),
  concurrency: { limit: 1, overlap: "queue" },
});
worlds["two-schedules-of-one-time"] = {
  async begin(client) {
    await client.configure(oneTime as never);
    return [];
  },
  check: (world) => eachTime(world, oneTime),
};

/** A run takes as long as it is to the next time, so that each ends beside a tick, before it where the tick is late. */
const brief = flow({ name: "brief", parameters: numbered }, async () => sleep("10 seconds"));
const beside = brief.deployment({
  name: "beside",
  schedules: [10, 20, 30, 40, 50].map((second) => at(new Date(`2026-01-01T01:00:${second}Z`), { catchUp: "all", parameters: { n: 1 } })),
  concurrency: { limit: 1, overlap: "queue" },
});
worlds["ticks-beside-ends"] = {
  async begin(client) {
    await client.configure(beside as never);
    return [];
  },
  acts: [(client) => client.configure({ ...(beside as unknown as DeploymentDefinition), revision: "another" })],
  check: (world) => eachTime(world, beside),
};

/** As many runs as there are times, of the numbers that they are given, and all of them have completed. */
function eachTime(world: World, deployment: unknown): string | undefined {
  const { name, settings } = deployment as DeploymentDefinition;
  const rows = [...world.state.index.runs.values()].map(({ own }) => own).filter((row) => row.deployment === name);
  const runs = rows.map(({ id, state, scheduledTime = 0 }) => {
    const started = entriesOf(world, `run:${id}`)[0]?.events.find((event) => event.type === "started");
    return `${new Date(scheduledTime).toISOString().slice(11, 19)} ${started?.type === "started" ? String(started.parameters) : ""} ${state.type}`;
  });
  const wanted = settings.schedules.map(
    (spec) => `${spec.kind === "at" ? new Date(spec.timeMs).toISOString().slice(11, 19) : ""} ${String(spec.parameters)} COMPLETED`,
  );
  return runs.sort().join() === wanted.sort().join() ? undefined : `the schedules made the runs ${runs.join(", ")}`;
}
