/** All worlds; here those in which two parts meet. They are simulated under thousands of seeds, so they are as small as the parts allow. */
import { hash } from "../../engine/hash.ts";
import { LIMITS } from "../../engine/limits.ts";
import { runActor } from "../../engine/messages.ts";
import { at, continueAsNew, flow, runContext, sleep, task, transaction, waitForInput } from "../../sdk/index.ts";
import type { PortsClient } from "../../sdk/ports-client.ts";
import { entriesOf } from "../../sdk/testing/endings.ts";
import type { Scenario } from "../../sdk/testing/simulation.ts";
import { tick } from "../../sdk/testing/world.ts";
import { Answer, worlds as basic, book, child, contended, forgetBasic, pausable, retried, scarce, tagged } from "./basic-worlds.ts";
import { double, failing, flaky, get, isEnd, numbered, one, several, sum } from "./cast.ts";
import { worlds as deployments } from "./deployment-worlds.ts";
import { worlds as limits } from "./limit-worlds.ts";
import { worlds as outputs } from "./output-worlds.ts";
import { worlds as pauses } from "./pause-worlds.ts";
import { worlds as rerun } from "./rerun-worlds.ts";

const MAP_CHUNKS = LIMITS.mapChunks;

export const worlds: Record<string, Scenario> = { ...basic, ...rerun, ...limits, ...pauses, ...outputs, ...deployments };

/** Few chunks, so that each has several items, and a crash splits them. */
const chunked = flow({ name: "chunked" }, async () => (await double.map([1, 2, 3, 4, 5, 6, 7, 8])).reduce((a, b) => a + b, 0));
worlds["map-chunks"] = {
  begin(client) {
    (LIMITS as { mapChunks: number }).mapChunks = 3;
    return one(chunked)(client);
  },
};
const mapped = flow({ name: "mapped" }, async () => {
  try {
    return await flaky.map([1, 2, 3], ["c1", "c2", "c3"]);
  } finally {
    await double(1);
  }
});
worlds["map-cancel"] = { begin: one(mapped), acts: [(client) => get(client).cancel()], mayEnd: isEnd("CANCELLED", "COMPLETED [2,3,4]") };
const mapScarce = flow({ name: "map-scarce", parameters: numbered }, async () => (await scarce.map([1, 2, 3])).length);
worlds["map-limit"] = {
  async begin(client) {
    await client.setLimit("scarce", 1);
    return several(mapScarce, 2)(client);
  },
  slots: { scarce: 1 },
  acts: [(client) => get(client, "r2").cancel()],
  mayEnd: (ending, run) => (run === 0 ? ending === "COMPLETED 3" : isEnd("CANCELLED", "COMPLETED 3")(ending)),
};
const mapPaused = flow({ name: "map-paused" }, async () => (await double.map(flaky.map([1, 2, 3], ["p1", "p2", "p3"]))).length);
const pauseForAWhile = async (client: PortsClient, run = "r1"): Promise<void> => {
  await get(client, run).pause();
  for (let i = 0; i < 15; i++) await tick();
  await get(client, run).resume();
};
worlds["map-pause"] = { begin: one(mapPaused), acts: [pauseForAWhile] };
worlds["limit-pause"] = {
  async begin(client) {
    await client.setLimit("contended", 1);
    return several(contended, 2)(client);
  },
  slots: { contended: 1 },
  acts: [pauseForAWhile, (client) => pauseForAWhile(client, "r2")],
};
worlds["tag-limit-pause"] = {
  async begin(client) {
    await client.setLimit("scarce", 1);
    return several(tagged, 2)(client);
  },
  slots: { scarce: 1 },
  acts: [pauseForAWhile, pauseForAWhile],
};
worlds["pause-cancel"] = {
  begin: one(pausable),
  acts: [(client) => get(client).pause(), (client) => get(client).cancel()],
  mayEnd: isEnd("CANCELLED", "COMPLETED [2,4,4]"),
};

