/**
 * A quarter of all requests of the functions is throttled, fails, is slow, is cut off before it is carried out, or has its answer cut off afterwards. Every run ends right all the
 * same. WINDHOVER_SEED=… draws again what a failure names.
 */
import { ListTablesCommand } from "@aws-sdk/client-dynamodb";
import { ListSchedulesCommand } from "@aws-sdk/client-scheduler";
import { ListQueuesCommand } from "@aws-sdk/client-sqs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createClients } from "../../../adapters/aws/clients.ts";
import type { LimitState } from "../../../engine/limit.ts";
import { limitActor } from "../../../engine/messages.ts";
import { type BadDay, microburst } from "../microburst.ts";
import { environmentOf, type MiniStack, ministack, REGION } from "../ministack.ts";
import { missingPython } from "../python.ts";
import { BadLuck, FAULTS } from "./bad-day.ts";
import * as flows from "./pumped-flows.ts";
import { type PumpedOptions, PumpedStack } from "./pumped-stack.ts";
import { runFacts } from "./run-facts.ts";
import { runShape, SHAPES } from "./shapes.ts";

const missing = process.env["CI"] ? undefined : missingPython();
const SHARE = 0.25;
/** Of each shape, in each world. */
const RUNS = 1;
const given = process.env["WINDHOVER_SEED"];
const seeds = (count: number): readonly string[] => (given === undefined ? Array.from({ length: count }, (_, i) => `${Date.now()}-${i}`) : [given]);

describe.skipIf(missing !== undefined)(`AWS on a bad day${missing === undefined ? "" : ` (${missing})`}`, () => {
  let server: MiniStack;
  let day: BadDay;
  beforeAll(async () => {
    server = await ministack();
    Object.assign(process.env, environmentOf(server), { WINDHOVER_LOG: process.env["WINDHOVER_LOG"] ?? "off" });
    day = await microburst(server);
    // It reads what the services are like when it first hears of them, and that takes seconds.
    const clients = createClients({ endpoint: day.endpoint, region: REGION });
    await clients.sqs.send(new ListQueuesCommand({}));
    await clients.dynamodb.send(new ListTablesCommand({}));
    await clients.scheduler.send(new ListSchedulesCommand({}));
    clients.close();
    await day.faults(FAULTS);
  });
  afterAll(() => day?.end());

  test.concurrent.each(seeds(2))("every run ends right, and each recorded result is used once (WINDHOVER_SEED=%s)", (seed) => survive(seed, {}));

  test.concurrent.each(seeds(2))("so they do where messages are given to others while they are in a slow function's hands (WINDHOVER_SEED=%s)", (seed) =>
    survive(seed, { visibilitySeconds: 2, containers: 5 }),
  );

  async function survive(seed: string, options: Partial<PumpedOptions>): Promise<void> {
    const { endpoint } = server;
    const luck = new BadLuck(seed, SHARE, endpoint);
    const common = { endpoint, functionsEndpoint: day.endpoint, onClients: luck.strike, pools: ["other"], modules: [flows] };
    const world = await PumpedStack.open("faults", { ...common, ...options });
    world.pump();
    try {
      await world.opened.client.setLimit("one", 1);
      const all = Array.from({ length: RUNS }, () => SHAPES).flat();
      const runs = await world.allEnd(all.map((shape) => runShape(world.opened, shape)));
      for (const { run, flow, ends, state } of runs) {
        expect(state, `${flow} ${run.id}`).toMatchObject(ends);
        const { settled, items, ends: times } = await runFacts(world.opened.ports, run.id);
        expect(times, `ends of ${flow} ${run.id}`).toBe(1);
        for (const what of [settled, items]) expect(new Set(what).size, `${flow} ${run.id} has one result a call: ${what}`).toBe(what.length);
      }
      for (const { limit, slots } of LIMITS) expect(await mostHolders(world, limit), `slots of ${limit}`).toBe(slots);
      expect(await world.deadLetters(), "messages among the dead letters").toBe(0);
      const { requests, ...kinds } = luck.counts;
      console.log(`WINDHOVER_SEED=${seed}: ${runs.length} runs, ${luck.faults} faults in ${requests} requests: ${JSON.stringify(kinds)}`);
    } finally {
      await world.close();
    }
  }
});

/** What the flows share: the first is set by an operator, the other is declared with its task. */
const LIMITS = [
  { limit: "one", slots: 1 },
  { limit: "task:guarded:all", slots: 2 },
] as const;

/** The slots that were taken at once. A second copy of a task's message runs in the slot of the first: what counts is who holds, and that stands in the log. */
async function mostHolders({ opened }: PumpedStack, limit: string): Promise<number> {
  const entries = await opened.ports.log.read(limitActor(limit));
  return Math.max(...entries.map(({ state }) => (state as LimitState).holders.length));
}
