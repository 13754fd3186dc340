/** What a person gets wrong at first: each time it is said what was expected, what came and what to do, and no stack of ours is shown. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { checkNode } from "../../sdk/node-version.ts";
import { build, type Ended, Project } from "./command.ts";

const FLOWS = `
import { flow, task } from "windhover";
import * as z from "zod";
const slow = task({ name: "slow" }, async () => new Promise(() => setTimeout(() => {}, 60_000)));
export const digest = flow({ name: "digest", parameters: z.object({ n: z.number().default(1), path: z.string().optional(), start: z.date().optional(), end: z.coerce.date().optional() }) }, async (p) => p);
export const nightly = flow({ name: "nightly" }, async () => slow());
const leave = task({ name: "leave" }, async () => process.exit(3));
export const leaves = flow({ name: "leaves" }, async () => leave());
const drop = task({ name: "drop" }, async () => { void Promise.reject(new RangeError("nobody looks")); return new Promise(() => {}); });
export const drops = flow({ name: "drops" }, async () => drop());
const odd = task({ name: "odd" }, async () => ({ make: () => 1 }) as never);
export const odds = flow({ name: "odds" }, async () => odd());
`;
let project: Project;
beforeAll(() => {
  build();
  project = new Project({
    "flows.ts": FLOWS,
    "calls.ts": `${FLOWS}\nconsole.log(await digest());`,
    "twice.ts": `import { flow } from "windhover"; export const a = flow({ name: "same" }, async () => 1); export const b = flow({ name: "same" }, async () => 2);`,
    "lacks.ts": `import { flow } from "windhover"; import nope from "@some/package/part"; export const a = flow({ name: "a" }, async () => nope);`,
    "throws.config.ts": `throw new Error("the settings throw");`,
    "half.config.ts": "export default {",
    "twice.mjs": `import { flow } from "windhover"; const a = flow({ name: "same" }, async () => 1); flow({ name: "same" }, async () => 2); await a();`,
    "script.mjs": `import { flow, task } from "windhover"; const slow = task({ name: "slow" }, () => new Promise(() => {})); await flow({ name: "scripted" }, async () => slow())();`,
  });
});
afterAll(() => project.end());

/** No frame of this package, and none of the temporary bundle. */
function refused({ code, err }: Ended, status: number, wh: string, ...said: readonly string[]): void {
  expect([code, err]).toEqual([status, expect.stringContaining(wh)]);
  for (const text of said) expect(err).toContain(text);
  expect(err).toMatch(/^ {2}do {8}\S/m);
  expect(err).not.toMatch(/^\s+at .*(\/dist\/|entry\.mjs)/m);
}

