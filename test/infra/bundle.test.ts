import { spawn, spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { STACK_VARIABLE } from "../../adapters/aws/stack.ts";
import { bundleProgram, type Program } from "../../infra/bundle.ts";
import { STACK } from "../functions/world.ts";
import { FLOWS, SMALL } from "./synth.ts";

const PROGRAMS: readonly Program[] = ["orchestrator", "executor", "api", "deployed", "deadLetters", "container"];
const small = { entries: [SMALL] };
const EXAMPLES = fileURLToPath(new URL("../../examples/index.ts", import.meta.url));
const WRONG = fileURLToPath(new URL("./fixtures/wrong-schedule.ts", import.meta.url));

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

describe("with the examples", () => {
  test.each([
    ["orchestrator", 620],
    ["executor", 535],
    ["api", 650],
  ] as const)("%s loads at most %i KB at once: schedules, and all clients but two, come later", (program, kilobytes) =>
    expect(bundleProgram(program, { entries: [EXAMPLES] }).bytes).toBeLessThanOrEqual(kilobytes * 1000),
  );
});

describe("a schedule that is wrong, in the environment of the functions", () => {
  const load = (program: Program) => {
    const { file } = bundleProgram(program, { entries: [WRONG] });
    return spawnSync(process.execPath, ["--input-type=module", "-e", `await import(${JSON.stringify(file)})`], { encoding: "utf8", env: {} }).stderr;
  };
  /** The function that CloudFormation runs, and what it is told. */
  const deploy = async (RequestType: string): Promise<unknown> => {
    let answer = "";
    const cloudFormation = createServer((request, response) => {
      request.setEncoding("utf8").on("data", (text: string) => (answer += text));
      request.on("end", () => response.end());
    });
    await new Promise<void>((resolve) => cloudFormation.listen(0, "127.0.0.1", resolve));
    const ResponseURL = `http://127.0.0.1:${(cloudFormation.address() as AddressInfo).port}/`;
    const event = JSON.stringify({ RequestType, ResponseURL, LogicalResourceId: "Deployment", ResourceProperties: { Empty: [] } });
    const { file } = bundleProgram("deployed", { entries: [WRONG] });
    const source = `const { handler } = await import(${JSON.stringify(file)}); await handler(${event}, { getRemainingTimeInMillis: () => 60_000 });`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", source], { env: { [STACK_VARIABLE]: JSON.stringify(STACK) }, stdio: "ignore" });
    await new Promise((resolve) => child.once("close", resolve));
    await new Promise((resolve) => cloudFormation.close(resolve));
    return JSON.parse(answer);
  };
  test("is refused when it is deployed: CloudFormation is answered, which waited for a function that could not be loaded", async () => {
    expect(await deploy("Create")).toMatchObject({ Status: "FAILED", Reason: expect.stringContaining("WH1005") });
  });
  test("is not in the way of the stack's end", async () => expect(await deploy("Delete")).toMatchObject({ Status: "SUCCESS" }));
  test.each(["orchestrator", "executor", "api"] as const)("is not looked for at each start of %s", (program) => expect(load(program)).toContain("WH3101"));
});

test("a bundle runs on its own, far from the package: it lacks nothing but its stack", () => {
  const { file } = bundleProgram("orchestrator", { entries: [FLOWS] });
  const { stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", `await import(${JSON.stringify(file)})`], { encoding: "utf8", env: {} });
  expect(stderr).toContain("WH3101");
});