const longTrip = flow({ name: "long-trip" }, async () =>
  transaction(async () => {
    const places = await Promise.all([book("flight" as never), book("hotel" as never)]);
    await sleep("1 hour");
    await book("car" as never);
    return places.length;
  }),
);
worlds["transaction-cancel"] = {
  begin: one(longTrip),
  acts: [(client) => get(client).cancel()],
  mayEnd: isEnd("CANCELLED", "COMPLETED 2"),
  check(world) {
    const events = entriesOf(world, "run:r1").flatMap(({ events }) => events as readonly { type: string; call?: string; ok?: boolean; state?: string }[]);
    const settled = events.filter(({ type, ok }) => type === "settled" && ok).map(({ call = "" }) => call);
    const booked = settled.filter((call) => call.startsWith("book-"));
    const undone = settled.filter((call) => call.startsWith("book.rollback"));
    const cancelled = events.some(({ type, state }) => type === "ended" && state === "CANCELLED");
    return undone.length === (cancelled ? booked.length : 0)
      ? undefined
      : `${undone.length} of ${booked.length} bookings were taken back, and the run was ${cancelled ? "" : "not "}cancelled`;
  },
};

const counting = flow({ name: "counting-inputs", parameters: numbered }, async ({ n }) => {
  await waitForInput(Answer);
  if (n < 2) continueAsNew({ n: n + 1 });
  return n;
});
worlds["continue-with-inputs"] = {
  begin: one(flow({ name: "counting-parent" }, async () => counting({ n: 0 }))),
  acts: [1, 2, 3].map(() => async (client: PortsClient) => {
    const id = hash("r1/counting-inputs-0").slice(0, 16);
    // Nobody can know the child before it is there.
    for (let i = 0; i < 3000 && !(await client.ports.log.tail(runActor(id))); i++) await tick();
    await client.send(id, { kind: "input", id: `input:${client.ports.random.id()}`, name: "answer", value: "1" });
  }),
};

const volatile = task({ name: "volatile", persistResult: false }, async (n: number) => n * 3);
const forgetting = flow({ name: "forgetting" }, async () => {
  const a = await volatile(1);
  await sleep("10 minutes");
  return sum(await Promise.all([double(a), volatile(a)]));
});
worlds["not-stored"] = { begin: one(forgetting) };

const hanging = task(
  { name: "hanging", retries: 1, timeoutSeconds: 5, pool: "pool" },
  async (n: number): Promise<number> => (runContext().task?.attempt === 1 ? new Promise(() => {}) : n),
);
worlds["task-timeout"] = { begin: one(flow({ name: "hangs" }, async () => sum(await Promise.all([hanging(1), hanging(2)])))) };

worlds["retries-cancel"] = { begin: one(retried), acts: [(client) => get(client).cancel()], mayEnd: isEnd("CANCELLED", "COMPLETED") };

const skipping = child.deployment({ name: "skipping", concurrency: { limit: 1, overlap: "skip" } });
worlds["overlap-skip"] = {
  begin: (client) => Promise.all([1, 2].map((n) => client.run(skipping, { n }, { id: `s${n}` }))),
  mayEnd: (ending, run) => (run === 0 ? ending === "COMPLETED 4" : isEnd("CANCELLED", "COMPLETED 8")(ending)),
};
const dated = child.deployment({
  name: "dated",
  schedules: [at(new Date("2026-01-01T12:00:00Z")), at(new Date("2026-01-02T12:00:00Z"))],
  parameters: { n: 7 },
});
worlds["schedule"] = {
  async begin(client) {
    await client.configure(dated as never);
    return [];
  },
  check(world) {
    const rows = [...world.state.index.runs.values()].map(({ own }) => own).filter((row) => row.deployment === "dated");
    return rows.length === 2 && rows.every((row) => row.state.type === "COMPLETED")
      ? undefined
      : `the two dates made ${rows.length} runs: ${rows.map((row) => row.state.type).join(", ")}`;
  },
};

/** Worlds whose outside remembers something between attempts begin anew for each seed. */
export function forget(): void {
  (LIMITS as { mapChunks: number }).mapChunks = MAP_CHUNKS;
  failing.clear();
  forgetBasic();
}
