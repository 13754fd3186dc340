import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { build, Project } from "./command.ts";

const FLOWS = `
import { flow, task, sleep, log, artifact, cron, runInput, waitForInput } from "windhover";
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import * as z from "zod";

export const double = task({ name: "double" }, async (n: number) => {
  log.info("doubling", { n });
  return n * 2;
});
const flaky = task({ name: "flaky", retries: 1 }, async () => {
  appendFileSync("tries", ".");
  if (readFileSync("tries", "utf8").length === 1) throw new TypeError("fetch failed");
  return "there";
});
const square = task({ name: "square" }, async (n: number) => n * n);
const count = task({ name: "count" }, async () => { appendFileSync("counted", "."); return 1; });
const Approval = runInput({ name: "approval", schema: z.object({ approved: z.boolean() }) });

export const add = flow({ name: "add", parameters: z.object({ a: z.number(), b: z.number().default(1), label: z.string().optional(), list: z.array(z.string()).optional(), deep: z.object({ items: z.array(z.object({ n: z.number() })) }).optional() }) }, async ({ a, b, label, list }) => {
  const sum = await double(a) + b;
  return { sum, label, list };
});
export const retried = flow({ name: "retried" }, async () => flaky());
export const broken = flow({ name: "broken" }, async () => {
  await double(1);
  const nothing = JSON.parse("null") as { x: number };
  return nothing.x;
});
export const wide = flow({ name: "wide" }, async () => (await square.map(Array.from({ length: 1000 }, (_, i) => i))).length);
export const once = flow({ name: "once" }, async () => count());
export const asks = flow({ name: "asks" }, async () => (await waitForInput(Approval)).approved);
export const reads = flow({ name: "reads" }, async () => beside());
const beside = task({ name: "beside" }, async () => readFileSync(new URL("./data.txt", import.meta.url), "utf8").trim());
const holding = task({ name: "holding" }, async () => {
  while (!existsSync("go")) await new Promise((resolve) => setTimeout(resolve, 20));
  return "held";
});
export const holds = flow({ name: "holds" }, async () => holding());
const leaky = task({ name: "leaky" }, async () => { setInterval(() => {}, 1000); return 1; });
export const leaks = flow({ name: "leaks" }, async () => leaky());
export const dated = flow({ name: "dated" }, async () => ({ at: new Date(0), map: new Map([["a", 1n]]) }));
export const nightly = add.deployment({ name: "nightly", schedules: [cron("0 2 * * *")], parameters: { a: 20 } });
`;
const CONFIG = `import { defineConfig } from "windhover"; export default defineConfig({ entry: "./flows.ts" });`;
let project: Project;

beforeAll(() => {
  build();
  project = new Project({ "flows.ts": FLOWS, "data.txt": "from a file\n", "windhover.config.ts": CONFIG });
});
afterAll(() => project.end());

