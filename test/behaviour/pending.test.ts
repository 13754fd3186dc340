/** Runs that were accepted and that nobody has taken: they can be seen, looked at and cancelled like all others. */
import { describe, expect, test } from "vitest";
import { flow } from "windhover";
import * as z from "zod";
import type { RunRow } from "../../engine/events.ts";
import { runActor } from "../../engine/messages.ts";
import type { RunFilter } from "../../engine/ports.ts";
import { shared } from "../../engine/scope.ts";
import { PortsClient } from "../../sdk/ports-client.ts";
import { runRows } from "../../sdk/run-rows.ts";
import { inEachWorld, START, type World } from "./worlds.ts";

const REASON = { code: "start", message: "Its start waits for a process that knows its flow: windhover dev" };
/** One that has started nothing. */
const stranger = ({ client }: World): PortsClient => new PortsClient({ ports: client.ports, code: shared.code, changed: async () => {} });

inEachWorld("runs that nobody has taken", (world) => {
  const greets = flow({ name: "pending-greets", tags: ["own"], parameters: z.object({ whom: z.string() }) }, async ({ whom }) => `hello ${whom}`);
  const hourly = greets.deployment({ name: "pending-hourly", tags: ["prod"], parameters: { whom: "hours" }, version: "7" });

  test("a run is listed as Pending from its acceptance on, with all that its start says, and then as what it is", async () => {
    await using w = await world();
    await w.runtime.worker.stop();
    const run = await w.client.run(greets, { whom: "you" }, { name: "early", tags: ["hand"] });
    const waiting = { type: "PENDING", name: "Pending", timestamp: new Date(START), reason: { ...REASON, since: new Date(START) } };
    expect(await stranger(w).runs()).toEqual({
      runs: [{ id: run.id, name: "early", flow: "pending-greets", tags: ["own", "hand"], createdAt: new Date(START), state: waiting }],
    });
    expect(await stranger(w).get(run.id).state()).toEqual(waiting);
    w.runtime.worker.start();
    await w.settled();
    expect((await stranger(w).runs()).runs).toMatchObject([{ id: run.id, state: { type: "COMPLETED" } }]);
  });

  test("a deployment's run is listed under its flow, also where the deployment itself is still in the mail", async () => {
    await using w = await world();
    await w.runtime.worker.stop();
    const first = await w.client.run(hourly, {});
    const seen = { flow: "pending-greets", deployment: "pending-hourly", tags: ["own", "prod", "hand"], state: { type: "PENDING", reason: REASON } };
    expect((await stranger(w).runs({ deployment: "pending-hourly" })).runs).toMatchObject([{ id: first.id, flow: "pending-greets", tags: ["own", "prod"] }]);
    w.runtime.worker.start();
    await w.settled();
    await w.runtime.worker.stop();
    const second = await stranger(w).runDeployment("pending-hourly", {}, { tags: ["hand"], name: "second" });
    expect((await stranger(w).runs({ flow: "pending-greets", state: "PENDING" })).runs).toMatchObject([{ id: second.id, name: "second", ...seen }]);
    w.runtime.worker.start();
    expect(await w.client.get(second.id).result()).toBe("hello hours");
    expect((await w.client.runs()).runs.map(({ id }) => id).toSorted()).toEqual([first.id, second.id].toSorted());
  });

  test("a cancel, a pause and a resume wait with it", async () => {
    await using w = await world();
    await w.runtime.worker.stop();
    const run = await w.client.run(greets, { whom: "you" });
    const triggered = await w.client.run(hourly, {}, { name: "never" });
    const paused = await w.client.run(greets, { whom: "me" });
    for (const { id } of [run, triggered]) await stranger(w).get(id).cancel();
    await stranger(w).get(paused.id).pause();
    await stranger(w).get(paused.id).resume();
    w.runtime.worker.start();
    await w.settled();
    expect(await run.state()).toMatchObject({ type: "CANCELLED" });
    expect(await triggered.state()).toMatchObject({ type: "CANCELLED" });
    expect((await w.client.runs({ state: "CANCELLED", deployment: "pending-hourly" })).runs).toMatchObject([{ name: "never", flow: "pending-greets" }]);
    expect(await paused.state()).toMatchObject({ type: "COMPLETED" });
    await expect(stranger(w).get("nobody").cancel()).rejects.toThrow("WH2002");
  });

  test("a run whose process dies in its first turn is still there", async () => {
    let w = await world();
    await w.runtime.worker.stop();
    const { id } = await w.client.run(greets, { whom: "you" });
    await w.client.ports.inbox.receive(1);
    expect(await stranger(w).get(id).state()).toMatchObject({ type: "PENDING" });
    w = await w.restart();
    await w.settled();
    expect(await stranger(w).get(id).state()).toMatchObject({ type: "COMPLETED" });
    await w[Symbol.asyncDispose]();
  });

  describe("lists", () => {
    /** Runs of two flows, every other one without a row, several of one moment. */
    async function filled(w: World): Promise<readonly string[]> {
      await w.runtime.worker.stop();
      const ids: string[] = [];
      for (let i = 0; i < 23; i++) {
        const id = `run-${String((i * 7) % 23).padStart(2, "0")}`;
        const createdAt = START - Math.floor(i / 3) * 1000;
        const shown = { name: id, flow: i % 5 === 0 ? "rare" : "common", tags: i % 3 === 0 ? ["third"] : [], createdAt };
        if (i % 2 === 0) await w.client.ports.mailbox.send(runActor(id), { kind: "start", id: `start:${id}:client`, parameters: "{}", ...shown });
        else await w.client.ports.index.putRun({ id, seq: 1, state: { type: i % 4 === 1 ? "RUNNING" : "PENDING", name: "x", timestamp: createdAt }, ...shown });
        ids.push(id);
      }
      return ids;
    }
    async function pages(w: World, filter: RunFilter): Promise<readonly RunRow[]> {
      const rows: RunRow[] = [];
      let cursor: string | undefined;
      do {
        const page = await runRows(w.client.ports, { ...filter, ...(cursor !== undefined && { cursor }) });
        expect(page.rows.length).toBeLessThanOrEqual(filter.limit as number);
        rows.push(...page.rows);
        cursor = page.cursor;
      } while (cursor !== undefined && rows.length < 100);
      return rows;
    }

    test("come in pages of any size, in order, each run once", async () => {
      await using w = await world();
      const ids = await filled(w);
      const whole = await runRows(w.client.ports, { limit: 100 });
      expect(whole.cursor).toBeUndefined();
      expect(whole.rows.map(({ id }) => id).toSorted()).toEqual(ids.toSorted());
      const inOrder = whole.rows.toSorted((a, b) => b.createdAt - a.createdAt || (a.id < b.id ? 1 : -1));
      expect(whole.rows).toEqual(inOrder);
      for (let limit = 1; limit <= 24; limit++) expect(await pages(w, { limit }), `pages of ${limit}`).toEqual(whole.rows);
    });

    test("are filtered", async () => {
      await using w = await world();
      await filled(w);
      const { rows } = await runRows(w.client.ports, { limit: 100 });
      const cases: readonly (readonly [RunFilter, (row: RunRow) => boolean])[] = [
        [{ flow: "rare" }, (row) => row.flow === "rare"],
        [{ tag: "third" }, (row) => row.tags.includes("third")],
        [{ states: ["PENDING"] }, (row) => row.state.type === "PENDING"],
        [{ states: ["RUNNING"] }, (row) => row.state.type === "RUNNING"],
        [{ since: START - 2000, until: START - 1000 }, (row) => row.createdAt >= START - 2000 && row.createdAt <= START - 1000],
        [{ deployment: "none" }, () => false],
      ];
      for (const [filter, is] of cases)
        for (const limit of [2, 50]) expect(await pages(w, { ...filter, limit }), JSON.stringify(filter)).toEqual(rows.filter(is));
    });

    test("go on where they were when runs come, start and are taken meanwhile; what is no cursor is refused", async () => {
      await using w = await world();
      await filled(w);
      const { rows: before } = await runRows(w.client.ports, { limit: 100 });
      const first = await runRows(w.client.ports, { limit: 8 });
      for (const { id, state, ...row } of before.slice(2, 12))
        if (row.seq === 0) await w.client.ports.index.putRun({ ...row, id, seq: 1, state: { ...state, type: "RUNNING" } });
      await w.client.ports.mailbox.send("run:newer", { kind: "start", id: "start:newer:client", flow: "f", name: "n", parameters: "{}", createdAt: START + 1 });
      const second = await runRows(w.client.ports, { limit: 50, ...(first.cursor !== undefined && { cursor: first.cursor }) });
      expect([...first.rows, ...second.rows].map(({ id }) => id)).toEqual(before.map(({ id }) => id));
      for (const cursor of ["w.", "w.bm8", `w.${Buffer.from("[1]").toString("base64url")}`, "?"])
        await expect(runRows(w.client.ports, { cursor }), cursor).rejects.toMatchObject({ code: "WH2015" });
    });
  });
});
