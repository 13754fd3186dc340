/** Worlds of limits within limits, of rates, and of slots that outlive the run that took them. */
import { concurrency, continueAsNew, flow, rateLimit, sleep, task } from "../../sdk/index.ts";
import type { PortsClient } from "../../sdk/ports-client.ts";
import { runStates } from "../../sdk/testing/endings.ts";
import type { Scenario } from "../../sdk/testing/simulation.ts";
import { add, double, get, isEnd, numbered, several, sum } from "./cast.ts";

export const worlds: Record<string, Scenario> = {};

const limited = (limits: Readonly<Record<string, number>>, target: unknown, count: number) => async (client: PortsClient) => {
  for (const [name, slots] of Object.entries(limits)) await client.setLimit(name, slots);
  return several(target, count)(client);
};

const tight = task({ name: "tight", tags: ["tight"] }, async (n: number) => n + 1);
const kid = flow({ name: "limited-kid", parameters: numbered }, async ({ n }) => concurrency("innermost", {}, async () => tight(n)));
const nested = flow({ name: "nested", parameters: numbered }, async ({ n }) =>
  concurrency("outer", {}, async () => {
    const one = await double(n);
    const two = await concurrency("inner", {}, async () => sum(await Promise.all([tight(one), tight(n), kid({ n })])));
    return concurrency("inner", {}, async () => add(two, 1));
  }),
);
const NESTED = { outer: 1, inner: 1, innermost: 1, tight: 1 };
worlds["nested-limits"] = { begin: limited(NESTED, nested, 2), slots: NESTED };
worlds["nested-limits-cancel"] = {
  begin: limited(NESTED, nested, 3),
  slots: NESTED,
  acts: [(client) => get(client, "r1").cancel(), (client) => get(client, "r3").cancel()],
  mayEnd: (ending, run) => (run === 1 ? ending === "COMPLETED 8" : isEnd("CANCELLED", "COMPLETED")(ending)),
};

/** Two limits on one task, taken one after the other; and a limit whose tasks take more than one slot. */
const both = task({ name: "both", tags: ["first-tag", "second-tag"], retries: 3, retryDelaySeconds: 2 }, async (n: number) => n * 2);
const wide = flow({ name: "wide-slots", parameters: numbered }, async ({ n }) => {
  const parts = await Promise.all([
    both(n),
    both(n + 1),
    concurrency("roomy", { occupy: 2 }, async () => double(n)),
    concurrency("roomy", {}, async () => add(n, 1)),
  ]);
  return sum(parts);
});
const WIDE = { "first-tag": 1, "second-tag": 2, roomy: 2 };
worlds["two-limits"] = { begin: limited(WIDE, wide, 2), slots: WIDE };

/** One limit for each customer: who has the other's slot is in nobody's way. */
const customers = flow({ name: "customers", parameters: numbered }, async ({ n }) =>
  concurrency("customer", { key: String(n % 2) }, async () => {
    await sleep("6 minutes");
    return double(n);
  }),
);
const CUSTOMERS = { "customer:0": 1, "customer:1": 1 };
worlds["limit-by-key"] = { begin: limited(CUSTOMERS, customers, 3), slots: CUSTOMERS };

/** A rate that lasts: never more in a minute than it grants, whoever asks and whoever stops asking. */
const paced = flow({ name: "paced", parameters: numbered }, async ({ n }) => {
  await rateLimit("pace");
  const one = await double(n);
  await rateLimit("pace");
  return add(one, 1);
});
const PACE = { limit: 2, per: "1 minute" } as const;
worlds["rate-shared"] = {
  async begin(client) {
    await client.setLimit("pace", PACE);
    return several(paced, 3)(client);
  },
  slots: { pace: 2 },
  acts: [(client) => get(client, "r2").cancel()],
  mayEnd: (ending, run) => ending === `COMPLETED ${run * 2 + 1}` || (run === 1 && ending === "CANCELLED"),
};

/** It goes on as new while another of its branches holds a slot: its successor has it, and needs no other. */
const keeping = flow({ name: "keeping", parameters: numbered }, async ({ n }) => {
  const holds = concurrency("kept", {}, async () => {
    const one = await double(n);
    await sleep("10 minutes");
    return one;
  });
  // A cancel may end it while this function is elsewhere.
  holds.catch(() => {});
  await double(n);
  await sleep("1 minute");
  if (n < 100) continueAsNew({ n: n + 100 });
  return holds;
});
worlds["continue-with-slots"] = {
  begin: limited({ kept: 1 }, keeping, 2),
  slots: { kept: 1 },
  check(world) {
    const ends = [...runStates(world).values()].filter(({ continuedAs }) => continuedAs === undefined).map(({ row, result }) => `${row.type} ${result}`);
    return ends.sort().join() === "COMPLETED 200,COMPLETED 202" ? undefined : `the successors ended as ${ends.join(", ")}`;
  },
};
worlds["continue-with-slots-cancel"] = {
  begin: limited({ kept: 1 }, keeping, 2),
  slots: { kept: 1 },
  acts: [(client) => get(client, "r1").cancel()],
  mayEnd: isEnd("CANCELLED", "COMPLETED"),
};
