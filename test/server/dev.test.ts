import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { build, Command } from "./command.ts";

beforeAll(build);
let folder: string;
let dev: Command | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "windhover-dev-"));
});
afterEach(async () => {
  if (dev?.child.exitCode === null) await dev.stop();
  rmSync(folder, { recursive: true, force: true });
});

const code = (answer: string, more = ""): string => `
import { cron, emit, flow, onEvent, onS3Object, onWebhook, task, runInput, waitForInput } from "windhover";
const say = task({ name: "say" }, async (text: string) => text);
const Go = runInput({ name: "go", schema: { "~standard": { version: 1, vendor: "test", validate: (value: unknown) => ({ value }) } } });
export const hello = flow({ name: "hello" }, async () => { await emit({ type: "greeted" }); return say(${JSON.stringify(answer)}); });
export const patient = flow({ name: "patient" }, async () => { await waitForInput(Go); return say(${JSON.stringify(answer)}); });
export const echo = flow({ name: "echo" }, async () => say("echo"));
export const hooked = hello.deployment({ name: "hooked", triggers: [onWebhook({ path: "hello", parameters: () => ({}) }), onS3Object({ bucket: "incoming" })] });
export const afterwards = echo.deployment({ name: "afterwards", triggers: [onEvent({ source: "windhover", detailType: "greeted", parameters: () => ({}) })] });
${more}
`;
const save = (text: string): void => writeFileSync(join(folder, "flows.ts"), text);

async function serve(): Promise<string> {
  dev = new Command(["dev", "--entry", "flows.ts", "--port", "0"], folder);
  const [, url = ""] = await dev.says(/Runs and API\s+(http:\S+)/);
  await dev.says(/Watching/);
  return url;
}
async function ask(url: string, method = "GET", body?: unknown): Promise<{ readonly [key: string]: unknown }> {
  const response = await fetch(url, { method, ...(body !== undefined && { headers: { "content-type": "application/json" }, body: JSON.stringify(body) }) });
  return (await response.json()) as { readonly [key: string]: unknown };
}
/** Looks again until it is so. */
async function until<T>(look: () => Promise<T | undefined>): Promise<T> {
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    await new Promise((resolve) => setImmediate(resolve));
  }
}
const resultOf = (url: string, id: unknown): Promise<unknown> =>
  until(async () => {
    const run = await ask(`${url}/api/runs/${id}`);
    return (run["state"] as { type: string }).type === "COMPLETED" ? (run["result"] ?? null) : undefined;
  });

test("a project is served, a saved change is taken in, and open runs go on with the new code", async () => {
  save(code("first", 'export const nightly = echo.deployment({ name: "nightly", schedules: [cron("0 2 * * *")] });'));
  const url = await serve();
  expect(dev?.text).toContain('WH2014 "hooked" will not be started by s3://incoming/');
  const hook = await ask(`${url}/hooks/hello`, "POST", {});
  expect(await resultOf(url, hook["id"])).toBe("first");
  // What it emitted started the other deployment.
  const [echoed] = await until(async () => {
    const { runs } = (await ask(`${url}/api/runs?deployment=afterwards&state=completed`)) as { runs: { id: string }[] };
    return runs.length > 0 ? runs : undefined;
  });
  expect(await resultOf(url, echoed?.id)).toBe("echo");

  const open = await ask(`${url}/api/runs`, "POST", { flow: "patient" });
  await until(async () => ((await ask(`${url}/api/runs/${open["id"]}`))["state"] as { type: string }).type === "PAUSED" || undefined);
  save(code("second"));
  await dev?.says(/Loaded 3 flows again/);
  expect(dev?.text).toContain('Deployment "nightly" is no longer in the code: it is paused.');
  await ask(`${url}/api/runs/${open["id"]}/input`, "POST", { name: "go", value: 1 });
  expect(await resultOf(url, open["id"])).toBe("second");

  const seen = dev?.text.length;
  save("export const = ;");
  await dev?.says(/does not compile[\s\S]*The code that was loaded before goes on/, seen);
  const still = await ask(`${url}/api/runs`, "POST", { flow: "hello" });
  expect(await resultOf(url, still["id"])).toBe("second");
  expect(await dev?.stop()).toBe(0);
});

