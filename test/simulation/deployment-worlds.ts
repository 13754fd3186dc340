/** Worlds of deployments: what asks for a run may ask twice, and the overlap policy decides once. */
import { flow, sleep } from "../../sdk/index.ts";
import type { PortsClient } from "../../sdk/ports-client.ts";
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
