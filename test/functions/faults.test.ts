import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import * as z from "zod";
import { returnInHand } from "../../adapters/memory/state.ts";
import { decode } from "../../engine/codec.ts";
import type { Ports } from "../../engine/ports.ts";
import { shared } from "../../engine/scope.ts";
import { Sequence } from "../../engine/sequence.ts";
import { executorOf } from "../../functions/executor.ts";
import type { orchestratorOf } from "../../functions/orchestrator.ts";
import { flow, onRunState, task } from "../../sdk/index.ts";
import { failures, recordOfMail, recordOfTask, start, TIME, World } from "./world.ts";

beforeEach(() => void vi.spyOn(process.stdout, "write").mockReturnValue(true));
afterEach(() => {
  vi.restoreAllMocks();
  shared.code.clear();
});

/** Now and then a call fails, before it has done anything or after it has done all. */
function faulty(ports: Ports, random: Sequence, rate: number, failed: string[]): Ports {
  const named = Object.entries(ports).map(([name, port]) => {
    if (!["log", "mailbox", "tasks", "timers", "results", "index"].includes(name)) return [name, port];
    const methods = Object.entries(port as Record<string, (...args: unknown[]) => Promise<unknown>>).map(([method, act]) => [
      method,
      async (...args: unknown[]) => {
        const fate = random.fraction();
        const answer = fate < rate / 2 ? undefined : await act(...args);
        if (fate >= rate) return answer;
        failed.push(`${name}.${method}`);
        throw new Error(`${name}.${method} failed`);
      },
    ]);
    return [name, Object.fromEntries(methods)];
  });
  return Object.fromEntries(named) as Ports;
}

const again = { crashRetries: 1000 };

function author(): { readonly after: object } {
  const double = task({ name: "double", ...again }, async (n: number) => 2 * n);
  const pooled = task({ name: "pooled", pool: "default", ...again }, async (n: number) => n + 1);
  const child = flow({ name: "child", parameters: z.object({ n: z.number() }) }, async ({ n }) => double(await pooled(n)));
  flow({ name: "parent" }, async () => {
    const chain = await double(await double(1));
    const fan = await Promise.all([1, 2, 3].map((n) => pooled(n)));
    const mapped = await double.map([1, 2, 3, 4]);
    return [chain, fan, mapped, await child({ n: 4 })];
  });
  const last = flow({ name: "last" }, async () => "last");
  return { after: last.deployment({ name: "after", triggers: [onRunState({ flow: "parent", state: "COMPLETED" })] }) };
}

/** What the mappings of a deployed stack do: what a handler gives back, and all of a handler that fails, comes again, counted. */
async function drive(world: World, orchestrator: ReturnType<typeof orchestratorOf>, executor: ReturnType<typeof executorOf>): Promise<void> {
  const { inbox, mailbox, tasks } = world.ports;
  for (let round = 0; round < 2000; round++) {
    const mail = await inbox.receive(10);
    if (mail.length > 0) {
      const failed = failures(await orchestrator({ Records: mail.map(recordOfMail) }, TIME));
      await mailbox.acknowledge(mail.filter(({ physical }) => !failed.has(physical)));
      returnInHand(world.backend.state);
      continue;
    }
    const parcels = await tasks.receive("default", 10);
    if (parcels.length === 0) return;
    const failed = failures(await executor({ Records: parcels.map(recordOfTask) }, TIME));
    await tasks.acknowledge(parcels.filter(({ physical }) => !failed.has(physical)));
    returnInHand(world.backend.state);
  }
  throw new Error("it does not come to rest");
}

describe("whatever call fails, before or after it was done", () => {
  test.each(Array.from({ length: 25 }, (_, seed) => seed))("runs end well, and what they start is started once (seed %i)", async (seed) => {
    const { after } = author();
    const random = new Sequence(`faults ${seed}`);
    const failed: string[] = [];
    const world = new World({ modules: [{ after }], ports: (ports) => faulty(ports, random, 0.1, failed) });
    const parents = ["a", "b", "c"];
    for (const run of parents) await world.ports.mailbox.send(`run:${run}`, start(run, "parent") as never);
    await drive(world, world.orchestrator, executorOf(world.fn, { forward: async () => {} }));
    for (const run of parents) {
      const { row, result } = await world.state(run);
      expect(row.type).toBe("COMPLETED");
      const text = typeof result === "string" ? result : await world.ports.results.get((result as { ref: string }).ref);
      expect(decode(text)).toEqual([4, [2, 3, 4], [2, 4, 6, 8], 10]);
      const events = await world.events(run);
      for (const type of ["started", "returned", "ended"]) expect(events.filter((event) => event.type === type)).toHaveLength(1);
    }
    expect(failed.length, "calls did fail").toBeGreaterThan(0);
    expect(await world.runs("last")).toHaveLength(3);
    expect(await world.runs("child")).toHaveLength(3);
  });
});
