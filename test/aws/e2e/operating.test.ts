/** A deployed stack, operated from the command line. */
import { randomUUID } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FilterLogEventsCommand } from "@aws-sdk/client-cloudwatch-logs";
import { GetScheduleCommand, ListSchedulesCommand } from "@aws-sdk/client-scheduler";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createClients } from "../../../adapters/aws/clients.ts";
import { build, type Ended, Project } from "../../cli/command.ts";
import { openShared, PATIENCE } from "./world.ts";

const stack = await openShared();
const clients = createClients();
const folder = mkdtempSync(join(tmpdir(), "windhover-operating-"));
let project: Project;
beforeAll(() => {
  build();
  project = new Project();
});
afterAll(() => {
  clients.close();
  project?.end();
  rmSync(folder, { recursive: true, force: true });
});

const on = (...args: readonly string[]): Promise<Ended> => project.run(...args, "--stack", stack.resources.stack);
async function succeed(...args: readonly string[]): Promise<string> {
  const { code, out, err } = await on(...args);
  expect(code, `windhover ${args.join(" ")}: ${err}`).toBe(0);
  return out;
}
/** The run's id: its name is known a little later. */
const start = async (flow: string, ...args: readonly string[]): Promise<string> => (await succeed("run", flow, ...args, "-q")).trim();
const stateOf = async (run: string): Promise<string> => (await stack.client.get(run).state()).type;
const inFile = (name: string, text: string): void => writeFileSync(join(folder, name), text);
const linesOf = (name: string): string[] => {
  try {
    return readFileSync(join(folder, name), "utf8").trim().split("\n");
  } catch {
    return [];
  }
};

test("a run's end is the command's: its result and 0, or its error and 1; lists, its story and its log lines show it", async () => {
  const good = await on("run", "sum", "-p", "n=4", "--name", "four", "--wait");
  expect([good.code, JSON.parse(good.out)], good.err).toEqual([0, { sum: 5 }]);
  const bad = await on("run", "sum", "-p", "n=400", "--name", "many", "--wait");
  expect([bad.code, bad.err]).toEqual([1, expect.stringContaining("too much")]);

  await expect.poll(() => succeed("runs", "ls", "--flow", "sum"), PATIENCE).toMatch(/✗ Failed +many[\s\S]*✓ Completed +four/);
  expect(await succeed("runs", "inspect", "four")).toMatch(/✓ add-0 +Completed/);
  await expect.poll(() => succeed("runs", "logs", "four"), PATIENCE).toMatch(/Created flow run 'four'[\s\S]*adding[\s\S]*Finished in state Completed\(\)/);
});

test("an input that a run waits for is sent to it", async () => {
  const run = await start("asking", "--name", "asked");
  await expect.poll(() => stateOf(run), PATIENCE).toBe("PAUSED");
  const wrong = await on("runs", "input", run, "sign-off", '{"yes":"perhaps"}');
  expect([wrong.code, wrong.err]).not.toEqual([0, expect.anything()]);
  expect(wrong.err).toContain("WH1106");
  await succeed("runs", "input", run, "sign-off", '{"yes":true}');
  expect(await succeed("runs", "logs", "asked", "--follow")).toMatch(/Finished in state Completed\(\)/);
});

test("a run that is paused does not go on, although it could; resumed, it does", async () => {
  const run = await start("stepping", "-p", `folder=${folder}`);
  await succeed("runs", "pause", run);
  await expect.poll(() => stateOf(run), PATIENCE).toBe("PAUSED");
  inFile("first", "one");
  inFile("second", "two");
  expect(await stateOf(run)).toBe("PAUSED");
  await succeed("runs", "resume", run);
  await expect.poll(() => stateOf(run), PATIENCE).toBe("COMPLETED");
  expect(await stack.client.get(run).result()).toEqual(["one", "two"]);
});