test("an open run goes on in the next process", async () => {
  save(code("there"));
  const first = await serve();
  const run = await ask(`${first}/api/runs`, "POST", { flow: "patient" });
  await until(async () => ((await ask(`${first}/api/runs/${run["id"]}`))["state"] as { type: string }).type === "PAUSED" || undefined);
  expect(await dev?.stop()).toBe(0);
  const second = await serve();
  await ask(`${second}/api/runs/${run["id"]}/input`, "POST", { name: "go", value: 1 });
  expect(await resultOf(second, run["id"])).toBe("there");
});

test("a deployment seemed active while nobody served, its times had no zone, and what triggers it was not shown", async () => {
  const paris = 'export const nightly = echo.deployment({ name: "nightly", schedules: [cron("0 6 * * MON-FRI", { timezone: "Europe/Paris" })] });';
  save(code("here", paris));
  const look = async (...args: readonly string[]): Promise<string> => {
    const command = new Command([...args, "--entry", "flows.ts"], folder);
    await command.ended;
    return command.text;
  };
  const url = await serve();
  const run = await ask(`${url}/api/runs`, "POST", { flow: "patient" });
  await until(async () => ((await ask(`${url}/api/runs/${run["id"]}`))["state"] as { type: string }).type === "PAUSED" || undefined);
  expect(await look("deployments", "ls")).toMatch(/nightly .*● active/);
  expect(await look("runs", "ls")).not.toContain("no process is serving");
  expect(await dev?.stop()).toBe(0);
  expect(await look("deployments", "ls")).toMatch(/nightly .*○ not served[\s\S]*No process is serving: windhover dev/);
  expect(await look("runs", "ls")).toContain("no process is serving it: windhover dev");
  expect(await look("runs", "inspect", "last")).toContain("no process is serving it: windhover dev");
  expect(await look("deployments", "inspect", "nightly")).toMatch(/no process is serving[\s\S]* 06:00:00 Europe\/Paris/);
  const hooked = await look("deployments", "inspect", "hooked");
  expect(hooked).toContain("webhook /hooks/hello");
  expect(hooked).toContain("s3 s3://incoming/  (on AWS only)");
});

const slow = (): string => `
import { existsSync, writeFileSync } from "node:fs";
import { flow, task } from "windhover";
const wait = async (name: string) => {
  writeFileSync(name + "-began", "");
  while (!existsSync(name)) await new Promise((resolve) => setTimeout(resolve, 10));
  return name;
};
const queued = task({ name: "queued", pool: "side" }, async (name: string) => wait(name));
export const side = flow({ name: "side" }, async () => queued("side-go"));
`;
const begun = (name: string): Promise<true> => until(async () => existsSync(join(folder, `${name}-began`)) || undefined);

const chain = (then: string, others = ""): string => `
import { existsSync, writeFileSync } from "node:fs";
import { flow, task } from "windhover";
const wait = async (name: string) => {
  writeFileSync(name + "-began", String(Number(existsSync(name + "-began"))));
  while (!existsSync(name)) await new Promise((resolve) => setTimeout(resolve, 10));
  return name;
};
const first = task({ name: "first" }, async (name: string) => wait(name));
const second = task({ name: "second" }, async () => ${JSON.stringify(then)});
const third = task({ name: "third" }, async () => ${JSON.stringify(then)});
export const quick = flow({ name: "quick" }, async () => second());
export const chain = flow({ name: "chain" }, async () => [await first("chain-go"), await second(), await third()]);
${others}
`;
const GOING = 'export const going = flow({ name: "going" }, async () => [await first("going-go"), await second()]);';

