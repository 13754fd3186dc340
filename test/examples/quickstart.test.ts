import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { build, Command } from "../server/command.ts";

beforeAll(build);
const folder = mkdtempSync(join(tmpdir(), "windhover-quickstart-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("`npm start -- --exit` runs the quickstart and ends with 0; the second time the airports come from the cache", async () => {
  const first = new Command(["quickstart", "--exit"], folder);
  expect(await first.ended, first.text).toBe(0);
  expect(first.text).toMatch(/'extract-flights-0' - .*503 Service Unavailable. Retrying in/);
  expect(first.text).toMatch(/Beginning subflow run '.+' for flow 'load'/);
  expect(first.text).toMatch(/^airports +3,322 +54$/m);
  expect(first.text).toMatch(/^Chicago \(ORD\) +IL +119 /m);
  expect(first.text).not.toContain("Cached");
  const second = new Command(["quickstart", "--exit"], folder);
  expect(await second.ended, second.text).toBe(0);
  expect(second.text).toMatch(/'extract-airports-0' - Finished in state Cached/);
});

test("`npm start` stays up at an address that answers with the runs", async () => {
  const start = new Command(["quickstart", "--port", "0"], folder);
  const [, url = ""] = await start.says(/The runs\s+(http:\S+)/);
  await start.says(/Ctrl-C stops/);
  const page = await (await fetch(url)).text();
  expect(page).toContain("quickstart");
  const { runs } = (await (await fetch(`${url}/api/runs?flow=quickstart`)).json()) as { runs: { id: string; state: { type: string } }[] };
  expect(runs[0]?.state.type).toBe("COMPLETED");
  const { artifacts } = (await (await fetch(`${url}/api/runs/${runs[0]?.id}/artifacts`)).json()) as { artifacts: { key: string }[] };
  expect(artifacts.map(({ key }) => key).sort()).toEqual(["departures", "summary"]);
  expect(await start.stop()).toBe(0);
});
