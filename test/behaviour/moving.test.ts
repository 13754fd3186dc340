/** Runs that go on with other code, and runs whose messages could not be handled. */
import { describe, expect, test } from "vitest";
import * as z from "zod";
import { decode } from "../../engine/codec.ts";
import { turnWithoutCode } from "../../engine/dead-letter.ts";
import { Code, type FlowDefinition } from "../../engine/definition.ts";
import type { RunEvent } from "../../engine/events.ts";
import { type Delivery, type Message, runActor } from "../../engine/messages.ts";
import { shared } from "../../engine/scope.ts";
import { turn } from "../../engine/turn.ts";
import { Warm } from "../../engine/warm.ts";
import { flow, runInput, sleep, task, waitForInput } from "../../sdk/index.ts";
import type { PortsRun } from "../../sdk/ports-run.ts";
import { inEachWorld, type World } from "./worlds.ts";

const add = task({ name: "moving-add" }, async (n: number) => n + 1);

/** From here on build b2 is deployed, with another function for the flow; what belongs to b1 is handed to the old one. */
function deploy(w: World, name: string, fn: FlowDefinition["fn"]): string[] {
  const old = shared.code.flow(name);
  const before = { ...w.runtime.host, warm: new Warm(), build: "b1", handOn: undefined };
  const handed: string[] = [];
  shared.code.flows.set(name, { ...old, fn });
  w.runtime.host.warm.clear();
  Object.assign(w.runtime.host, {
    build: "b2",
    handOn: async (build: string, actor: string, deliveries: readonly Delivery[]) => {
      handed.push(`${build} ${deliveries.map(({ message }) => message.kind).join()}`);
      shared.code.flows.set(name, old);
      await turn(before, actor, deliveries).finally(() => shared.code.flows.set(name, { ...old, fn }));
    },
  });
  return handed;
}
const eventsOf = async (w: World, id: string): Promise<RunEvent[]> => (await w.events(id)) as RunEvent[];

