import { spawn } from "node:child_process";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { missingPython } from "../aws/python.ts";
import { build, type Ended, main, Project } from "./command.ts";
import { type StackWorld, stackWorld } from "./stack-world.ts";

const FILES = {
  "windhover.config.ts": `import { defineConfig } from "windhover"; export default defineConfig({ entry: "./flows.ts" });`,
  "flows.ts": `
import { defineBlock, flow, Secret, task } from "windhover";
import * as z from "zod";
const schema = z.object({ url: z.string(), port: z.number().default(5432), tags: z.array(z.string()).optional(), password: z.string() });
const Warehouse = defineBlock({ type: "warehouse", description: "Where rows go", schema, secret: ["password"] }, (values) => values);
const use = task({ name: "use" }, async () => {
  const { port, password } = await Warehouse.load("main");
  return { port, password: password.length, key: (await Secret.load("openai")).get() === "sk-a=b" };
});
export const uses = flow({ name: "uses" }, async () => use());
`,
};
let project: Project;
let world: StackWorld | undefined;
beforeAll(async () => {
  build();
  project = new Project(FILES);
  if (!missingPython()) world = await stackWorld();
});
afterAll(async () => {
  project.end();
  await world?.close();
});

/** A command whose standard input is a pipe with this text. */
function piped(text: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ended> {
  const child = spawn(process.execPath, [main, ...args], { cwd: project.folder, env: { ...process.env, NO_COLOR: "1", ...env }, stdio: "pipe" });
  let [out, err] = ["", ""];
  child.stdout.on("data", (chunk) => (out += chunk));
  child.stderr.on("data", (chunk) => (err += chunk));
  child.stdin.end(text);
  return new Promise((resolve) => child.on("close", (code) => resolve({ code, out, err })));
}

describe.each([
  ["the embedded database", false],
  ["a stack", true],
])("blocks of %s", (_, onStack) => {
  const skip = onStack && missingPython() !== undefined;
  const place = (): readonly string[] => (onStack && world ? ["--stack", world.resources.stack] : []);
  const run = (...args: readonly string[]): Promise<Ended> => project.start([...args, ...place()], onStack ? world?.env : {}).ended;

  test.skipIf(skip)("are set from flags and from a pipe, and are shown without what is secret", async () => {
    expect((await run("block", "ls")).err).toMatch(/No blocks are set/);
    expect(await run("block", "set", "secret/openai", "--value", "sk-a=b")).toMatchObject({ code: 0, out: expect.stringMatching(/^✓ Set secret\/openai/) });
    const set = await run("block", "set", "warehouse/main", "--value", "url=postgres://db", "--value", "port=5433", "--value", "password=12345");
    expect([set.code, set.out]).toEqual([0, expect.stringContaining("✓ Set warehouse/main")]);
    const again = await piped('{"url":"postgres://other","password":"hush"}', ["block", "set", "warehouse/main", ...place()], onStack ? world?.env : {});
    expect([again.code, again.out]).toEqual([0, expect.stringContaining("✓ Replaced warehouse/main")]);
    expect((await run("block", "ls")).out).toMatch(/^TYPE +NAME\nsecret +openai\nwarehouse +main\n$/);
    const shown = await run("block", "inspect", "warehouse/main");
    expect(shown.out).toMatch(/^warehouse\/main {2}Where rows go\n {2}url +postgres:\/\/other\n {2}password +\*\*\*\n$/);
    expect(shown.out + shown.err).not.toContain("hush");
    expect(JSON.parse((await run("block", "inspect", "secret/openai", "--json")).out)).toEqual({ type: "secret", name: "openai", values: { value: "***" } });
  });

  test.skipIf(skip)("what does not fit, or is not there, is told without its values", async () => {
    const wrong = await run("block", "set", "warehouse/main", "--value", "url=x", "--value", "port=many", "--value", "password=hush");
    expect([wrong.code, wrong.err]).toEqual([2, expect.stringMatching(/WH2016 The block warehouse\/main does not fit its type: port/)]);
    expect(wrong.err).not.toContain("hush");
    expect((await run("block", "set", "warehouse/main", "--value", "pasword=x")).err).toMatch(
      /WH2016 .*no field "pasword"\. Did you mean "password"[\s\S]*--value password=/,
    );
    expect((await run("block", "set", "warehouse")).err).toMatch(/WH2007 "warehouse" does not name a block/);
    expect((await piped("", ["block", "set", "warehouse/main", ...place()], onStack ? world?.env : {})).err).toMatch(/WH2007 No values were given/);
    expect((await run("block", "inspect", "warehouse/mian")).err).toMatch(/WH2016 The block warehouse\/mian is not set\. Did you mean warehouse\/main\?/);
    const other = await run("block", "set", "elsewhere/x", "--json", '{"token":"hush"}');
    expect([other.code, other.err]).toEqual([0, expect.stringContaining('The type "elsewhere" is not defined in the code here')]);
    expect((await run("block", "inspect", "elsewhere/x")).out).toMatch(/token +\*\*\*/);
    expect((await run("block", "rm", "elsewhere/x")).out).toBe("✓ elsewhere/x is no longer set.\n");
    expect((await run("block", "rm", "elsewhere/x")).err).toMatch(/WH2016/);
  });
});

test("a task loads what the command has set", async () => {
  const { out, err } = await project.run("run", "uses", "-q");
  expect(JSON.parse(out || "null"), err).toEqual({ port: 5432, password: 4, key: true });
});
