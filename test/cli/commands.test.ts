import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { build, Project } from "./command.ts";

const FLOWS = `
import { flow, task, artifact, variable, cron, interval } from "windhover";
import * as z from "zod";
const load = task({ name: "load" }, async (n: number) => n + 1);
const check = task({ name: "check" }, async (n: number) => { if (n > 100) throw new Error("too much"); return n; });
export const etl = flow({ name: "etl", description: "Loads and checks", parameters: z.object({ n: z.number() }) }, async ({ n }) => {
  const loaded = await load(n);
  await artifact.table("rows", [{ a: 1 }, { a: 2 }]);
  return { checked: await check(loaded) };
});
export const parent = flow({ name: "parent" }, async () => etl({ n: 1 }));
export const greets = flow({ name: "greets" }, async () => \`hello \${await variable("whom", "nobody")}\`);
export const nightly = etl.deployment({ name: "nightly", schedules: [cron("0 2 * * *", { timezone: "Europe/Paris" }), interval("6 hours")], parameters: { n: 5 }, tags: ["prod"] });
`;
const CONFIG = `import { defineConfig } from "windhover"; export default defineConfig({ entry: "./flows.ts" });`;
let project: Project;
interface RunJson {
  readonly id: string;
  readonly name: string;
  readonly state: { readonly type: string };
}

beforeAll(async () => {
  build();
  project = new Project({ "flows.ts": FLOWS, "windhover.config.ts": CONFIG });
  await project.run("run", "etl", "-p", "n=1", "--name", "good", "--tag", "a");
  await project.run("run", "etl", "-p", "n=200", "--name", "bad", "--tag", "b");
});
afterAll(() => project.end());

describe("windhover runs", () => {
  test("ls lists the newest first, with why it is not well", async () => {
    const { out } = await project.run("runs", "ls");
    const [head, bad, good] = out.split("\n");
    expect(head).toMatch(/^STATE +NAME +FLOW +CREATED +TOOK +ID +WHY$/);
    expect(bad).toMatch(/^✗ Failed +bad +etl +.* Error: too much$/);
    expect(good).toMatch(/^✓ Completed +good +etl /);
  });

  test("ls filters, and gives JSON", async () => {
    const list = async (...flags: readonly string[]) => (await project.json<{ runs: RunJson[] }>("runs", "ls", ...flags)).runs.map((run) => run.name);
    expect(await list("--state", "failed", "--tag", "b")).toEqual(["bad"]);
    expect(await list("--tag", "a")).toEqual(["good"]);
    expect(await list("--limit", "1", "--flow", "etl")).toHaveLength(1);
    expect(await list("--flow", "none")).toEqual([]);
    expect((await project.run("runs", "ls", "--state", "done")).err).toMatch(/WH2007 There is no state "done"\.\n {2}expected {2}scheduled, pending/);
  });

  test("inspect shows the calls, the error with its line, and what to do", async () => {
    const { out, code } = await project.run("runs", "inspect", "bad");
    expect(code).toBe(0);
    expect(out).toMatch(/^✗ Failed {2}bad {2}[a-z0-9]{16}\n/);
    expect(out).toMatch(/✓ load-0 +Completed +\d/);
    expect(out).toMatch(/✗ check-0 +Failed +\d/);
    expect(out).toMatch(/Error: too much\n +at flows\.ts:5:/);
    expect(out).toContain("windhover runs retry bad");
  });

  test("inspect --json has the calls, what depends on what, and the history", async () => {
    const view = await project.json("runs", "inspect", "good");
    expect(view).toMatchObject({
      flow: "etl",
      parameters: { n: 1 },
      result: { checked: 2 },
      tags: ["a"],
      counts: { COMPLETED: 3 },
      startedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
      edges: [],
      calls: [
        { id: "load-0", kind: "task", state: { type: "COMPLETED" }, result: 2, attempts: [{ attempt: 1, outcome: "completed" }] },
        { id: "artifact rows-0", kind: "artifact" },
        { id: "check-0", result: 2 },
      ],
    });
    expect(view["history"]).toHaveLength((view as { entries: number }).entries);
  });

  test("a run is found by its id, the beginning of one, its name, or `last`", async () => {
    const { runs } = await project.json<{ runs: RunJson[] }>("runs", "ls", "--flow", "etl", "--tag", "a");
    const id = runs[0]?.id as string;
    for (const text of [id, id.slice(0, 7), "good"]) expect((await project.json<{ id: string }>("runs", "inspect", text)).id).toBe(id);
    const none = await project.run("runs", "inspect", "godo");
    expect([none.code, none.err]).toEqual([2, expect.stringMatching(/WH2002 There is no run "godo" here\. Did you mean "good"\?/)]);
    expect((await project.run("runs", "cancel", "good")).err).toMatch(/WH2004 The run .* ended as Completed, and cannot be cancelled any more/);
  });

  test("logs tells the story from the store", async () => {
    const { out } = await project.run("runs", "logs", "good", "--follow");
    expect(out).toMatch(/Created flow run 'good' for flow 'etl'\n[\s\S]*Created artifact 'rows'[\s\S]*Finished in state Completed\(\)\n$/);
  });

  test("retry without --wait sends, and says that nobody has taken it; with --wait it runs here", async () => {
    const own = new Project({ "flows.ts": FLOWS, "windhover.config.ts": CONFIG });
    await own.run("run", "etl", "-p", "n=200", "--name", "bad");
    const sent = await own.run("runs", "retry", "bad");
    expect([sent.code, sent.out]).toEqual([0, expect.stringMatching(/Retrying bad as [a-z-]+ [a-z0-9]{16}\n {2}It is on its way, and not lost/)]);
    const again = await own.run("runs", "retry", "bad", "--wait");
    expect([again.code, again.err]).toEqual([1, expect.stringContaining("Completed(taken over from an earlier run)")]);
    const edited = await own.run("runs", "rerun", "bad", "--param", "n=3", "--wait", "-q");
    expect([edited.code, JSON.parse(edited.out)]).toEqual([0, { checked: 4 }]);
    const from = await own.run("runs", "rerun", "bad", "--from", "load-0", "--result", "7", "--wait", "-q");
    expect([from.code, JSON.parse(from.out)]).toEqual([0, { checked: 7 }]);
    expect((await own.run("runs", "rerun", "bad", "--from", "nothing-0")).err).toMatch(/WH2006/);
    own.end();
  });

  test("a subflow is shown with its run", async () => {
    expect(await project.json("run", "parent")).toMatchObject({ result: { checked: 2 } });
    const { out } = await project.run("runs", "inspect", (await project.json<{ runs: RunJson[] }>("runs", "ls", "--flow", "parent")).runs[0]?.id as string);
    expect(out).toMatch(/✓ etl-0 +Completed +\d.* run [a-z0-9]{8}/);
  });
});