inEachWorld("moving", (world) => {
  describe("runs migrate", () => {
    test("an open run whose log the new code matches goes on with it", async () => {
      await using w = await world({ host: { build: "b1" } });
      const f = flow({ name: "moves" }, async () => {
        await sleep("1 hour");
        return "old";
      });
      const run = (await w.client.run(f)) as PortsRun<string>;
      await w.settled();
      const handed = deploy(w, "moves", async () => {
        await sleep("1 hour");
        return `new ${await add(1)}`;
      });
      await run.migrate();
      await w.settled();
      expect((await w.client.ports.index.run(run.id))?.build).toBe("b2");
      await w.advance("2 hours");
      expect(await run.result()).toBe("new 2");
      expect(handed).toEqual([]);
      expect((await eventsOf(w, run.id)).filter(({ type }) => type === "migrated")).toEqual([{ type: "migrated", request: expect.any(String), build: "b2" }]);
    });

    const other: Readonly<Record<string, () => Promise<unknown>>> = {
      "makes another call": async () => sleep("1 hour"),
      "makes a call beside those of the log": async () => {
        await add(0);
        return Promise.all([sleep("1 hour"), add(1)]);
      },
      "waits for what no log can hold": async () => {
        await add(0);
        void sleep("1 hour");
        await new Promise(() => {});
      },
    };
    test.each(Object.keys(other).map((what) => [what, what.startsWith("waits") ? "WH1202" : "WH1201"]))(
      "one whose new code %s stays where it is, and says why",
      async (what, code) => {
        await using w = await world({ host: { build: "b1" } });
        const f = flow({ name: `stays ${what}` }, async () => {
          await add(0);
          await sleep("1 hour");
          return "old";
        });
        const run = (await w.client.run(f)) as PortsRun<string>;
        await w.settled();
        const handed = deploy(w, `stays ${what}`, other[what] as never);
        await run.migrate();
        await w.settled();
        const told = (await eventsOf(w, run.id)).find((event) => event.type === "migrated");
        expect(told?.type === "migrated" && decode(told.error as string)).toMatchObject({ code });
        expect((await w.client.ports.index.run(run.id))?.build).toBe("b1");
        await w.advance("2 hours");
        expect(await run.result()).toBe("old");
        expect(handed).toEqual(["b1 fire"]);
      },
    );

    test("one whose flow is gone from the new code stays where it is", async () => {
      await using w = await world({ host: { build: "b1" } });
      const run = await w.client.run(flow({ name: "goes away" }, async () => sleep("1 hour")));
      await w.settled();
      const actor = runActor(run.id);
      const elsewhere = { ...w.runtime.host, code: new Code(), warm: new Warm(), build: "b2" };
      await turn(elsewhere, actor, [{ actor, physical: "m", receives: 1, message: { kind: "migrate", id: "migrate:1" } }]);
      const told = (await eventsOf(w, run.id)).find((event) => event.type === "migrated");
      expect(told?.type === "migrated" && decode(told.error as string)).toMatchObject({ code: "WH2001" });
      expect((await w.client.ports.log.tail(actor))?.state).toMatchObject({ build: "b1" });
    });

    test("a paused run moves as it is, and goes on with the new code when it is resumed", async () => {
      await using w = await world({ host: { build: "b1" } });
      const f = flow({ name: "rests" }, async () => {
        await sleep("1 hour");
        return "old";
      });
      const run = (await w.client.run(f)) as PortsRun<string>;
      await w.settled();
      await run.pause();
      await w.settled();
      deploy(w, "rests", async () => {
        await sleep("1 hour");
        return "new";
      });
      await run.migrate();
      await w.advance("2 hours");
      expect((await run.state()).name).toBe("Paused");
      await run.resume();
      expect(await run.result()).toBe("new");
    });

    test("one that has ended cannot be moved", async () => {
      await using w = await world({ host: { build: "b1" } });
      const run = (await w.client.run(flow({ name: "over" }, async () => 1))) as PortsRun<number>;
      await run.result();
      await expect(run.migrate()).rejects.toMatchObject({ code: "WH2004" });
    });
  });

  describe("runs redrive", () => {
    const Answer = runInput({ name: "moving-answer", schema: z.object({ yes: z.boolean() }) });
    /** As the dead letters' function does it. */
    const bury = (w: World, run: string, ...messages: readonly Message[]): Promise<void> =>
      turnWithoutCode(
        w.runtime.host,
        runActor(run),
        messages.map((message, i) => ({ actor: runActor(run), physical: `dead-${i}`, receives: 11, message })),
        "its message became a dead letter",
      );

    test("a run whose start could not be handled starts with the parameters that it was to have", async () => {
      await using w = await world();
      flow({ name: "unstarted", parameters: z.object({ n: z.number() }) }, async ({ n }) => add(n));
      await bury(w, "never", {
        kind: "start",
        id: "start:never:client",
        flow: "unstarted",
        name: "never-ever",
        parameters: '{"n":41}',
        createdAt: 0,
        tags: ["t"],
      });
      const old = w.client.get("never") as PortsRun<number>;
      expect(await old.state()).toMatchObject({ type: "CRASHED" });
      const again = await old.redrive();
      expect(await again.result()).toBe(42);
      expect(await w.client.ports.index.run(again.id)).toMatchObject({ origin: "never", flow: "unstarted", tags: ["t"] });
      expect(await (await old.retry()).result()).toBe(42);
    });

    test("inputs that were lost with a run are sent to the one that goes on for it, which takes over what completed", async () => {
      await using w = await world();
      let added = 0;
      const count = task({ name: "moving-count" }, async () => ++added);
      const f = flow({ name: "asks-twice" }, async () => {
        await count();
        const [a, b] = [await waitForInput(Answer), await waitForInput(Answer)];
        return [a.yes, b.yes];
      });
      const run = (await w.client.run(f)) as PortsRun<boolean[]>;
      await w.settled();
      const input = (id: string, yes: boolean): Message => ({ kind: "input", id, name: "moving-answer", value: JSON.stringify({ yes }) });
      await bury(w, run.id, input("input:1", true), input("input:2", false));
      expect(await run.state()).toMatchObject({ type: "CRASHED" });
      const again = await run.redrive();
      expect(await again.result()).toEqual([true, false]);
      expect(added).toBe(1);
    });

    test("there is nothing to redrive in a run that failed by itself, or that is open", async () => {
      await using w = await world();
      const failed = (await w.client.run(
        flow({ name: "fails-by-itself" }, async () => {
          throw new Error("no");
        }),
      )) as PortsRun<never>;
      await failed.result().catch(() => {});
      await expect(failed.redrive()).rejects.toMatchObject({ code: "WH2063" });
      const open = (await w.client.run(flow({ name: "sleeps-on" }, async () => sleep("1 hour")))) as PortsRun<void>;
      await w.settled();
      await expect(open.redrive()).rejects.toMatchObject({ code: "WH2004" });
    });
  });
});