describe("windhover run", () => {
  test("runs an export of a file, tells its story on stderr and prints its result on stdout", async () => {
    const { code, out, err } = await project.run("run", "flows.ts:add", "--param", "a=2");
    expect([code, JSON.parse(out)]).toEqual([0, { sum: 5 }]);
    const story = err.split("\n").map((line) => line.replace(/^[\d:.]+ \| /, "").replace(/'[a-z]+-[a-z]+'/g, "'NAME'"));
    expect(story.slice(0, 6)).toEqual([
      "INFO    | Flow run 'NAME' - Created flow run 'NAME' for flow 'add'",
      "INFO    | Flow run 'NAME' - Created task run 'double-0' for task 'double'",
      "INFO    | Flow run 'NAME' - Executing 'double-0' immediately...",
      "INFO    | Task run 'double-0' - doubling n=2",
      "INFO    | Task run 'double-0' - Finished in state Completed()",
      "INFO    | Flow run 'NAME' - Finished in state Completed()",
    ]);
  });

  test("--json prints one object and nothing else", async () => {
    const { code, out, err } = await project.run("run", "add", "-p", "a=2", "--name", "my-run", "--tag", "t1", "--json");
    expect([code, err]).toEqual([0, ""]);
    expect(JSON.parse(out)).toEqual({
      id: expect.stringMatching(/^[a-z0-9]{16}$/),
      name: "my-run",
      flow: "add",
      state: { type: "COMPLETED", name: "Completed" },
      durationMs: expect.any(Number),
      result: { sum: 5, label: null, list: null },
    });
  });

  test("a deployment runs with its parameters, and others laid over them", async () => {
    expect(await project.json("run", "nightly", "-p", "b=2")).toMatchObject({ flow: "add", result: { sum: 42 } });
  });

  test("values are read as the schema wants them", async () => {
    expect(await project.json("run", "add", "-p", "a=1", "-p", "label=12", "-p", "list=x", "-p", "list=7")).toMatchObject({
      result: { label: "12", list: ["x", "7"] },
    });
    project.write("parameters.json", JSON.stringify({ a: 3, list: ["y"] }));
    expect(await project.json("run", "add", "--params", "@parameters.json", "-p", "a=1")).toMatchObject({ result: { sum: 3, list: ["y"] } });
  });

  test("what JSON cannot say is said as near as it can", async () => {
    expect(await project.json("run", "dated")).toMatchObject({ result: { at: "1970-01-01T00:00:00.000Z", map: { a: "1" } } });
  });

  test("an attempt that fails is told with when it is tried again", async () => {
    const { code, err } = await project.run("run", "retried");
    expect(code).toBe(0);
    expect(err).toContain("Encountered an exception during execution: TypeError: fetch failed. Retrying at once (attempt 2).");
  });

  test("a map is one line with its count, and ten of progress at most", async () => {
    const { err } = await project.run("run", "wide");
    expect(err).toContain("Created 1,000 task runs for 'square' ('square-0')");
    expect(err.split("\n").filter((line) => line.includes("'square-0'")).length).toBeLessThan(15);
  });

  test("a flow that fails ends with 1, and shows the author's line", async () => {
    const { code, out, err } = await project.run("run", "broken");
    expect([code, out]).toEqual([1, ""]);
    expect(err).toContain("TypeError: Cannot read properties of null (reading 'x')");
    expect(err).toMatch(/at flows\.ts:27:18\n/);
    expect(err).toContain("27 │   return nothing.x;");
    expect(err).not.toContain("/dist/");
    expect(await project.json("run", "broken")).toMatchObject({
      state: { type: "FAILED" },
      error: { name: "TypeError", message: "Cannot read properties of null (reading 'x')" },
    });
  });

  test("import.meta.url is the author's file", async () => {
    expect((await project.run("run", "reads", "-q")).out).toBe("from a file\n");
  });

  test("the same idempotency key is the same run, and does nothing twice", async () => {
    const first = await project.json("run", "once", "--idempotency-key", "k1");
    const second = await project.json("run", "once", "--idempotency-key", "k1");
    expect(second["id"]).toBe(first["id"]);
    expect((await project.json<{ runs: unknown[] }>("runs", "ls", "--flow", "once")).runs).toHaveLength(1);
  });

  test("input and cancel come from another process", async () => {
    const answered = project.start(["run", "asks", "--name", "first"]);
    const given = project.start(["run", "asks", "--name", "second"]);
    await Promise.all([answered.said("Waiting for the input 'approval'"), given.said("Waiting for the input 'approval'")]);
    const refused = await project.run("runs", "input", "first", "approval", '{ "approved": 5 }');
    expect(refused.err + refused.out).toMatch(/WH1106.*approved: Invalid input[\s\S]*goes on waiting/);
    expect(refused.code).toBe(1);
    expect((await project.run("runs", "input", "first", "aproval", "true")).out).toContain(
      'It is kept until the run asks for it; now it waits for "approval".',
    );
    expect((await project.run("runs", "input", "first", "approval", '{ "approved": true }')).out).toContain('Sent the input "approval" to first.');
    expect((await project.run("runs", "cancel", "second")).out).toContain("Cancelled second.");
    expect(await answered.ended).toMatchObject({ code: 0, out: "true\n" });
    expect(await given.ended).toMatchObject({ code: 1 });
  });

  test("Ctrl-C leaves the run as it is, says how to go on, and ends with 130", async () => {
    const left = project.start(["run", "asks", "--name", "left"]);
    await left.said("Waiting for the input");
    left.child.kill("SIGINT");
    const { code, err } = await left.ended;
    expect(code).toBe(130);
    expect(err).toMatch(/Left the run left .* what it has done is kept[\s\S]*windhover dev[\s\S]*windhover runs cancel left/);
    expect(await project.json("runs", "inspect", "left")).toMatchObject({ state: { type: "PAUSED", reason: { code: "input" } } });
    const told = await project.run("runs", "cancel", "left");
    expect([told.code, told.out]).toEqual([0, expect.stringContaining("no process has taken it yet")]);
    // Any process that knows the flow takes it up.
    await project.run("run", "once", "-q");
    expect(await project.json("runs", "inspect", "left")).toMatchObject({ state: { type: "CANCELLED" } });
  });
});

describe("the end of a command", () => {
  test("is not held up by what the author's code left open", async () => {
    expect(await project.run("run", "leaks", "-q")).toMatchObject({ code: 0, out: "1\n" });
  });

  test("waits for a task of another run that was taken up here, and says so", async () => {
    const own = new Project({ "flows.ts": FLOWS });
    const killed = own.start(["run", "flows.ts:holds", "--name", "holder"]);
    await killed.said("Executing 'holding-0' immediately...");
    killed.child.kill("SIGKILL");
    await killed.ended;
    const other = own.start(["run", "flows.ts:once"]);
    await other.said("Waiting for a task of another run");
    own.write("go", "");
    expect(await other.ended).toMatchObject({ code: 0, out: "1\n" });
    await own.run("run", "flows.ts:once", "-q");
    expect(await own.json("runs", "inspect", "holder")).toMatchObject({
      state: { type: "COMPLETED" },
      result: "held",
      calls: [{ attempts: [{ outcome: "crashed" }, { outcome: "completed" }] }],
    });
    own.end();
  });
});

