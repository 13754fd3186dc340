import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { flow, sleep, task } from "windhover";
import { createMemoryBackend } from "../../adapters/memory/backend.ts";
import { createRuntime } from "../../adapters/process/runtime.ts";
import { verdictsOf } from "../../cli/deploy-check.ts";
import { Code } from "../../engine/definition.ts";
import { shared } from "../../engine/scope.ts";
import { clientOf } from "../../sdk/testing/harness.ts";
import { build, Project } from "./command.ts";

const flows = (body: string): string => `
import { flow, task } from "windhover";
const load = task({ name: "load" }, async () => "x".repeat(10_000));
const count = task({ name: "count" }, async (text: string) => text.length);
export const sizes = flow({ name: "sizes" }, async () => {
  ${body}
});
`;
const BODY = `const text = await load();
  return { size: await count(text) };`;

describe("windhover replay", () => {
  let project: Project;
  beforeAll(async () => {
    build();
    project = new Project({
      "windhover.config.ts": `import { defineConfig } from "windhover"; export default defineConfig({ entry: "./flows.ts" });`,
      "flows.ts": flows(BODY),
    });
    await project.run("run", "sizes", "--name", "first");
    writeFileSync(join(project.folder, "first.json"), (await project.run("runs", "export", "first")).out);
  });
  afterAll(() => project.end());

  test("says that a run, or its exported history, matches the code that is here", async () => {
    for (const target of ["first", "first.json"]) {
      const { code, out, err } = await project.run("replay", target);
      expect([code, out], err).toEqual([0, expect.stringMatching(/^✓ first of sizes: all \d+ entries match the code that is here\.\n$/)]);
    }
    expect(await project.json("replay", "first.json")).toMatchObject({ run: "first", flow: "sizes", matches: true });
  });

  test("says where changed code parts from the log, with the line", async () => {
    project.write("flows.ts", flows(`const text = "short";\n  return { size: await count(text) };`));
    for (const target of ["first", "first.json"]) {
      const { code, out, err } = await project.run("replay", target);
      expect([code, out]).toEqual([1, "✗ first of sizes parts from its log on the code that is here.\n"]);
      expect(err).toMatch(/WH1201 .*the log has task load-0, the code made task count-0 at .*flows\.ts:7:\d+/);
      expect(err).toMatch(/expected {2}task load-0\n {2}got {7}task count-0/);
    }
    expect(await project.json("replay", "first.json")).toMatchObject({ matches: false, error: { code: "WH1201" } });
    project.write("flows.ts", flows(BODY).replace('name: "sizes"', 'name: "lengths"'));
    expect(await project.run("replay", "first.json")).toMatchObject({ code: 1, err: expect.stringMatching(/^WH2001 /) });
    project.write("flows.ts", flows(BODY));
  });

  test("an exported history stands for itself; what is none is refused", async () => {
    const { out } = await project.run("runs", "inspect", "first", "--json");
    writeFileSync(join(project.folder, "inspected.json"), out);
    expect((await project.run("replay", "inspected.json")).err).toMatch(/WH3007 The history refers to the stored result .*\n[\s\S]*runs export/);
    for (const [file, text] of [
      ["a.json", "{}"],
      ["b.json", "nonsense"],
      ["c.json", '{"windhover":99,"entries":[]}'],
      ["d.json", "[1,2]"],
    ] as const) {
      project.write(file, text);
      expect(await project.run("replay", file)).toMatchObject({ code: 2, err: expect.stringMatching(new RegExp(`^WH2060 ${file} is no history of a run`)) });
    }
  });
});

describe("deploy --check", () => {
  const step = task({ name: "check-step" }, async () => 1);
  /** Runs of both flows, one of each open. */
  async function world(build?: string) {
    const backend = createMemoryBackend({ seed: 1 });
    const runtime = createRuntime(backend, build === undefined ? {} : { host: { build } });
    runtime.worker.start();
    const client = clientOf(backend, runtime);
    const stays = flow({ name: "check-stays" }, async () => sleep("1 hour"));
    const changes = flow({ name: "check-changes" }, async () => {
      await sleep("1 hour");
      return step();
    });
    for (const one of [stays, changes, changes]) await client.run(one as typeof stays);
    await runtime.worker.settled();
    const code = new Code();
    flow({ name: "check-changes" }, async () => step());
    for (const name of ["check-stays", "check-changes"]) code.addFlow(shared.code.flow(name));
    await runtime.worker.stop();
    return { ports: backend.ports, code };
  }

  test("open runs that match are safe, others stay on their build or, without one, would break", async () => {
    const pinned = await world("b1");
    expect(await verdictsOf(pinned.ports, pinned)).toMatchObject([
      { flow: "check-changes", verdict: "pinned", open: 2, differ: [{ problem: { code: "WH1201" } }, {}] },
      { flow: "check-stays", verdict: "safe", open: 1, differ: [] },
    ]);
    const breaking = await world();
    expect((await verdictsOf(breaking.ports, breaking)).map(({ flow: name, verdict }) => [name, verdict])).toEqual([
      ["check-changes", "breaking"],
      ["check-stays", "safe"],
    ]);
  });

  test("a flow that is gone breaks its open runs, not those that have ended", async () => {
    const { ports } = await world();
    const gone = await verdictsOf(ports, { code: new Code() });
    expect(gone.map(({ verdict }) => verdict)).toEqual(["breaking", "breaking"]);
    expect(gone[0]?.differ[0]?.problem.code).toBe("WH2001");
  });
});