test("a save stopped all flows until a task had ended; now other work goes on, errors are told at once, and the task's flow goes on with the new code", async () => {
  save(chain("old", GOING));
  const url = await serve();
  const run = await ask(`${url}/api/runs`, "POST", { flow: "chain" });
  const gone = await ask(`${url}/api/runs`, "POST", { flow: "going" });
  await begun("chain-go");
  await begun("going-go");
  const before = dev?.text.length;
  save("export const = ;");
  await dev?.says(/does not compile[\s\S]*The code that was loaded before goes on/, before);
  const still = await ask(`${url}/api/runs`, "POST", { flow: "quick" });
  expect(await resultOf(url, still["id"])).toBe("old");

  save(chain("newer"));
  await dev?.says(/Loaded 2 flows again/);
  save(chain("new"));
  await dev?.says(/Loaded 2 flows again[\s\S]*Loaded 2 flows again[\s\S]*What runs now ends as it began: first-0 of \S+, first-0 of /);
  const other = await ask(`${url}/api/runs`, "POST", { flow: "quick" });
  expect(await resultOf(url, other["id"])).toBe("new");
  writeFileSync(join(folder, "chain-go"), "");
  expect(await resultOf(url, run["id"])).toEqual(["chain-go", "new", "new"]);
  expect(readFileSync(join(folder, "chain-go-began"), "utf8"), "the task ran again").toBe("0");

  // Its flow is no longer in the code: what its task came to is kept, and it waits until the flow is back.
  writeFileSync(join(folder, "going-go"), "");
  const history = async (): Promise<string> => JSON.stringify(await ask(`${url}/api/runs/${gone["id"]}/history`));
  await until(async () => /"settled"[\s\S]*second-0/.test(await history()) || undefined);
  save(chain("back", GOING));
  await dev?.says(/Loaded 3 flows again/);
  expect(await resultOf(url, gone["id"])).toEqual(["going-go", expect.any(String)]);
  expect(readFileSync(join(folder, "going-go-began"), "utf8"), "the task ran again").toBe("0");
});

test("Ctrl-C lets a queued task end, which is not run again; a second Ctrl-C ends at once", async () => {
  save(slow());
  const first = await serve();
  const queued = await ask(`${first}/api/runs`, "POST", { flow: "side", name: "aside" });
  await begun("side-go");
  dev?.child.kill("SIGINT");
  await dev?.says(/Waiting for queued-0 of aside: Ctrl-C ends at once/);
  writeFileSync(join(folder, "side-go"), "");
  expect(await dev?.ended).toBe(0);

  for (const file of ["side-go", "side-go-began"]) rmSync(join(folder, file));
  const second = await serve();
  expect(await resultOf(second, queued["id"])).toBe("side-go");
  expect(existsSync(join(folder, "side-go-began")), "it ran again").toBe(false);
  await ask(`${second}/api/runs`, "POST", { flow: "side" });
  await begun("side-go");
  dev?.child.kill("SIGINT");
  await dev?.says(/Stopping/);
  dev?.child.kill("SIGINT");
  expect(await dev?.ended).toBe(130);
});

test("a port that is in use, a project without an entry, and code that does not load end it with what to do", async () => {
  save(code("x"));
  const taken = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => taken.once("listening", resolve));
  const { port } = taken.address() as { port: number };
  const busy = new Command(["dev", "--entry", "flows.ts", "--port", String(port)], folder);
  expect(await busy.ended).toBe(1);
  expect(busy.text).toContain("WH3004");
  taken.close();
  const empty = new Command(["dev"], folder);
  expect(await empty.ended).toBe(2);
  expect(empty.text).toContain("WH2010");
  save("export const = ;");
  const broken = new Command(["dev", "--entry", "flows.ts"], folder);
  expect(await broken.ended).toBe(2);
  expect(broken.text).toContain("WH2009");
});