describe("what cannot be run ends with 2, and says why", () => {
  const refused: readonly (readonly [what: string, args: readonly string[], said: RegExp])[] = [
    ["an unknown flow", ["run", "ad"], /WH2001 No flow or deployment is called "ad"\. Did you mean "add"\?\n {2}expected {2}one of add, asks, broken, /],
    ["an unknown export", ["run", "flows.ts:nope"], /WH2001 flows\.ts exports no flow or deployment "nope"/],
    ["several flows", ["run", "flows.ts"], /WH2007 flows\.ts exports 10 flows: say which one to run\.\n {2}expected {2}one of flows\.ts:add,/],
    [
      "an unknown parameter",
      ["run", "add", "-p", "lable=x"],
      /WH2005 "add" has no parameter "lable"\. Did you mean "label"\?\n {2}expected {2}a: number, b\?: number = 1, label\?: string, list\?: string\[\]/,
    ],
    ["a parameter without a value", ["run", "add", "-p", "a"], /WH2007 --param a has no value/],
    ["parameters that are no JSON", ["run", "add", "-P", "{a"], /WH2007 --params is not JSON/],
    ["a file that is not there", ["run", "nothing.ts"], /WH2009 There is no file .*nothing\.ts/],
    ["an unknown option", ["run", "add", "--parm", "a=1"], /WH2007 Unknown option '--parm' \(Did you mean --param\?\)\n {2}do {8}See windhover run --help/],
    ["an unknown command", ["rum"], /WH2007 Unknown command 'rum' \(Did you mean run\?\)/],
    ["a missing argument", ["run"], /WH2007 Missing required argument 'target'/],
  ];
  test.concurrent.each(refused)("%s", async (_, args, said) => {
    const { code, out, err } = await project.run(...args);
    expect(err).toMatch(said);
    expect([code, out]).toEqual([2, ""]);
  });

  test("a value of the wrong type makes a run that failed, with the path", async () => {
    const { code, err } = await project.run("run", "add", "-p", "a=x", "-p", 'deep={"items":[{"n":"no"}]}');
    expect(code).toBe(1);
    expect(err).toMatch(/WH1101 The parameters of "add" do not fit: a: Invalid input: expected number, received string; deep\.items\[0\]\.n: Invalid input/);
  });
});

describe("an entry that cannot be loaded", () => {
  const entries: readonly (readonly [what: string, source: string, code: number, said: RegExp])[] = [
    [
      "does not compile",
      'import { flow } from "windhover";\nexport const f = flow({ name: "f" }, async () => {',
      2,
      /WH2009 .*entry\.ts:2:\d+ does not compile: Unexpected end of file/,
    ],
    [
      "throws",
      'import { flow } from "windhover";\n\nconst boom = (): never => { throw new RangeError("no"); };\nboom();\nexport const f = flow({ name: "f" }, async () => 1);',
      2,
      /WH2009 .*entry\.ts:3:35 threw while it was loaded: RangeError: no/,
    ],
    [
      "imports what is not installed",
      'import x from "not-installed";\nexport default x;',
      2,
      /WH2009 .*entry\.ts:1:15 imports what is not there: Could not resolve "not-installed"/,
    ],
    [
      "exports no flow",
      'import { flow } from "windhover";\nflow({ name: "hidden" }, async () => 1);',
      2,
      /WH2009 .*entry\.ts exports no flow\.[\s\S]*hidden, made but not exported/,
    ],
    [
      "has two flows of one name",
      'import { flow } from "windhover";\nexport const a = flow({ name: "same" }, async () => 1);\nexport const b = flow({ name: "same" }, async () => 2);',
      2,
      /WH1002 There are two definitions of flow "same"\./,
    ],
    [
      "has a flow without a name",
      'import { flow } from "windhover";\nexport const a = flow({} as { name: string }, async () => 1);',
      2,
      /WH1001 A flow needs a name\.[\s\S]*entry\.ts:2:18/,
    ],
  ];
  test.concurrent.each(entries)("because it %s", async (_, source, code, said) => {
    const own = new Project({ "entry.ts": source });
    const ended = await own.run("run", "entry.ts");
    own.end();
    expect(ended.err).toMatch(said);
    expect([ended.code, ended.out]).toEqual([code, ""]);
  });
});

test("an ordinary script tells the same story, and shows up in `runs ls`", async () => {
  const own = new Project({
    "script.mjs":
      'import { flow, task } from "windhover";\nconst one = task({ name: "one" }, async () => 1);\nconst f = flow({ name: "scripted" }, async () => one());\nconsole.log(await f());\n',
  });
  const { code, out, err } = await own.script("script.mjs");
  expect([code, out]).toEqual([0, "1\n"]);
  expect(err).toMatch(/Created flow run '.*' for flow 'scripted'\n[\s\S]*Created task run 'one-0' for task 'one'\n[\s\S]*Finished in state Completed\(\)\n$/);
  expect(await own.json("runs", "ls")).toMatchObject({ runs: [{ flow: "scripted", state: { type: "COMPLETED" } }] });
  own.end();
});
