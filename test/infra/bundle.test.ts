import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { bundleProgram, type Program } from "../../infra/bundle.ts";
import { FLOWS, SMALL } from "./synth.ts";

const PROGRAMS: readonly Program[] = ["orchestrator", "executor", "api", "deployed", "deadLetters", "container"];
const small = { entries: [SMALL] };

describe.each(PROGRAMS)("the bundle of %s", (program) => {
  test("is the same code with the same name, wherever it is made", () => {
    const { hash, folder, file } = bundleProgram(program, small);
    expect(bundleProgram(program, { entries: [...small.entries] }).hash).toBe(hash);
    for (const name of readdirSync(folder)) expect(readFileSync(`${folder}/${name}`, "utf8"), name).not.toContain(process.cwd());
    expect(file).toBe(`${folder}/index.mjs`);
  });
});

test("other flows are another build", () => {
  const build = (entry: string) => bundleProgram("orchestrator", { entries: [entry] }).hash;
  expect(build(FLOWS)).not.toBe(build(SMALL));
});

/** What a function reads before its first invocation: its budget. A container reads all at once, and has the time. Unit: bytes. */
const MOST = 700 * 1024;
test.each(["orchestrator", "executor", "api", "deployed", "deadLetters"] as const)("%s loads at once no more than it needs", (program) =>
  expect(bundleProgram(program, small).bytes).toBeLessThanOrEqual(MOST),
);

test("a bundle runs on its own, far from the package: it lacks nothing but its stack", () => {
  const { file } = bundleProgram("orchestrator", { entries: [FLOWS] });
  const { stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", `await import(${JSON.stringify(file)})`], { encoding: "utf8", env: {} });
  expect(stderr).toContain("WH3101");
});