test("a run that was paused and resumed runs its tasks inline again, and not by way of the queue", async () => {
  const id = await start("pacing", "-p", "steps=40");
  const run = stack.client.get(id);
  await run.pause();
  await expect.poll(() => stateOf(id), PATIENCE).toBe("PAUSED");
  await run.resume();
  expect(await run.result()).toBe(40);
  const entries = await stack.client.history(id);
  const resumed = entries.findIndex(({ events }) => events.some(({ type }) => type === "resumed"));
  const sentAfter = entries.slice(resumed).flatMap(({ effects }) => effects.filter((effect) => effect.do === "task"));
  const inlineAfter = entries.slice(resumed).flatMap(({ effects }) => effects.filter((effect) => effect.do === "inline"));
  // A turn that died would send one.
  expect(sentAfter.length).toBeLessThan(2);
  expect(inlineAfter.length).toBeGreaterThan(10);
});

test("a cancel reaches the task that is running, and the flow cleans up", async () => {
  const file = join(folder, "watched");
  const run = await start("watching", "-p", `file=${file}`);
  await expect.poll(() => linesOf("watched"), PATIENCE).toEqual(["began"]);
  await succeed("runs", "cancel", run);
  await expect.poll(() => stateOf(run), PATIENCE).toBe("CANCELLED");
  await expect.poll(() => linesOf("watched").sort(), PATIENCE).toEqual(["began", "cleaned up", "stopped"]);
});

test("a retry takes over what completed and does the rest again", async () => {
  expect((await on("run", "repaired", "-p", `folder=${folder}`, "--name", "broken", "--wait")).code).toBe(1);
  inFile("found", "now it is there");
  const retried = await on("runs", "retry", "broken", "--wait", "-q");
  expect([retried.code, JSON.parse(retried.out)], retried.err).toEqual([0, { count: 1, found: "now it is there" }]);
  expect(linesOf("counted")).toEqual(["counted"]);
});

test("a long wait is a schedule of AWS, which goes when the run is cancelled", async () => {
  const id = await start("dozing");
  await expect.poll(() => schedulesOf(id), PATIENCE).toHaveLength(1);
  await succeed("runs", "cancel", id);
  await expect.poll(() => stateOf(id), PATIENCE).toBe("CANCELLED");
  await expect.poll(() => schedulesOf(id), PATIENCE).toEqual([]);
});

async function schedulesOf(run: string): Promise<readonly string[]> {
  const GroupName = stack.resources.scheduleGroup;
  const { Schedules = [] } = await clients.scheduler.send(new ListSchedulesCommand({ GroupName, NamePrefix: "timer-" }));
  const found = await Promise.all(Schedules.map(({ Name }) => clients.scheduler.send(new GetScheduleCommand({ GroupName, Name }))));
  return found.filter(({ Target }) => Target?.Input?.includes(run)).map(({ Name = "" }) => Name);
}

test("a block that is set is loaded in a task, and printed nowhere", async () => {
  const secret = randomUUID();
  const said: string[] = [];
  const tell = async (...args: readonly string[]): Promise<void> => {
    const { code, out, err } = await on(...args);
    expect(code, err).toBe(0);
    said.push(out, err);
  };
  await tell("block", "set", "secret/vault", "--value", `value=${secret}`);
  await tell("block", "ls");
  await tell("block", "inspect", "secret/vault");
  await tell("run", "unlocking", "-p", "name=vault", "--name", "unlocker", "--wait");
  expect(said.at(-2)?.trim()).toBe(String(secret.length));
  await expect.poll(async () => (await on("runs", "logs", "unlocker")).out, PATIENCE).toContain("unlocked");
  await tell("runs", "logs", "unlocker", "--json");
  await tell("runs", "export", "unlocker");
  const { events = [] } = await clients.logs.send(new FilterLogEventsCommand({ logGroupName: stack.resources.logGroup }));
  said.push(...events.map(({ message = "" }) => message));
  expect(said.join("\n")).toContain("***");
  expect(said.join("\n")).not.toContain(secret);
  const unset = await on("run", "unlocking", "-p", "name=safe", "--wait");
  expect([unset.code, unset.err]).toEqual([1, expect.stringContaining("WH2016")]);
  await tell("block", "rm", "secret/vault");
  expect((await on("block", "ls")).out).not.toContain("vault");
});
