/**
 * Histories of released versions, replayed on today's code. `GOLDEN=v0.2 npx vitest run test/golden` writes those of a new release that are not there yet; none is ever written over.
 */
import { describe, expect, test } from "vitest";
import type { RunEvent } from "../../engine/events.ts";
import { describeEnding } from "../../sdk/testing/endings.ts";
import { replayHistory } from "../../sdk/testing/histories.ts";
import { goldens } from "./flows.ts";
import { keptHistories, makeHistory, writeHistory } from "./histories.ts";

const release = process.env["GOLDEN"];
if (release !== undefined) for (const name of Object.keys(goldens)) console.log(`${release}/${name}: ${writeHistory(release, await makeHistory(name)) ? "written" : "is there, and stays"}`);

const kept = keptHistories();

/** A type that is missing here does not compile. */
const TYPES: Record<RunEvent["type"], true> = {
  started: true,
  called: true,
  attempted: true,
  failed: true,
  woken: true,
  settled: true,
  items: true,
  granted: true,
  input: true,
  rejected: true,
  cancelling: true,
  paused: true,
  resumed: true,
  returned: true,
  retrying: true,
  rerun: true,
  continued: true,
  migrated: true,
  ended: true,
};

describe("golden histories", () => {
  test.each(kept.map((history): [string, string, (typeof kept)[number]] => [history.release, history.name, history]))("%s %s replays", async (_release, name, { entries, stored, ending }) => {
    const golden = goldens[name];
    expect(golden, `test/golden/flows.ts has lost the flow of "${name}"`).toBeDefined();
    if (!golden) return;
    const state = await replayHistory(golden.flow, entries, async (payload) => (typeof payload === "string" ? payload : (stored[payload.ref] as string)));
    expect(describeEnding(state)).toBe(ending);
  });

  test("a dozen at least, and together they have every kind of event", () => {
    expect(kept.length).toBeGreaterThanOrEqual(12);
    const seen = new Set(kept.flatMap(({ entries }) => entries.flatMap(({ events }) => events.map(({ type }) => type))));
    expect(Object.keys(TYPES).filter((type) => !seen.has(type as RunEvent["type"]))).toEqual([]);
  });

  test.each(Object.keys(goldens))("%s still ends as it did", async (name) => {
    const { ending } = await makeHistory(name);
    const { endsNow } = goldens[name] ?? {};
    if (endsNow !== undefined) return expect(ending).toContain(endsNow);
    for (const history of kept) if (history.name === name) expect(ending).toBe(history.ending);
  });

  test("a history is not replayed on other code without a word", async () => {
    const chain = kept.find(({ name }) => name === "chain");
    const other = goldens["saga"];
    if (!chain || !other) throw new Error("the golden histories are not there");
    await expect(replayHistory(other.flow, chain.entries)).rejects.toMatchObject({ code: "WH1201" });
  });
});
