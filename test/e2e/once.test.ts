/** `kill -9` of one of two processes on a directory, at random moments: what may run at most once never begins twice, and each call comes to an end. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFailed, test } from "vitest";
import { Sequence } from "../../engine/sequence.ts";
import { Child, type Said } from "../embedded/child-process.ts";

const source = fileURLToPath(new URL("once-process.ts", import.meta.url));
const KILLS = 16;
const ROUNDS = 120;

test(`${KILLS} kills: what may run at most once never begins twice`, { timeout: 240_000 }, async () => {
  const seed = process.env["SEED"] ?? "at most once";
  onTestFailed(() => console.error(`Alone, with the same choices: SEED="${seed}" npx vitest run --project here test/e2e/once.test.ts`));
  const random = new Sequence(seed);
  const directory = mkdtempSync(join(tmpdir(), "windhover-once-"));
  const isOver = ({ what }: Said): boolean => what === "result" || what === "failed" || what === "fatal";
  const all: Child[] = [];
  const start = async (): Promise<Child> => {
    const child = await Child.run(source, [directory, `${ROUNDS}`]);
    all.push(child);
    return child;
  };
  try {
    let survivor = await start();
    for (let kills = 0; kills < KILLS; kills++) {
      const victim = survivor;
      survivor = await start();
      const begun = 1 + (random.word() % 12);
      await victim.until((said) => said.filter(({ what }) => what === "begun").length >= begun || said.some(isOver));
      await victim.kill();
    }
    await survivor.until((said) => said.some(isOver));
    await survivor.ended;
    const said = all.flatMap((child) => child.said);
    expect(said.filter(({ what }) => what === "fatal" || what === "failed")).toEqual([]);
    const ids = said.filter(({ what }) => what === "begun").map(({ id }) => id);
    expect(new Set(ids).size, "tasks that began twice").toBe(ids.length);
    const ends = survivor.said.find(({ what }) => what === "result")?.["value"] as Readonly<Record<string, number>>;
    const { Completed = 0, Crashed = 0, ...others } = ends;
    expect(others).toEqual({});
    expect(Completed + Crashed).toBe(4 * ROUNDS);
    expect(Completed).toBeLessThanOrEqual(ids.length);
    console.log(`${KILLS} kills, ${ids.length} tasks begun, ${Completed} completed, ${Crashed} crashed`);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
