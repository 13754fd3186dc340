/** Code that kills its process does so a bounded number of times, and the innocent do not pay. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { LIMITS } from "../../engine/limits.ts";
import { Child, type Said } from "../embedded/child-process.ts";

const source = fileURLToPath(new URL("suspect-process.ts", import.meta.url));

async function restartUntilItEnds(which: string): Promise<{ kills: number; said: Said[] }> {
  const directory = mkdtempSync(join(tmpdir(), "windhover-suspect-"));
  try {
    for (let kills = 0; ; ) {
      const child = await Child.run(source, [directory, which]);
      await child.ended;
      if (child.said.some(({ what }) => what === "kills")) kills++;
      if (child.said.some(({ what }) => what === "good")) return { kills, said: child.said };
      if (kills > 30) throw new Error("it kills without end");
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

test("a task that kills its process is tried again within crashRetries, and then fails as Crashed", { timeout: 60_000 }, async () => {
  const { kills, said } = await restartUntilItEnds("task");
  expect(kills).toBe(1 + LIMITS.crashRetries);
  expect(said).toContainEqual({ what: "bad", state: "COMPLETED", value: "CRASHED" });
  expect(said).toContainEqual({ what: "good", value: "well" });
});

test("a flow whose body exits ends as Crashed by the next process: it was its own code, and does not run again", { timeout: 60_000 }, async () => {
  const { kills, said } = await restartUntilItEnds("exit");
  expect(kills).toBe(1);
  expect(said).toContainEqual({ what: "bad", state: "CRASHED", code: "WH1403" });
  expect(said).toContainEqual({ what: "good", value: "well" });
});

test("a flow whose body kills its process ends as Crashed, and the runs beside it end well", { timeout: 120_000 }, async () => {
  const { kills, said } = await restartUntilItEnds("body");
  // The first delivery is marked a moment after it is handed out, so one kill may go uncounted.
  expect(kills).toBeLessThanOrEqual(LIMITS.receivesAlone + 1);
  expect(said).toContainEqual({ what: "bad", state: "CRASHED", code: "WH1403" });
  expect(said).toContainEqual({ what: "good", value: "well" });
});
