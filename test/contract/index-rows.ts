/** Index: rows derived from the logs. A newer row replaces an older one, never the other way; lists are newest first and page without holes. */
import { expect } from "vitest";
import type { ArtifactRow, RunRow, StateType } from "../../engine/events.ts";
import type { Index, RunFilter } from "../../engine/ports.ts";
import { contract, eventually, type Make, type Skips, type Subject } from "./backend.ts";
import { AWKWARD, AWKWARD_NAME, artifactRow, deploymentRow, LOOKALIKES, NOON, runRow } from "./samples.ts";

const names = (rows: readonly RunRow[]): readonly string[] => rows.map((row) => row.id);

/** All rows that a filter gives, page by page. */
async function pages(index: Index, filter: RunFilter): Promise<readonly RunRow[]> {
  const rows: RunRow[] = [];
  for (let cursor: string | undefined; ; ) {
    const page = await index.runs({ ...filter, ...(cursor === undefined ? {} : { cursor }) });
    if (filter.limit !== undefined) expect(page.rows.length).toBeLessThanOrEqual(filter.limit);
    rows.push(...page.rows);
    expect(new Set(names(rows)).size, "a row was given twice").toBe(rows.length);
    if (page.cursor === undefined) return rows;
    expect(page.cursor).not.toBe(cursor);
    cursor = page.cursor;
  }
}

/** The index may be slightly behind: waits until a filter gives so many rows. */
async function listed(subject: Subject, count: number, filter: RunFilter = {}): Promise<readonly RunRow[]> {
  return await eventually(subject, `${count} rows for ${JSON.stringify(filter)}`, async () =>
    ((rows) => (rows.length >= count ? rows : undefined))(await pages(subject.ports.index, filter)),
  );
}

const state = (type: StateType): RunRow["state"] => ({ type, name: type.toLowerCase(), timestamp: NOON });

/** Five runs, the oldest first, that differ in all that can be filtered. */
const FIVE: readonly RunRow[] = [
  runRow("r1", { createdAt: NOON + 1000, flow: "digest", deployment: "nightly", state: state("COMPLETED"), tags: ["prod", "eu"] }),
  runRow("r2", { createdAt: NOON + 2000, flow: "digest", state: state("RUNNING"), tags: ["prod"], parent: "r1" }),
  runRow("r3", { createdAt: NOON + 3000, flow: "notify", state: state("FAILED"), tags: ["eu"], parent: "r1" }),
  runRow("r4", { createdAt: NOON + 4000, flow: "digest", deployment: "nightly", state: state("FAILED"), tags: [] }),
  runRow("r5", { createdAt: NOON + 5000, flow: "notify", deployment: "hourly", state: state("RUNNING"), tags: ["prod"], parent: "r4" }),
];

