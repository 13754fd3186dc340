/** Runs that nobody works on: accepted and not taken, torn off by the end of their process, or left as somebody told them; and what the commands say of them. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { build, Project, type Running } from "./command.ts";

const FLOWS = `
import { flow, task, sleep, pause } from "windhover";
const slow = task({ name: "slow" }, async () => new Promise(() => setTimeout(() => {}, 600_000)));
export const readings = flow({ name: "readings", tags: ["own"] }, async () => "read");
export const naps = flow({ name: "naps" }, async () => { await sleep("1 hour"); });
export const stuck = flow({ name: "stuck" }, async () => slow());
export const halts = flow({ name: "halts" }, async () => { await pause(); return "went on"; });
export const hourly = readings.deployment({ name: "hourly-readings", tags: ["prod"] });
`;
const CONFIG = `import { defineConfig } from "windhover"; export default defineConfig({ entry: "./flows.ts" });`;
const NOT_TAKEN = "Its start waits for a process that knows its flow: windhover dev";
const NOT_SERVED = "no process is serving it: windhover dev";
interface RunJson {
  readonly id: string;
  readonly name: string;
  readonly state: { readonly type: string; readonly reason?: { readonly message: string } };
}
let project: Project;

beforeAll(build);
beforeEach(() => {
  project = new Project({ "flows.ts": FLOWS, "windhover.config.ts": CONFIG });
});
afterEach(() => project.end());

async function serve(): Promise<Running> {
  const dev = project.start(["dev", "--port", "0"]);
  await dev.said("Watching");
  return dev;
}
async function stop(dev: Running): Promise<void> {
  dev.child.kill("SIGINT");
  expect((await dev.ended).code).toBe(0);
}
async function until(name: string, type: string): Promise<void> {
  while ((await project.json<RunJson>("runs", "inspect", name)).state.type !== type);
}

test("a deployment's run that nobody has taken is listed, inspected and cancelled", { timeout: 60_000 }, async () => {
  const { id, done } = await project.json<{ id: string; done: boolean }>("deployments", "run", "hourly-readings", "--tag", "hand");
  expect(done).toBe(false);
  expect((await project.run("runs", "ls")).out).toMatch(new RegExp(`◌ Pending +\\S+ +readings ⟵ hourly-readings .* ${id.slice(0, 8)} +${NOT_TAKEN}\n`));
  const { runs } = await project.json<{ runs: RunJson[] }>("runs", "ls", "--state", "pending", "--flow", "readings", "--tag", "prod");
  expect(runs).toMatchObject([{ id, deployment: "hourly-readings", tags: ["own", "prod", "hand"], createdAt: expect.any(String) }]);
  const { out, code } = await project.run("runs", "inspect", id.slice(0, 6));
  expect([code, out]).toEqual([0, expect.stringContaining(NOT_TAKEN)]);
  expect(out).toContain("readings by hourly-readings, created ");
  expect(await project.json("runs", "inspect", "last")).toMatchObject({ id, state: { type: "PENDING", reason: { code: "start" } }, calls: [] });
  expect((await project.run("runs", "cancel", id)).out).toContain("It is on its way, and not lost");
  const dev = await serve();
  await until(id, "CANCELLED");
  expect((await project.run("runs", "cancel", id)).out).toMatch(/^✓ \S+ is cancelled already\.\n$/);
  await stop(dev);
});

test("a run that was told once is not told again", { timeout: 60_000 }, async () => {
  const dev = await serve();
  for (const [flow, name] of [
    ["naps", "napper"],
    ["halts", "halter"],
  ] as const)
    await fetch(`${/http:\S+/.exec(dev.told())?.[0]}/api/runs`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ flow, name }),
    });
  const say = async (...args: readonly string[]): Promise<string> => (await project.run("runs", ...args)).out;
  expect(await say("resume", "napper")).toBe("✓ napper is not paused.\n");
  expect(await say("pause", "napper")).toContain("✓ Paused napper.");
  expect(await say("pause", "napper")).toBe("✓ napper is paused already. To go on: windhover runs resume napper\n");
  expect(await say("resume", "napper")).toBe("✓ Resumed napper.\n");
  expect(await say("cancel", "napper")).toBe("✓ Cancelled napper.\n");
  expect(await say("cancel", "napper")).toBe("✓ napper is cancelled already.\n");
  expect(await project.json("runs", "cancel", "napper")).toMatchObject({ action: "cancel", done: true });
  // Its own code has paused it: that is a wait which a resume ends.
  expect(await say("resume", "halter")).toBe("✓ Resumed halter.\n");
  await stop(dev);
});

test("open runs of a directory that no process serves do not look alive", { timeout: 60_000 }, async () => {
  const dev = await serve();
  const api = /http:\S+/.exec(dev.told())?.[0];
  for (const flow of ["stuck", "naps", "readings"])
    await fetch(`${api}/api/runs`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ flow, name: `a-${flow}` }) });
  await until("a-readings", "COMPLETED");
  await until("a-stuck", "RUNNING");
  expect((await project.run("runs", "ls")).out).not.toContain(NOT_SERVED);
  expect((await project.run("runs", "inspect", "a-stuck")).out).not.toContain(NOT_SERVED);
  dev.child.kill("SIGKILL");
  await dev.ended;
  const lines = (await project.run("runs", "ls")).out.split("\n");
  const line = (name: string): string => lines.find((each) => each.includes(name)) ?? "";
  expect(line("a-stuck")).toMatch(new RegExp(`● Running .* ${NOT_SERVED}$`));
  expect(line("a-naps")).toMatch(new RegExp(`; ${NOT_SERVED}$`));
  expect(line("a-readings")).not.toContain(NOT_SERVED);
  expect((await project.run("runs", "inspect", "a-stuck")).out).toContain(`\n  ${NOT_SERVED}\n`);
  expect((await project.run("runs", "inspect", "a-readings")).out).not.toContain(NOT_SERVED);
});

test("dev whose database is deleted stops and says so", { timeout: 60_000 }, async () => {
  const dev = await serve();
  rmSync(join(project.folder, ".windhover"), { recursive: true });
  const { code, err } = await dev.ended;
  expect([code, err]).toEqual([1, expect.stringMatching(/WH3009 \S+windhover\.db was deleted or moved while this process had it open\.[\s\S]*Start again/)]);
});