describe("settings", () => {
  test("limits, variables and artifacts are set and listed", async () => {
    expect((await project.run("limits", "set", "db", "4")).out).toBe("✓ db: 4 at once.\n");
    expect((await project.run("limits", "set", "api", "60", "--per", "1 minute")).out).toBe("✓ api: 60 per minute.\n");
    expect((await project.json("limits", "ls"))["limits"]).toEqual([
      { name: "api", limit: 60, perSeconds: 60, holders: [], waiters: [] },
      { name: "db", limit: 4, holders: [], waiters: [] },
    ]);
    expect((await project.run("limits", "set", "api", "1", "--per", "soon")).err).toMatch(/WH1004/);
    expect((await project.run("limits", "rm", "dbb")).err).toMatch(/WH2011 No limit is called "dbb"/);
    expect((await project.run("limits", "rm", "db")).code).toBe(0);
    await project.run("variables", "set", "whom", "world");
    expect(await project.json("run", "greets")).toMatchObject({ result: "hello world" });
    expect((await project.run("variables", "get", "whom")).out).toBe("world\n");
    expect((await project.run("variables", "get", "who")).err).toMatch(/WH2013/);
    await project.run("variables", "rm", "whom");
    expect((await project.json("variables", "ls"))["variables"]).toEqual([]);
    expect(await project.json("artifacts", "ls", "good")).toMatchObject({
      artifacts: [{ key: "rows", kind: "table", call: "artifact rows-0", data: [{ a: 1 }, { a: 2 }] }],
    });
  });

  test("deployments and flows are known from the code, before anything serves them", async () => {
    expect((await project.json("deployments", "ls"))["deployments"]).toMatchObject([
      { name: "nightly", flow: "etl", served: false, schedules: [{ text: "0 2 * * * Europe/Paris" }, { text: "every 6 hours" }] },
    ]);
    expect(await project.json("deployments", "inspect", "nightly")).toMatchObject({ parameters: { n: 5 }, schedules: [{ next: { length: 5 } }, {}] });
    expect((await project.run("deployments", "inspect", "nigtly")).err).toMatch(/WH2003 .*Did you mean "nightly"\?/);
    expect(await project.json("deployments", "run", "nightly", "--wait")).toMatchObject({ result: { checked: 6 } });
    expect((await project.json("flows", "ls"))["flows"]).toMatchObject([
      { name: "etl", description: "Loads and checks", deployments: ["nightly"], parameters: { required: ["n"] } },
      { name: "greets" },
      { name: "parent" },
    ]);
  });

  test("the file, then the environment, then flags", async () => {
    const own = new Project({
      "flows.ts": FLOWS,
      "sub/none.txt": "",
      "windhover.config.ts": `import { defineConfig } from "windhover"; export default defineConfig({ entry: "./flows.ts", directory: "./store" });`,
    });
    // From a folder below, the file above counts, and its paths are its own.
    expect((await own.start(["run", "greets", "-q"], {}, join(own.folder, "sub")).ended).out).toBe("hello nobody\n");
    const runs = async (args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<number> =>
      (JSON.parse((await own.start(["runs", "ls", "--json", ...args], env).ended).out) as { runs: unknown[] }).runs.length;
    expect(await runs(["--directory", "store"])).toBe(1);
    expect(await runs([])).toBe(1);
    expect(await runs([], { WINDHOVER_DIRECTORY: "elsewhere" })).toBe(0);
    expect(await runs(["-d", "store"], { WINDHOVER_DIRECTORY: "elsewhere" })).toBe(1);
    own.end();
  });

  const refused: readonly (readonly [what: string, config: string, env: Readonly<Record<string, string>>, said: RegExp])[] = [
    [
      "an unknown setting",
      "{ entries: [] }",
      {},
      /WH2010 There is no setting "entries"\. It is set in .*windhover\.config\.ts\.\n {2}expected {2}one of entry, directory/,
    ],
    ["a port that is none", "{ entry: 'flows.ts', port: 123456 }", {}, /WH2010 "port" cannot be 123456\.[\s\S]*from 0 to 65535/],
    [
      "an environment variable that is no port",
      "{ entry: 'flows.ts' }",
      { WINDHOVER_PORT: "http" },
      /WH2010 "WINDHOVER_PORT" cannot be "http"\. It is set in the environment\./,
    ],
    ["an entry that is no file name", "{ entry: 5 }", {}, /WH2010 "entry" cannot be 5\./],
    ["a pool without sense", "{ entry: 'flows.ts', pools: { big: { concurrency: 0 } } }", {}, /WH2010 "pools\.big\.concurrency" cannot be 0\./],
    ["a retention that is no duration", "{ entry: 'flows.ts', retention: { failed: 'long' } }", {}, /WH2010 "retention\.failed" cannot be "long"\./],
  ];
  test.concurrent.each(refused)("%s is refused", async (_, config, env, said) => {
    const own = new Project({ "flows.ts": FLOWS, "windhover.config.ts": `export default ${config};` });
    const ended = await own.start(["runs", "ls"], env).ended;
    own.end();
    expect(ended.err).toMatch(said);
    expect(ended.code).toBe(2);
  });
});

describe("the rest", () => {
  test("doctor checks what has to be right", async () => {
    const { ok, checks } = await project.json<{ ok: boolean; checks: { what: string; state: string }[] }>("doctor", "--directory", "fresh");
    expect(ok).toBe(true);
    expect(checks.map((check) => check.what)).toEqual(["node", "settings", "entries", "disk", "database", "port"]);
    const own = new Project({ "flows.ts": "throw new Error('no');", "windhover.config.ts": CONFIG });
    mkdirSync(join(own.folder, ".windhover"));
    writeFileSync(join(own.folder, ".windhover", "windhover.db"), "this is no database, and is long enough to be looked at");
    const { code, out } = await own.run("doctor");
    expect(out).toMatch(/✗ entries +WH2009: .*flows\.ts:1:7 threw while it was loaded: Error: no/);
    expect(out).toMatch(/✗ database +WH3001/);
    expect(code).toBe(1);
    own.end();
  });

  test("doctor says that the port is in use", async () => {
    const server = createServer();
    const port = await new Promise<number>((resolve) => server.listen(0, "127.0.0.1", () => resolve((server.address() as { port: number }).port)));
    const { out } = await project.start(["doctor"], { WINDHOVER_PORT: String(port) }).ended;
    server.close();
    expect(out).toContain(`! port       ${port} is in use`);
  });

  test("simulate runs a flow in many worlds", async () => {
    expect(await project.json("simulate", "etl", "-p", "n=1", "--seeds", "30")).toMatchObject({
      flow: "etl",
      seeds: 30,
      failingSeed: null,
      states: { "COMPLETED Completed": 30 },
    });
  });

  test("--version, --help and explain", async () => {
    expect((await project.run("--version")).out).toMatch(/^\d+\.\d+\.\d+\n$/);
    const help = await project.run("--help");
    expect([help.code, help.out]).toEqual([
      0,
      expect.stringMatching(/Usage: windhover[\s\S]*run [\s\S]*runs [\s\S]*deployments [\s\S]*dev [\s\S]*doctor [\s\S]*Examples:/),
    ]);
    expect((await project.run("runs", "rerun", "--help")).out).toMatch(/--from <call>[\s\S]*--directory <folder>[\s\S]*Examples:/);
    expect((await project.run("explain", "wh1202")).out).toMatch(/^WH1202: A flow awaits something that is not durable\n/);
    expect((await project.run("explain", "WH9999")).code).toBe(2);
  });

  test("with no entry set, a name cannot be run, and it says how to set one", async () => {
    const own = new Project({ "flows.ts": FLOWS });
    const { code, err } = await own.run("run", "etl");
    expect([code, err]).toEqual([2, expect.stringMatching(/WH2010 .*no entry is set[\s\S]*defineConfig\(\{ entry: ".\/flows\.ts" \}\)/)]);
    expect((await own.run("run", "greets", "-q", "--entry", "flows.ts")).out).toBe("hello nobody\n");
    own.end();
  });
});
