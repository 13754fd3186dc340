/** What ended longer ago than it is kept is deleted with all that belongs to it, and nothing else is. */
import { describe, expect, test } from "vitest";
import { type EmbeddedBackend, openEmbedded } from "../../adapters/embedded/backend.ts";
import { loadDriver, openDatabase } from "../../adapters/embedded/database.ts";
import { openRuntime } from "../../adapters/embedded/open.ts";
import { durationMs } from "../../engine/errors.ts";
import type { Entry, RunRow } from "../../engine/events.ts";
import type { Message } from "../../engine/messages.ts";
import { artifact, emit, flow, log, task } from "../../sdk/index.ts";
import { databaseIn, message, newDirectory } from "./place.ts";
import { VirtualClock } from "./virtual-clock.ts";

const NOW = Date.parse("2026-03-01T12:00:00Z");
const days = (n: number): number => n * durationMs("1 day");
const THIRTY = { completed: "30 days", failed: "60 days" };

function row(id: string, endedDaysAgo: number | null, more: Partial<RunRow> = {}): RunRow {
  const endedAt = endedDaysAgo === null ? undefined : NOW - days(endedDaysAgo);
  const at = endedAt ?? NOW - days(400);
  const state = endedAt === undefined ? ({ type: "RUNNING", name: "Running" } as const) : ({ type: "COMPLETED", name: "Completed" } as const);
  return { id, seq: 1, name: id, flow: "f", tags: ["nightly"], createdAt: at - 1000, startedAt: at, endedAt, state: { ...state, timestamp: at }, ...more };
}
const failed = { state: { type: "FAILED", name: "Failed", timestamp: NOW } } as const;

/** A run as the engine leaves it: an entry whose events name a result. */
async function put({ ports }: EmbeddedBackend, run: RunRow, result?: string): Promise<void> {
  const events = result === undefined ? [] : [{ type: "settled", call: "a", ok: true, value: { ref: result, chars: 9 } }];
  await ports.log.append({ actor: `run:${run.id}`, n: 1, at: 1, nonce: "x", version: 1, physical: [], events, effects: [], state: {} } as unknown as Entry);
  await ports.index.putRun(run);
}
const rowsLeft = async ({ ports }: EmbeddedBackend): Promise<readonly string[]> => (await ports.index.runs({})).rows.map(({ id }) => id).sort();

async function opened(clock = new VirtualClock(NOW), directory = newDirectory()): Promise<EmbeddedBackend & { directory: string; clock: VirtualClock }> {
  return { ...(await openEmbedded({ directory, now: clock })), directory, clock };
}
/** Two sweeps an hour apart: results that lose their last reference in the first are deleted in the second. */
async function sweepTwice(backend: EmbeddedBackend & { clock: VirtualClock }, retention = THIRTY): Promise<void> {
  await backend.sweep(retention);
  await backend.clock.advance(durationMs("1 hour"));
  await backend.sweep(retention);
}
const found = async (backend: EmbeddedBackend, key: string): Promise<boolean> =>
  backend.ports.results.get(key).then(
    () => true,
    () => false,
  );

