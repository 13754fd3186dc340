/** What turns do where functions take them: a bounded time, builds side by side, a runs table whose writes cost money. */
import { describe, expect, test } from "vitest";
import type { RunRow } from "../../engine/events.ts";
import { SecondWriter } from "../../engine/turn.ts";
import { flow, sleep, task } from "../../sdk/index.ts";
import { inEachWorld, type World } from "./worlds.ts";

const add = task({ name: "add-one" }, async (n: number) => n + 1);

/** Every row that is written from now on. */
function rowsOf({ runtime }: World): RunRow[] {
  const rows: RunRow[] = [];
  const { index } = runtime.host.ports;
  const putRun = index.putRun.bind(index);
  index.putRun = async (row) => {
    rows.push(row);
    await putRun(row);
  };
  return rows;
}

inEachWorld("turns in functions", (world) => {
  describe("the runs table", () => {
    test("a run that ends within its first turn writes one row, its end", async () => {
      await using w = await world({ host: { lateRows: true } });
      const rows = rowsOf(w);
      const run = await w.client.run(flow({ name: "short" }, async () => add(await add(1))));
      await w.settled();
      expect(await run.result()).toBe(3);
      expect(rows.map((row) => row.state.type)).toEqual(["COMPLETED"]);
    });

    test("while a task takes long, the row says that the run is running", async () => {
      await using w = await world({ host: { lateRows: true } });
      const rows = rowsOf(w);
      let release = (): void => {};
      const slow = task({ name: "slow-row" }, () => new Promise<void>((resolve) => (release = resolve)));
      await w.client.run(
        flow({ name: "long" }, async () => {
          await slow();
        }),
      );
      await w.settled();
      expect(rows).toEqual([]);
      await w.advance("3 seconds");
      expect(rows.map((row) => row.state.type)).toEqual(["RUNNING"]);
      release();
      await w.settled();
      expect(rows.map((row) => row.state.type)).toEqual(["RUNNING", "COMPLETED"]);
    });

    test("a turn that ends while the run goes on leaves a row", async () => {
      await using w = await world({ host: { lateRows: true } });
      const rows = rowsOf(w);
      const run = await w.client.run(
        flow({ name: "sleeper" }, async () => {
          await add(1);
          await sleep("1 hour");
        }),
      );
      await w.settled();
      expect(rows.map((row) => row.state.name)).toEqual(["Suspended"]);
      await w.advance("2 hours");
      expect((await run.state()).type).toBe("COMPLETED");
    });
  });

  describe("builds", () => {
    test("a run stays on the build that it started with: its messages are handed on to it", async () => {
      const handed: string[] = [];
      await using w = await world({ host: { build: "b1" } });
      const f = flow({ name: "long-run" }, async () => {
        await sleep("1 hour");
        return "done";
      });
      const run = await w.client.run(f);
      await w.settled();
      expect((await run.state()).type).toBe("PAUSED");
      Object.assign(w.runtime.host, {
        build: "b2",
        handOn: async (build: string, actor: string, deliveries: readonly { message: { kind: string } }[]) => {
          handed.push(`${build} ${actor} ${deliveries.map((d) => d.message.kind)}`);
          // The older build takes its turn, and says so by its log alone.
          const { turn } = await import("../../engine/turn.ts");
          await turn({ ...w.runtime.host, build: "b1", handOn: undefined }, actor, deliveries as never);
        },
      });
      await w.advance("2 hours");
      expect(handed).toEqual([`b1 run:${run.id} fire`]);
      expect(await run.result()).toBe("done");
      expect((await w.client.ports.index.run(run.id))?.build).toBe("b1");
    });

    test("a subflow starts on its parent's build", async () => {
      const handed: string[] = [];
      await using w = await world({
        host: {
          build: "b1",
          handOn: async (build) => {
            handed.push(build);
            throw new SecondWriter("elsewhere");
          },
        },
      });
      const child = flow({ name: "child-of-build" }, async () => 1);
      const run = await w.client.run(flow({ name: "parent-of-build" }, async () => child({})));
      expect(await run.result()).toBe(1);
      const starts = (await w.events(run)).filter((event) => event.type === "started");
      expect(starts.map((event) => event.type === "started" && event.build)).toEqual(["b1"]);
      expect(handed).toEqual([]);
    });
  });

  describe("bounded time", () => {
    test("with little time left a task goes to the queue, and the turn ends", async () => {
      await using w = await world({ host: { inlineMs: 30_000 } });
      const run = await w.client.run(flow({ name: "late" }, async () => add(1)));
      await w.settled();
      const attempted = (await w.events(run)).find((event) => event.type === "attempted");
      expect(attempted).not.toHaveProperty("where");
      expect(await run.result()).toBe(2);
    });

    test("an executor whose time is nearly over leaves the rest of a chunk to the next one, and nothing counts as failed", async () => {
      let late = false;
      const ran: number[] = [];
      await using w = await world({ host: { timeLeft: () => (late ? 5000 : 900_000) } });
      const item = task({ name: "timed-item", tags: ["timed"] }, async (n: number) => {
        ran.push(n);
        late = n === 0;
        return n * 2;
      });
      // A chunk whose items share a slot runs them one after the other.
      await w.client.setLimit("timed", 1);
      const numbers = Array.from({ length: 1200 }, (_, i) => i);
      const run = await w.client.run(flow({ name: "timed" }, async () => (await item.map(numbers)).reduce((sum, n) => sum + n, 0)));
      await w.settled();
      expect(await run.result()).toBe(numbers.reduce((sum, n) => sum + 2 * n, 0));
      expect(ran.toSorted((a, b) => a - b)).toEqual(numbers);
      const again = (await w.events(run)).flatMap((event) => (event.type === "items" ? (event.again ?? []) : []));
      expect(again).toEqual([1]);
      expect((await w.events(run)).some((event) => event.type === "failed")).toBe(false);
    });
  });
});
