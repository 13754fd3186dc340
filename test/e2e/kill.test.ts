/** `kill -9` of a real process at random moments: the run ends right, no recorded step is lost, and only what was in flight runs again. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFailed, test } from "vitest";
import { Sequence } from "../../engine/sequence.ts";
import { Child, type Said } from "../embedded/child-process.ts";

const source = fileURLToPath(new URL("worker-process.ts", import.meta.url));
const KILLS = Number(process.env["KILLS"] ?? 50);
const STEPS = 400;

/** What the run comes to: computed without Windhover. */
function expected(): number {
  let sum = 0;
  for (let i = 0; i < STEPS; i++) {
    sum += i;
    if (i % 40 === 10) sum += 3 * (1_000_000 + i * 10) + 3;
    if (i % 40 === 20) sum += 3;
    if (i % 40 === 35) sum += 3_000_000 + i;
  }
  return sum;
}

test(`${KILLS} kills of a process: the run ends right, and no recorded step runs again`, { timeout: 240_000 }, async () => {
  const seed = process.env["SEED"] ?? "kill -9";
  // A seed fixes who is killed after how many steps, not how the processes interleave: the same choices may have to be played more than once.
  onTestFailed(() => console.error(`Alone, with the same choices: SEED="${seed}" KILLS=${KILLS} npx vitest run --project here test/e2e/kill.test.ts`));
  const random = new Sequence(seed);
  const directory = mkdtempSync(join(tmpdir(), "windhover-kill-"));
  const runs = new Map<string, number>();
  const recorded = new Set<string>();
  let kills = 0;
  let result: Said | undefined;
  try {
    while (!result) {
      const child = await Child.run(source, [directory, `${STEPS}`]);
      if (kills < KILLS) {
        const begun = 1 + (random.word() % 8);
        await child.until(
          (said) =>
            said.filter(({ what }) => what === "step").length >= begun || said.some(({ what }) => what === "result" || what === "failed" || what === "fatal"),
        );
        await child.kill();
        kills++;
      } else await child.ended;
      for (const { what, id = "", message } of child.said) {
        if (what === "step" && recorded.has(id)) throw new Error(`step ${id} was recorded, and ran again (seed ${seed})`);
        if (what === "step") runs.set(id, (runs.get(id) ?? 0) + 1);
        if (what === "recorded") recorded.add(id);
        if (what === "failed" || what === "fatal") throw new Error(`${what}: ${message} (seed ${seed})`);
      }
      result = child.said.find(({ what }) => what === "result");
    }
    const again = [...runs.values()].reduce((sum, n) => sum + n - 1, 0);
    console.log(`${kills} kills, ${runs.size} steps, ${again} run again`);
    expect(kills).toBe(KILLS);
    expect(result["value"]).toBe(expected());
    // Up to three steps are in flight at once.
    expect(again).toBeLessThanOrEqual(3 * kills);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
