/** A secret that is set with `windhover block set` is in no file and on no stream, whatever the flow does with it. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { build, type Ended, Project } from "./command.ts";

const KEY = "sk-live-61-æ/Qx7";
const FLOWS = `
import { artifact, emit, flow, log, Secret, task } from "windhover";
const leak = task({ name: "leak" }, async (how: string) => {
  const secret = await Secret.load("openai");
  const key = secret.get();
  log.info("the key is " + key, { key, secret });
  await artifact.markdown("notes", key);
  await emit({ type: "made", detail: { key } });
  if (how === "die") setImmediate(() => { throw new Error("nobody catches " + key); });
  if (how === "die") await new Promise((resolve) => setTimeout(resolve, 60_000));
  if (how === "fail") throw new Error("cannot log in with " + key, { cause: { key } });
  return { key };
});
export const leaks = flow({ name: "leaks" }, async (p: { how?: string } = {}) => leak(p.how ?? "return"));
export const fails = flow({ name: "fails" }, async () => leak("fail"));
export const dies = flow({ name: "dies" }, async () => leak("die"));
`;
let project: Project;
beforeAll(async () => {
  build();
  project = new Project({
    "windhover.config.ts": `import { defineConfig } from "windhover"; export default defineConfig({ entry: "./flows.ts" });`,
    "flows.ts": FLOWS,
    "script.mjs": `${FLOWS.replaceAll(/: string|: \{ how\?: string \}/g, "").replaceAll("export ", "")}console.log(await leaks()); await fails();`,
  });
  expect((await project.run("block", "set", "secret/openai", "--value", KEY)).code).toBe(0);
});
afterAll(() => project.end());

const FORMS = [KEY, encodeURIComponent(KEY), Buffer.from(KEY).toString("base64").slice(0, 20)];
function nowhere({ out, err }: Ended): void {
  const places = new Map([
    ["standard output", out],
    ["standard error", err],
  ]);
  for (const name of readdirSync(join(project.folder, ".windhover"), { recursive: true }) as string[]) {
    const file = join(project.folder, ".windhover", name);
    if (statSync(file).isFile()) places.set(name, readFileSync(file, "latin1"));
  }
  const shown = FORMS.flatMap((form) => [form, Buffer.from(form).toString("latin1")]);
  expect([...places].filter(([, text]) => shown.some((form) => text.includes(form))).map(([place]) => place)).toEqual([]);
}

describe("a secret", () => {
  test("is in nothing that `windhover run` prints or keeps, with and without --json", async () => {
    const ran = await project.run("run", "leaks");
    expect([ran.code, ran.out, ran.err]).toEqual([0, expect.stringContaining("***"), expect.stringContaining("the key is ***")]);
    nowhere(ran);
    nowhere(await project.run("run", "leaks", "--json"));
    const failed = await project.run("run", "fails");
    expect([failed.code, failed.err]).toEqual([1, expect.stringContaining("cannot log in with ***")]);
    nowhere(failed);
  });

  test("is in nothing that other commands show afterwards", async () => {
    for (const args of [
      ["runs", "inspect", "last"],
      ["runs", "logs", "last"],
      ["runs", "export", "last"],
      ["runs", "ls", "--json"],
      ["artifacts", "last"],
    ])
      nowhere(await project.run(...args));
  });

  test("is in nothing that a script prints", async () => {
    const ran = await project.script("script.mjs");
    expect(ran.out).toContain("***");
    nowhere(ran);
  });

  test("is not in what Node prints of an error that ends the process", async () => {
    const died = await project.run("run", "dies");
    expect(died.err).toContain("nobody catches ***");
    nowhere(died);
  });
});