export function indexContract(make: Make, skips: Skips = {}): void {
  contract("index", make, skips, (check) => {
    check("an empty index has no rows", async ({ ports: { index } }) => {
      expect(await index.run("r1")).toBeNull();
      expect((await index.runs({})).rows).toEqual([]);
      expect((await index.runs({})).cursor).toBeUndefined();
      expect(await index.deployments()).toEqual([]);
      expect(await index.artifacts("r1")).toEqual([]);
    });

    check("a run's row comes back as it was written", async (subject) => {
      const full = runRow("r1", {
        name: AWKWARD,
        flow: AWKWARD_NAME,
        deployment: AWKWARD_NAME,
        parent: "r0",
        tags: [AWKWARD_NAME, "żółć"],
        startedAt: NOON + 1,
        endedAt: NOON + 2,
        scheduledTime: NOON - 1,
        version: "1.4.0",
        origin: "r-1",
        continuedAs: "r2",
        state: {
          type: "PAUSED",
          name: "Suspended",
          message: AWKWARD,
          timestamp: NOON,
          reason: { code: "input", message: AWKWARD, since: NOON, until: NOON + 9, blockedBy: ["run:a"] },
        },
      });
      await subject.ports.index.putRun(full);
      expect(await subject.ports.index.run("r1")).toEqual(full);
      expect(await listed(subject, 1)).toEqual([full]);
      expect(await listed(subject, 1, { flow: AWKWARD_NAME, deployment: AWKWARD_NAME, tag: AWKWARD_NAME })).toEqual([full]);
    });

    check("an older row never replaces a newer one, in whatever order they come", async (subject) => {
      const { index } = subject.ports;
      await index.putRun(runRow("r1", { seq: 3, name: "three", state: state("RUNNING") }));
      await index.putRun(runRow("r1", { seq: 2, name: "two", state: state("SCHEDULED") }));
      expect((await index.run("r1"))?.name).toBe("three");
      await index.putRun(runRow("r1", { seq: 10, name: "ten", state: state("COMPLETED") }));
      await index.putRun(runRow("r1", { seq: 9, name: "nine", state: state("RUNNING") }));
      expect((await index.run("r1"))?.name).toBe("ten");
      expect(names(await listed(subject, 1, { states: ["COMPLETED"] }))).toEqual(["r1"]);
      expect(names(await pages(index, { states: ["RUNNING", "SCHEDULED"] }))).toEqual([]);
      expect(names(await pages(index, {}))).toEqual(["r1"]);
    });

    check("of rows written at once the newest stays", async ({ ports: { index } }) => {
      await Promise.all([4, 9, 1, 7, 12, 3, 11].map((seq) => index.putRun(runRow("r1", { seq, name: `at ${seq}` }))));
      expect((await index.run("r1"))?.name).toBe("at 12");
    });

    check("the same row written again, as by an effect that is performed again, changes nothing", async (subject) => {
      for (const row of FIVE) await subject.ports.index.putRun(row);
      for (const row of FIVE) await subject.ports.index.putRun(row);
      expect(await listed(subject, 5)).toEqual(FIVE.toReversed());
    });

    check("lists are newest first", async (subject) => {
      for (const i of [2, 0, 4, 1, 3]) await subject.ports.index.putRun(FIVE[i] as RunRow);
      expect(await listed(subject, 5)).toEqual(FIVE.toReversed());
    });

    check("each filter alone", async (subject) => {
      for (const row of FIVE) await subject.ports.index.putRun(row);
      await listed(subject, 5);
      const expected: readonly (readonly [RunFilter, readonly string[]])[] = [
        [{ flow: "digest" }, ["r4", "r2", "r1"]],
        [{ deployment: "nightly" }, ["r4", "r1"]],
        [{ states: ["FAILED"] }, ["r4", "r3"]],
        [{ states: ["FAILED", "COMPLETED"] }, ["r4", "r3", "r1"]],
        [{ tag: "prod" }, ["r5", "r2", "r1"]],
        [{ parent: "r1" }, ["r3", "r2"]],
        [{ since: NOON + 3000 }, ["r5", "r4", "r3"]],
        [{ until: NOON + 2999 }, ["r2", "r1"]],
        [{ limit: 2 }, ["r5", "r4"]],
        [{ flow: "none" }, []],
        [{ tag: "pro" }, []],
        [{ states: ["CRASHED"] }, []],
      ];
      for (const [filter, rows] of expected) expect(names((await subject.ports.index.runs(filter)).rows), JSON.stringify(filter)).toEqual(rows);
    });

    check("filters combined", async (subject) => {
      for (const row of FIVE) await subject.ports.index.putRun(row);
      await listed(subject, 5);
      const expected: readonly (readonly [RunFilter, readonly string[]])[] = [
        [{ flow: "digest", states: ["FAILED", "RUNNING"] }, ["r4", "r2"]],
        [{ flow: "digest", deployment: "nightly", tag: "eu" }, ["r1"]],
        [{ tag: "prod", states: ["RUNNING"], since: NOON + 2001 }, ["r5"]],
        [{ since: NOON + 1500, until: NOON + 4500 }, ["r4", "r3", "r2"]],
        [{ parent: "r1", flow: "notify", states: ["FAILED"], tag: "eu" }, ["r3"]],
        [{ parent: "r1", deployment: "nightly" }, []],
        [{ flow: "notify", limit: 1 }, ["r5"]],
      ];
      for (const [filter, rows] of expected) expect(names((await subject.ports.index.runs(filter)).rows), JSON.stringify(filter)).toEqual(rows);
    });

    check("since is inclusive, and so is until", async (subject) => {
      for (const row of FIVE) await subject.ports.index.putRun(row);
      await listed(subject, 5);
      expect(names(await pages(subject.ports.index, { since: NOON + 2000, until: NOON + 4000 }))).toEqual(["r4", "r3", "r2"]);
    });

    check("pages of any size give every row once, in one order, also among rows of the same moment", async (subject) => {
      const ids = Array.from({ length: 57 }, (_, i) => `r-${(i * 23) % 57}`);
      for (const [i, id] of ids.entries()) await subject.ports.index.putRun(runRow(id, { createdAt: NOON + (i % 4), flow: i % 2 ? "odd" : "even" }));
      const all = await listed(subject, 57);
      expect(names(all).toSorted()).toEqual(ids.toSorted());
      expect(all.map((row) => row.createdAt)).toEqual(all.map((row) => row.createdAt).toSorted((a, b) => b - a));
      for (const limit of [1, 2, 5, 7, 56, 57, 100]) {
        expect(names(await pages(subject.ports.index, { limit })), `by ${limit}`).toEqual(names(all));
        expect(names(await pages(subject.ports.index, { limit, flow: "odd" })), `odd by ${limit}`).toEqual(names(all.filter((row) => row.flow === "odd")));
      }
    });

    check("without a limit a page is finite, and its cursor leads to the rest", async (subject) => {
      const count = 230;
      for (let i = 0; i < count; i++) await subject.ports.index.putRun(runRow(`r-${i}`, { createdAt: NOON + i }));
      expect(names(await listed(subject, count))).toEqual(Array.from({ length: count }, (_, i) => `r-${count - 1 - i}`));
    });

    check("a page follows its cursor though newer runs start and old ones change", async (subject) => {
      for (let i = 0; i < 6; i++) await subject.ports.index.putRun(runRow(`r-${i}`, { createdAt: NOON + i }));
      await listed(subject, 6);
      const first = await subject.ports.index.runs({ limit: 3 });
      expect(names(first.rows)).toEqual(["r-5", "r-4", "r-3"]);
      await subject.ports.index.putRun(runRow("new", { createdAt: NOON + 99 }));
      await subject.ports.index.putRun(runRow("r-3", { seq: 2, createdAt: NOON + 3, state: state("COMPLETED") }));
      await subject.ports.index.putRun(runRow("r-2", { seq: 2, createdAt: NOON + 2, state: state("COMPLETED") }));
      await listed(subject, 7);
      const second = await subject.ports.index.runs({ limit: 3, cursor: first.cursor as string });
      expect(names(second.rows)).toEqual(["r-2", "r-1", "r-0"]);
      expect(second.rows[0]?.state.type).toBe("COMPLETED");
    });

    check("a cursor that no page gave is refused", async ({ ports: { index } }) => {
      await index.putRun(runRow("r1"));
      for (const cursor of ["", "no cursor", "e30", "W10", "\u0000", AWKWARD])
        await expect(index.runs({ cursor }), JSON.stringify(cursor)).rejects.toMatchObject({ name: "WindhoverError", code: "WH2015" });
    });

    check("runs with similar ids are different runs", async (subject) => {
      for (const id of LOOKALIKES) await subject.ports.index.putRun(runRow(id, { name: `of ${id}`, flow: id, parent: id, tags: [id] }));
      await listed(subject, LOOKALIKES.length);
      for (const id of LOOKALIKES) {
        expect((await subject.ports.index.run(id))?.name).toBe(`of ${id}`);
        for (const filter of [{ flow: id }, { parent: id }, { tag: id }])
          expect(names(await pages(subject.ports.index, filter)), JSON.stringify(filter)).toEqual([id]);
      }
    });

    check("deployments are listed, one row a name, and an older one never replaces a newer one", async ({ ports: { index } }) => {
      await index.putDeployment(deploymentRow("nightly", { seq: 5, description: "five" }));
      await index.putDeployment(deploymentRow("nightly", { seq: 4, description: "four" }));
      const full = deploymentRow(AWKWARD_NAME, { description: AWKWARD, version: "2", lastRun: "r1", paused: true, tags: ["a", "b"], schedules: [] });
      await index.putDeployment(full);
      const rows = await index.deployments();
      expect(rows).toHaveLength(2);
      expect(rows.find((row) => row.name === "nightly")?.description).toBe("five");
      expect(rows.find((row) => row.name === AWKWARD_NAME)).toEqual(full);
      await index.putDeployment(deploymentRow("nightly", { seq: 6, description: "six" }));
      expect((await index.deployments()).find((row) => row.name === "nightly")?.description).toBe("six");
    });

    check("artifacts are listed by run in the order of time, and one written twice is one", async ({ ports: { index } }) => {
      const late = artifactRow("r1", "late", { at: NOON + 9 });
      const early = artifactRow("r1", AWKWARD_NAME, { at: NOON, data: AWKWARD });
      const stored = artifactRow("r1", "stored", { at: NOON + 5, kind: "table", data: { ref: "abc", chars: 5000 } });
      for (const row of [late, early, stored, late, artifactRow("r10", "other")]) await index.putArtifact(row);
      expect(await index.artifacts("r1")).toEqual([early, stored, late]);
      expect((await index.artifacts("r10")).map((row) => row.key)).toEqual(["other"]);
    });
    check(
      "an older artifact of a flow never replaces a newer one, in whatever order they come; a task's is whatever came last",
      async ({ ports: { index } }) => {
        const [first, second, third] = [2, 7, 8].map((seq) => artifactRow("r11", "progress", { seq, data: `${seq}` })) as [
          ArtifactRow,
          ArtifactRow,
          ArtifactRow,
        ];
        const ofTask = artifactRow("r11", "progress", { data: "1" });
        const shown = async (row: ArtifactRow) => {
          await index.putArtifact(row);
          return index.artifacts("r11");
        };
        expect(await shown(second)).toEqual([second]);
        expect(await shown(first)).toEqual([second]);
        await Promise.all([index.putArtifact(third), index.putArtifact(first)]);
        expect(await index.artifacts("r11")).toEqual([third]);
        expect(await shown(ofTask)).toEqual([ofTask]);
        expect(await shown(first)).toEqual([first]);
      },
    );

    check("rows are copies: neither their writer nor a reader can change them", async ({ ports: { index } }) => {
      const row = runRow("r1", { tags: ["before"] });
      await index.putRun(row);
      (row.tags as string[])[0] = "changed";
      ((await index.run("r1")) as { name: string }).name = "changed";
      expect(await index.run("r1")).toEqual(runRow("r1", { tags: ["before"] }));
    });

    check("rows are there after the process died", async (subject) => {
      for (const row of FIVE) await subject.ports.index.putRun(row);
      await subject.ports.index.putDeployment(deploymentRow("nightly"));
      await subject.ports.index.putArtifact(artifactRow("r1", "report"));
      await listed(subject, 5);
      const next = await subject.reopen();
      expect(await listed(next, 5)).toEqual(FIVE.toReversed());
      expect(await next.ports.index.deployments()).toEqual([deploymentRow("nightly")]);
      expect(await next.ports.index.artifacts("r1")).toEqual([artifactRow("r1", "report")]);
    });
  });
}