describe("retention", () => {
  test("a run goes when it ended long enough ago: completed and cancelled ones by one setting, failed and crashed ones by the other", async () => {
    const backend = await opened();
    await put(backend, row("old", 31));
    await put(backend, row("young", 29));
    await put(backend, row("old-failed", 61, failed));
    await put(backend, row("young-failed", 31, failed));
    await put(backend, row("cancelled", 31, { state: { type: "CANCELLED", name: "Cancelled", timestamp: NOW } }));
    await put(backend, row("open", null));
    expect(await backend.sweep(THIRTY)).toEqual({ runs: 3, results: 0 });
    expect(await rowsLeft(backend)).toEqual(["open", "young", "young-failed"]);
    expect(await backend.ports.log.tail("run:old")).toBeNull();
    expect((await backend.ports.log.tail("run:young"))?.n).toBe(1);
    expect((await backend.ports.index.runs({ tag: "nightly" })).rows).toHaveLength(3);
    await backend.close();
  });

  test("what is not set is kept for ever", async () => {
    const backend = await opened();
    await put(backend, row("old", 300));
    await put(backend, row("old-failed", 300, failed));
    await backend.ports.events.emit({ id: "e", type: "t", run: "old", at: NOW - days(300), detail: "1" });
    await backend.sweep({});
    expect(await rowsLeft(backend)).toEqual(["old", "old-failed"]);
    await backend.sweep({ completed: "30 days" });
    expect(await rowsLeft(backend)).toEqual(["old-failed"]);
    expect(await backend.events()).toHaveLength(1);
    await backend.sweep(THIRTY);
    expect(await rowsLeft(backend)).toEqual([]);
    expect(await backend.events()).toEqual([]);
    await backend.close();
  });

  test("a run that another names as its parent or origin stays as long as the other does", async () => {
    const backend = await opened();
    await put(backend, row("parent", 31));
    await put(backend, row("child", 31, { parent: "parent" }));
    await put(backend, row("needed-parent", 31));
    await put(backend, row("young-child", 1, { parent: "needed-parent" }));
    await put(backend, row("first", 33));
    await put(backend, row("second", 32, { origin: "first" }));
    await put(backend, row("third", null, { origin: "second" }));
    await put(backend, row("failed-before", 90, failed));
    await put(backend, row("repeated", 31, { origin: "failed-before" }));
    await backend.sweep(THIRTY);
    expect(await rowsLeft(backend)).toEqual(["first", "needed-parent", "second", "third", "young-child"]);
    await backend.close();
  });

  test("a run stays while there is mail for it, for the run that called it or for its deployment, or a task of it in a queue", async () => {
    const backend = await opened();
    const { mailbox, tasks } = backend.ports;
    for (const id of ["mail", "task", "child", "scheduled", "idle"]) await put(backend, row(id, 31));
    await put(backend, row("child", 31, { parent: "busy-parent" }));
    await put(backend, row("scheduled", 31, { deployment: "nightly" }));
    await mailbox.send("run:mail", message("1"));
    await mailbox.send("run:busy-parent", message("2"));
    await mailbox.send("deployment:nightly", message("3"));
    await tasks.enqueue("gpu", { id: "t", actor: "run:task", run: { runId: "task", runName: "", flow: "f", parameters: "{}", tags: [] }, tasks: [] });
    await backend.sweep(THIRTY);
    expect(await rowsLeft(backend)).toEqual(["child", "mail", "scheduled", "task"]);
    await backend.close();
  });

  test("log lines, artifacts, abort marks, claims, timers and entries go with their run, and those of others stay", async () => {
    const backend = await opened();
    const { logs, index, aborts, claims, timers } = backend.ports;
    for (const [id, ended] of [
      ["old", 31],
      ["young", 1],
    ] as const) {
      await put(backend, row(id, ended));
      await logs.write(Array.from({ length: 1200 }, (_, i) => ({ id: `${i}`, run: id, at: NOW, level: "info" as const, message: "m" })));
      await index.putArtifact({ id: `${id}/a`, run: id, key: "a", kind: "markdown", data: '"text"', at: NOW });
      await aborts.mark(`run:${id}`, "all");
      await claims.take(`run:${id}`, "call-0#1", "{}");
      await timers.set(`run:${id}`, "t", NOW + days(1), message("t"));
    }
    await backend.sweep(THIRTY);
    await backend.close();
    await loadDriver();
    const database = openDatabase(databaseIn(backend.directory));
    const count = (table: string): unknown => database.prepare(`SELECT count(*) AS count FROM ${table}`).get()?.["count"];
    expect(
      Object.fromEntries(
        ["actors", "entries", "runs", "run_tags", "artifacts", "aborts", "attempt_claims", "timers", "log_lines"].map((table) => [table, count(table)]),
      ),
    ).toEqual({
      actors: 1,
      entries: 1,
      runs: 1,
      run_tags: 1,
      artifacts: 1,
      aborts: 1,
      attempt_claims: 1,
      timers: 1,
      log_lines: 1200,
    });
    database.close();
  });

  test("a result goes when nothing names it any more, and stays while an entry, a letter, an artifact, a timer, an event or a cache does", async () => {
    const backend = await opened();
    const { results, mailbox, index, timers, events, registry } = backend.ports;
    const names = ["nobody", "entry", "letter", "artifact", "timer", "event", "cache", "expired"];
    const keys: Record<string, string> = {};
    for (const name of names) {
      keys[name] = await results.put(`the result of ${name}`);
      await put(backend, row(name, 31), keys[name]);
    }
    const named = (name: string) => ({ ref: keys[name] as string, chars: 9 });
    await put(backend, row("young", 1), keys["entry"]);
    await mailbox.send("run:young", { kind: "input", id: "i", name: "n", value: named("letter") } as Message);
    await index.putArtifact({ id: "young/a", run: "young", key: "a", kind: "markdown", data: named("artifact"), at: NOW });
    await timers.set("run:young", "t", NOW + days(9), { kind: "input", id: "t", name: "n", value: named("timer") } as Message);
    await events.emit({ id: "e", type: "t", run: "young", at: NOW, detail: named("event") });
    await registry.put("cache", "c", { value: named("cache"), updatedAt: NOW });
    await registry.put("cache", "gone", { value: named("expired"), updatedAt: NOW, expiresAt: NOW - 1 });
    await sweepTwice(backend);
    const left = [];
    for (const name of names) if (await found(backend, keys[name] as string)) left.push(name);
    expect(left).toEqual(["entry", "letter", "artifact", "timer", "event", "cache"]);
    // They go in their turn, when what names them now does.
    await backend.clock.advance(days(40));
    await backend.settle();
    await mailbox.acknowledge(await backend.ports.inbox.receive(9));
    await sweepTwice(backend);
    expect(await found(backend, keys["entry"] as string)).toBe(false);
    expect(await found(backend, keys["artifact"] as string)).toBe(false);
    expect(await found(backend, keys["cache"] as string)).toBe(true);
    await backend.close();
  });

  test("a result that is stored again after it lost its last reference is kept, although what will name it is not on disk yet", async () => {
    const clock = new VirtualClock(NOW);
    const backend = await opened(clock);
    const other = await opened(clock, backend.directory);
    const key = await backend.ports.results.put("the same text");
    await put(backend, row("old", 31), key);
    await backend.sweep(THIRTY);
    expect(await other.ports.results.put("the same text")).toBe(key);
    await clock.advance(durationMs("1 hour"));
    await backend.sweep(THIRTY);
    expect(await found(other, key)).toBe(true);
    await other.close();
    await backend.close();
  });

  test("a sweep that died in between is finished by the next one", async () => {
    const backend = await opened();
    for (let i = 0; i < 40; i++) {
      await put(backend, row(`old-${i}`, 31));
      for (let n = 2; n < 60; n++)
        void backend.ports.log.append({ actor: `run:old-${i}`, n, events: [], effects: [], physical: [], state: {} } as unknown as Entry);
    }
    await backend.settle();
    const swept = backend.sweep(THIRTY).catch(() => "died");
    for (let i = 0; i < 6; i++) await new Promise((resolve) => setImmediate(resolve));
    backend.kill();
    expect(await swept).toBe("died");
    const again = await opened(backend.clock, backend.directory);
    await again.sweep(THIRTY);
    await again.close();
    await loadDriver();
    const database = openDatabase(databaseIn(backend.directory));
    for (const table of ["actors", "entries", "runs"]) expect(database.prepare(`SELECT count(*) AS count FROM ${table}`).get()).toMatchObject({ count: 0 });
    database.close();
  });

  test("a run that is started again under the id of a deleted one has a log of its own, in every process", async () => {
    const clock = new VirtualClock(NOW);
    const one = await opened(clock);
    const two = await opened(clock, one.directory);
    const next = (n: number, actor = "run:again") =>
      ({ actor, n, at: n, nonce: `${n}`, version: 1, physical: [], events: [], effects: [], state: {} }) as unknown as Entry;
    await put(one, row("again", 31));
    expect(await one.ports.log.append(next(2))).toBe(true);
    await two.sweep(THIRTY);
    // Another actor now has the row's number.
    for (const n of [1, 2]) expect(await two.ports.log.append(next(n, "run:other"))).toBe(true);
    expect(await one.ports.log.append(next(3))).toBe(false);
    expect((await one.ports.log.tail("run:other"))?.n).toBe(2);
    for (const n of [1, 2]) expect(await two.ports.log.append(next(n))).toBe(true);
    expect(await one.ports.log.append(next(3))).toBe(true);
    await one.close();
    await two.close();
  });

  test("a worker with a retention sweeps by itself; runs of the engine leave nothing behind", async () => {
    const directory = newDirectory();
    const large = task({ name: "large" }, async () => "x".repeat(50_000));
    const child = flow({ name: "small" }, async () => 1);
    const f = flow({ name: "swept" }, async () => {
      log.info("begun");
      await artifact.markdown("note", "text");
      await emit({ type: "done" });
      await child();
      return await large();
    });
    const first = await openRuntime({ directory });
    expect(await (await first.client.run(f, {})).result()).toHaveLength(50_000);
    await first.client.close();
    const second = await openRuntime({ directory, retention: { completed: "0 seconds", failed: "0 seconds" } });
    await expect.poll(async () => (await second.client.runs()).runs.length).toBe(0);
    await second.client.close();
    const third = await opened(new VirtualClock(Date.now() + days(1)), directory);
    await sweepTwice(third, { completed: "0 seconds", failed: "0 seconds" });
    await third.close();
    await loadDriver();
    const database = openDatabase(databaseIn(directory));
    for (const table of ["actors", "entries", "runs", "run_tags", "artifacts", "log_lines", "events", "results", "condemned", "attempt_claims"])
      expect([table, database.prepare(`SELECT count(*) AS count FROM ${table}`).get()?.["count"]]).toEqual([table, 0]);
    database.close();
  });
});