describe("a clumsy user", () => {
  test("whose file calls its own flow is told so, and nothing is started, whichever command looks at it", async () => {
    for (const args of [
      ["run", "calls.ts"],
      ["flows", "ls", "-e", "calls.ts"],
      ["dev", "-e", "calls.ts", "--port", "0"],
    ])
      refused(await project.run(...args), 2, "WH1061", `The flow "digest" was called while its file was loaded at ${join(project.folder, "calls.ts")}:`);
    expect((await project.run("runs", "ls")).err).toContain("No runs");
  });

  test("who gives two flows one name, in a script as well, imports what is not installed, or names no export ends with 2", async () => {
    refused(await project.run("run", "twice.ts"), 2, "WH1002");
    const { code, err } = await project.script("twice.mjs");
    expect([code, err]).toEqual([1, expect.stringContaining('WH1002: There are two definitions of flow "same".')]);
    refused(await project.run("run", "lacks.ts"), 2, "WH2009", "npm install @some/package");
    refused(await project.run("run", "flows.ts:"), 2, "WH2007", "flows.ts:digest");
    refused(await project.run("dev", "nowhere"), 2, "WH2007", "There is no folder");
  });

  test("may live in a folder with spaces and umlauts, and is told the right line there", async () => {
    const folder = join(project.folder, "Ordner mit Ümlaut");
    mkdirSync(folder);
    writeFileSync(join(folder, "flows.ts"), FLOWS);
    writeFileSync(join(folder, "calls.ts"), `${FLOWS}\ndigest();`);
    expect(JSON.parse((await project.start(["run", "flows.ts:digest", "--quiet"], {}, folder).ended).out)).toEqual({ n: 1 });
    refused(await project.start(["run", "calls.ts"], {}, folder).ended, 2, "WH1061", `loaded at ${join(folder, "calls.ts")}:`);
  });

  test("whose settings file throws or is half written is sent to that file", async () => {
    refused(await project.run("-c", "throws.config.ts", "flows", "ls"), 2, "WH2009", "the settings throw", "Correct the settings file");
    refused(await project.run("-c", "half.config.ts", "flows", "ls"), 2, "WH2009", "does not compile", "Correct the settings file");
  });

  test("whose database cannot be where it should is told what is in the way", async () => {
    refused(await project.run("variables", "set", "a", "1", "-d", "/dev/null/x"), 1, "WH3003", "A file is in the way", "--directory");
    refused(await project.run("run", "flows.ts:digest", "-d", "flows.ts"), 1, "WH3003", "A file is in the way");
    mkdirSync(join(project.folder, "other"));
    writeFileSync(join(project.folder, "other", "windhover.db"), "a text that is no database ".repeat(40));
    refused(await project.run("runs", "ls", "-d", "other"), 1, "WH3001", "Restore it from a copy");
  });

  test("who looked in a wrong folder left a database there; now nothing is made, and it is said that there is none", async () => {
    const empty = join(project.folder, "empty");
    mkdirSync(empty);
    for (const args of [
      ["runs", "ls"],
      ["runs", "inspect", "last"],
      ["runs", "cancel", "last"],
      ["limits", "ls"],
      ["block", "ls"],
      ["deployments", "pause", "x"],
    ]) {
      const { err } = await project.start([...args, "-d", "nowhere"], {}, empty).ended;
      expect(err).toMatch(/There is no database in nowhere: the first `windhover run` or `windhover dev` makes one/);
    }
    const { code, out } = await project.start(["runs", "ls", "--json"], {}, empty).ended;
    expect([code, JSON.parse(out)]).toEqual([0, { runs: [], more: false }]);
    expect(readdirSync(empty)).toEqual([]);
    expect((await project.start(["variables", "set", "a", "1"], {}, empty).ended).code).toBe(0);
    expect(readFileSync(join(empty, ".windhover", ".gitignore"), "utf8"), "a key lies there").toBe("*\n");
    expect((await project.start(["variables", "get", "a"], {}, empty).ended).out).toBe("1\n");
  });

  test("who gives an option a wrong value is sent to the help of that very command", async () => {
    refused(await project.run("runs", "ls", "-n", "abc"), 2, "WH2007", "See windhover runs ls --help");
    refused(await project.run("run", "flows.ts:digest", "--params", "{"), 2, "WH2007", "See windhover run --help");
    refused(await project.run("limits", "set", "x", "abc"), 2, "WH2007", "See windhover limits set --help");
    refused(await project.run("run", "flows.ts:digest", "--n=2"), 2, "WH2007", "For a parameter of the flow: -p n=2.");
  });

  test("whose project has no entry is told how to name a file to the command that needs one", async () => {
    refused(await project.run("dev"), 2, "WH2010", "or name a file: windhover dev -e FILE");
    refused(await project.run("deploy", "--stack", "Flows"), 2, "WH2010", "or name a file: windhover deploy -e FILE --stack Flows");
  });

  test("who asks for the last run before there is one is told how to start one", async () => {
    refused(await project.run("runs", "inspect", "last"), 2, "WH2002", "There are no runs here yet", "windhover run FILE");
  });

  test("whose parameters are refused is not told to try the same again", async () => {
    const ended = await project.run("run", "flows.ts:digest", "-p", "n=many");
    refused(ended, 1, "WH1101", "n: Invalid input");
    expect(ended.err).not.toContain("windhover runs retry");
    const [, name = ""] = /windhover runs rerun (\S+) -p NAME=VALUE/.exec(ended.err) ?? [];
    const { out } = await project.run("runs", "inspect", name);
    expect(out).toContain(`windhover runs rerun ${name} -p NAME=VALUE`);
    expect(out).not.toContain("windhover runs retry");
  });

  test("who gives a date to a schema that takes none from JSON is told of z.coerce.date()", async () => {
    refused(await project.run("run", "flows.ts:digest", "-p", "start=2026-12-24"), 1, "WH1101", "JSON has no dates: with z.coerce.date()");
    const { out } = await project.run("run", "flows.ts:digest", "--quiet", "-p", "end=2026-12-24");
    expect(out).toContain("end: 2026-12-24T00:00:00.000Z");
  });

  test("may name a path of Windows", async () => {
    const { out } = await project.run("run", "flows.ts:digest", "--quiet", "-p", "path=C:\\Users\\Jörg\\new.csv");
    expect(JSON.parse(out)).toEqual({ n: 1, path: "C:\\Users\\Jörg\\new.csv" });
  });

  test("who presses Ctrl-C hears what is kept and what runs again; pressing it twice ends at once", async () => {
    const run = project.start(["run", "flows.ts:nightly"]);
    await run.said("Executing 'slow-0' immediately");
    run.child.kill("SIGINT");
    await run.said("what it has done is kept");
    run.child.kill("SIGINT");
    const { code, err } = await run.ended;
    expect([code, err]).toEqual([130, expect.stringMatching(/Torn {5}slow-0 .*it runs again[\s\S]*Go on {4}windhover dev -e flows\.ts /)]);
  });

  test("whose task ends the process, or fails where nobody looks, hears that the run is kept", async () => {
    const left = await project.run("run", "flows.ts:leaves", "-d", "left");
    expect([left.code, left.err]).toEqual([
      3,
      expect.stringMatching(/The process ended \(status 3\) while the run [a-z]+-[a-z]+ was under way[\s\S]*Torn {5}leave-0/),
    ]);
    expect((await project.run("runs", "ls", "-d", "left")).out).toMatch(/● Running [\s\S]*no process is serving it: windhover dev/);
    const dropped = await project.run("run", "flows.ts:drops", "-d", "dropped");
    refused(dropped, 1, "WH1062", "nobody waited for: nobody looks", "flows.ts:", "was under way: what it has done is kept");
  });

  test("who returns what cannot be stored reads where it is", async () => {
    refused(await project.run("run", "flows.ts:odds", "-d", "odds"), 1, "WH1102", "result.make is the function make");
  });

  test("who interrupts a script hears that its run is kept", async () => {
    const script = project.program("script.mjs");
    await script.said("Executing 'slow-0' immediately");
    script.child.kill("SIGINT");
    const { err } = await script.ended;
    expect(err).toMatch(/Left the run '[\w-]+' as it is: what it has done is kept/);
    expect(script.child.signalCode).toBe("SIGINT");
  });

  test("who serves twice on one port is told who has it", async () => {
    const first = project.start(["dev", "-e", "flows.ts", "-d", "serving", "--port", "0"]);
    await first.said("Ctrl-C stops");
    const port = /http:\/\/127\.0\.0\.1:(\d+)/.exec(first.told())?.[1] as string;
    refused(
      await project.run("dev", "-e", "flows.ts", "-d", "serving", "--port", port),
      1,
      "WH3004",
      "Windhover serves there already",
      `http://127.0.0.1:${port}`,
    );
    first.child.kill("SIGINT");
    expect((await first.ended).code).toBe(0);
  });

  test("whose Node is too old reads that, and not what it lacks", () => {
    expect(() => checkNode("18.20.8")).toThrowError(expect.objectContaining({ code: "WH4030", got: "18.20.8" }));
    expect(() => checkNode("20.0.0")).not.toThrow();
    expect(() => checkNode()).not.toThrow();
  });
});
