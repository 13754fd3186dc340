/** Attempts that are claimed before they run: what may run at most once, and what is counted by a limit, though a turn that died may have sent each of its messages twice. */
import { afterEach, beforeEach, expect, test } from "vitest";
import * as z from "zod";
import { shared } from "../../engine/scope.ts";
import { concurrency, flow, runContext, task } from "../../sdk/index.ts";
import { inEachWorld, type World } from "./worlds.ts";

afterEach(() => shared.code.clear());

/** From now on each task message is sent twice. */
function double({ runtime }: World): void {
  const { tasks } = runtime.host.ports;
  const enqueue = tasks.enqueue.bind(tasks);
  tasks.enqueue = async (pool, message) => {
    await enqueue(pool, message);
    await enqueue(pool, message);
  };
}

inEachWorld("claims", (open) => {
  const ran = new Map<string, number>();
  let running = 0;
  let most = 0;
  beforeEach(() => {
    ran.clear();
    running = most = 0;
  });
  const note = (): void => {
    const { runId, task: present } = runContext();
    const key = `${runId} ${present?.id} ${present?.attempt}`;
    ran.set(key, (ran.get(key) ?? 0) + 1);
  };
  const counted = async (n: number): Promise<number> => {
    note();
    most = Math.max(most, ++running);
    for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
    running--;
    return n;
  };

  test("what may run at most once runs once, though each of its messages is sent twice", async () => {
    const once = task({ name: "once", crashRetries: 0 }, async (n: number) => {
      note();
      return n;
    });
    const three = flow({ name: "three" }, async () => [...(await Promise.all([once(1), once(2)])), ...(await once.map([3, 4, 5]))]);
    await using world = await open();
    double(world);
    expect(await (await world.client.run(three, {})).result()).toEqual([1, 2, 3, 4, 5]);
    await world.settled();
    expect([...ran.values()]).toEqual([1, 1, 1, 1, 1]);
  });

  test("each of its attempts runs once: what it throws is tried again", async () => {
    const flaky = task({ name: "flaky", crashRetries: 0, retries: 2, retryDelaySeconds: 5 }, async (n: number) => {
      note();
      if ((runContext().task?.attempt ?? 0) < 3) throw new Error("not yet");
      return n;
    });
    const both = flow({ name: "both" }, async () => Promise.all([flaky(1), flaky(2)]));
    await using world = await open();
    double(world);
    const run = await world.client.run(both, {});
    await world.advance("1 minute");
    expect(await run.result()).toEqual([1, 2]);
    expect(ran.size).toBe(6);
    expect([...ran.values()]).toEqual([1, 1, 1, 1, 1, 1]);
  });

  test("tasks of a limit never run in more copies than it has slots, though each of their messages is sent twice", async () => {
    const scarce = task({ name: "scarce", tags: ["scarce"] }, counted);
    const many = flow({ name: "many", parameters: z.object({ n: z.number() }) }, async () => Promise.all([scarce(1), scarce(2), scarce(3)]));
    const mapped = flow({ name: "mapped" }, async () => scarce.map([4, 5, 6]));
    await using world = await open();
    await world.client.setLimit("scarce", 1);
    double(world);
    const runs = await Promise.all([world.client.run(many, { n: 1 }), world.client.run(many, { n: 2 }), world.client.run(mapped, {})]);
    expect(await Promise.all(runs.map((run) => run.result()))).toEqual([
      [1, 2, 3],
      [1, 2, 3],
      [4, 5, 6],
    ]);
    await world.settled();
    expect(most).toBe(1);
    expect([...ran.values()].every((times) => times === 1)).toBe(true);
  });

  test("no more do those that run inside of concurrency(), and in the subflows that it calls", async () => {
    const work = task({ name: "work" }, counted);
    const below = flow({ name: "below" }, async () => Promise.all([work(1), work(2)]));
    const inside = flow({ name: "inside" }, async () => concurrency("one at a time", {}, async () => Promise.all([work(3), below({})])));
    await using world = await open();
    await world.client.setLimit("one at a time", 1);
    double(world);
    const runs = await Promise.all([world.client.run(inside, {}), world.client.run(inside, {})]);
    for (const run of runs) expect(await run.result()).toEqual([3, [1, 2]]);
    await world.settled();
    // Three at once of the run that holds the slot.
    expect(most).toBeLessThanOrEqual(3);
    expect([...ran.values()]).toEqual([1, 1, 1, 1, 1, 1]);
  });

  test("an attempt that had begun when its process died has crashed; one that nobody had begun runs", async () => {
    const never = (): Promise<never> => new Promise(() => {});
    const begun = task({ name: "begun", crashRetries: 0, pool: "a" }, async () => {
      note();
      return ran.size > 0 ? never() : 0;
    });
    const received = task({ name: "received", crashRetries: 0, pool: "b" }, async () => {
      note();
      return 1;
    });
    const both = flow({ name: "both" }, async () => {
      const states = await Promise.all([begun().state(), received().state()]);
      return states.map(({ type, name }) => `${type} ${name}`);
    });
    const first = await open();
    const { claims } = first.runtime.host.ports;
    const take = claims.take.bind(claims);
    // It is received, and its process dies before it has claimed it.
    claims.take = (actor, key, mark) => (key.startsWith("received") ? never() : take(actor, key, mark));
    const { id } = await first.client.run(both, {});
    await first.settled();
    expect([...ran.keys()]).toEqual([expect.stringContaining("begun")]);
    await using world = await first.restart();
    claims.take = take;
    expect(await world.client.get(id).result()).toEqual(["CRASHED Crashed", "COMPLETED Completed"]);
    expect([...ran.values()]).toEqual([1, 1]);
  });
});
