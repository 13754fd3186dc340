import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { TaskDelivery, TaskMessage, TaskQueue } from "../../engine/ports.ts";
import { shared } from "../../engine/scope.ts";
import { containerOf } from "../../functions/container.ts";
import { task } from "../../sdk/index.ts";
import { STACK, World } from "./world.ts";

beforeEach(() => void vi.spyOn(process.stdout, "write").mockReturnValue(true));
afterEach(() => {
  vi.restoreAllMocks();
  shared.code.clear();
});

const message: TaskMessage = {
  id: "t",
  actor: "run:a",
  run: { runId: "a", runName: "a", flow: "f", parameters: "{}", tags: [] },
  tasks: [{ call: "c", attempt: 1, task: "train" }],
};

/** A queue that holds these, and then nothing: each empty look takes five seconds. */
function queue(world: World, deliveries: readonly Partial<TaskDelivery>[]) {
  const left = [...deliveries];
  const deleted: string[] = [];
  const tasks: TaskQueue = {
    ...world.ports.tasks,
    async receive(pool) {
      const next = left.shift();
      if (next) return [{ physical: "p", receipt: "receipt", pool, receives: 1, message, ...next }];
      await world.backend.advance(5000);
      return [];
    },
    acknowledge: async (done) => void deleted.push(...done.map(({ physical }) => physical)),
  };
  return { tasks, deleted };
}

describe("a container", () => {
  test("runs what its pool's queue holds, and ends when there has been nothing for a minute", async () => {
    task({ name: "train" }, async () => "trained");
    const world = new World();
    const { tasks, deleted } = queue(world, [{}, { physical: "q", receives: 2 }]);
    const from = world.ports.clock.now();
    await containerOf(world.fn, { pool: "default", stop: new AbortController().signal, tasks });
    expect(world.ports.clock.now() - from).toBe(60_000);
    expect((await world.ports.inbox.receive(10)).map(({ message: { kind } }) => kind)).toEqual(["done", "crash"]);
    expect(deleted).toEqual(["p", "q"]);
    expect(world.hidden()).toEqual({ receipt: 60 });
  });

  test("that is asked to end takes nothing more, and says what it could not finish", async () => {
    let running = false;
    task({ name: "train" }, async () => {
      running = true;
      return new Promise<never>(() => {});
    });
    const world = new World();
    const { tasks, deleted } = queue(world, [{}, {}]);
    const stop = new AbortController();
    const over = containerOf(world.fn, { pool: "default", stop: stop.signal, tasks });
    await vi.waitFor(() => expect(running).toBe(true));
    stop.abort();
    await vi.waitFor(async () => {
      await world.backend.advance(20_000);
      expect(deleted).toEqual(["p"]);
    });
    await over;
    expect((await world.ports.inbox.receive(10)).map(({ message: one }) => one)).toMatchObject([{ kind: "crash", why: "its container was stopped" }]);
  });

  test("has tasks of another build run by that build, and says so where it is gone or fails", async () => {
    task({ name: "train" }, async () => "trained");
    const world = new World({ build: "b2" });
    const of = (build: string): TaskMessage => ({ ...message, actor: `run:${build}`, run: { ...message.run, build } });
    const builds = ["b1", "b2", "gone", "broken"];
    const { tasks, deleted } = queue(
      world,
      builds.map((build) => ({ physical: build, message: of(build) })),
    );
    const asked: string[] = [];
    await containerOf(world.fn, {
      pool: "default",
      stop: new AbortController().signal,
      tasks,
      elsewhere: async (build, handed) => {
        asked.push(`${build}: ${handed.actor}`);
        if (build === "broken") throw new Error("status 1");
        return build === "b1";
      },
    });
    expect(asked).toEqual(["b1: run:b1", "gone: run:gone", "broken: run:broken"]);
    const mail = [...(await world.ports.inbox.receive(10)), ...(await world.ports.inbox.receive(10))];
    expect(mail.map(({ actor, message: one }) => [actor, one.kind])).toEqual([
      ["run:b2", "done"],
      ["run:gone", "crash"],
    ]);
    expect(deleted).toEqual(["b1", "b2", "gone"]);
  });

  test("of a pool that the stack does not have says so", async () => {
    const world = new World({ stack: STACK });
    await expect(containerOf(world.fn, { pool: "gpu", stop: new AbortController().signal })).rejects.toMatchObject({ code: "WH2010" });
  });
});
