import { SendMessageCommand } from "@aws-sdk/client-sqs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { connect, flow, log, runInput, sleep, task, waitForInput } from "windhover";
import * as z from "zod";
import { describeStack } from "../../adapters/aws/describe.ts";
import { shared } from "../../engine/scope.ts";
import { missingPython } from "../aws/python.ts";
import { build, type Ended, Project } from "./command.ts";
import { createStack, type StackWorld, stackWorld } from "./stack-world.ts";

const add = task({ name: "stack-add" }, async (n: number) => {
  log.info("adding", { n });
  return n + 1;
});
const sum = flow({ name: "stack-sum", parameters: z.object({ n: z.number() }) }, async ({ n }) => {
  if (n > 100) throw new Error("too much");
  return { sum: await add(n) };
});
const Go = runInput({ name: "stack-go", schema: z.object({ yes: z.boolean() }) });
flow({ name: "stack-asks" }, async () => {
  const { yes } = await waitForInput(Go);
  if (yes) await sleep("1 hour");
  return yes;
});
flow({ name: "stack-names", parameters: z.object({ names: z.array(z.string()) }) }, async ({ names }) => names);
flow({ name: "stack-doze" }, async () => sleep("1 hour"));
const nightly = sum.deployment({ name: "stack-nightly", parameters: { n: 5 }, tags: ["prod"] });

describe.skipIf(missingPython())("a deployed stack", () => {
  let world: StackWorld;
  let project: Project;
  let stack: string;
  beforeAll(async () => {
    build();
    world = await stackWorld(shared.code);
    stack = world.resources.stack;
    project = new Project({
      "windhover.config.ts": `import { defineConfig } from "windhover"; export default defineConfig({ entry: "./flows.ts", stages: { prod: { stack: "${stack}", region: "us-east-1" }, here: { directory: "./here" } } });`,
      "flows.ts": `import { flow } from "windhover"; export const local = flow({ name: "local" }, async () => "here");`,
    });
    const { mailbox } = world.backend.ports;
    const { revision, settings, name } = nightly as unknown as { revision: string; settings: never; name: string };
    await mailbox.send(`deployment:${name}`, { kind: "configure", id: "configure:1", revision, settings });
    const client = await connect({ stack, region: "us-east-1" });
    expect(await (await client.run(sum, { n: 1 }, { name: "first" })).result()).toEqual({ sum: 2 });
    await client.close();
  });
  afterAll(async () => {
    project?.end();
    await world?.close();
  });
  const run = (args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ended> => project.start(args, { ...world.env, ...env }).ended;
  const on = (...args: readonly string[]): Promise<Ended> => run([...args, "--stack", stack]);

  test("runs a deployed flow by its name and follows it: its story, its result, its status", async () => {
    const good = await on("run", "stack-sum", "-p", "n=4", "--name", "four", "--wait");
    expect([good.code, JSON.parse(good.out)], good.err).toEqual([0, { sum: 5 }]);
    expect(good.err).toMatch(/Created flow run 'four' for flow 'stack-sum'/);
    expect(good.err).toContain(`windhover runs inspect four --stack ${stack}`);
    const bad = await on("run", "stack-sum", "-p", "n=400", "--wait", "--json");
    expect([bad.code, JSON.parse(bad.out)]).toEqual([
      1,
      expect.objectContaining({ flow: "stack-sum", error: expect.objectContaining({ message: "too much" }) }),
    ]);
    const wrong = await on("run", "stack-sum", "-p", "n=many", "--wait");
    expect([wrong.code, wrong.err]).toEqual([1, expect.stringContaining("WH1101")]);
  });

  test("items of a list on a stack were a text, or refused as given twice", async () => {
    const twice = await on("run", "stack-names", "-p", "names=tea", "-p", "names=bread", "--wait");
    expect([twice.code, JSON.parse(twice.out)], twice.err).toEqual([0, ["tea", "bread"]]);
    // The project's own code knows that one is a list too.
    project.write(
      "names.ts",
      'import { flow } from "windhover"; import * as z from "zod"; export const names = flow({ name: "stack-names", parameters: z.object({ names: z.array(z.string()) }) }, async () => 1);',
    );
    const once = await on("run", "stack-names", "-p", "names=tea", "--wait", "--entry", "names.ts");
    expect([once.code, JSON.parse(once.out)], once.err).toEqual([0, ["tea"]]);
  });

  test("starts a deployment without waiting, and says how to watch it", async () => {
    const { code, out } = await on("run", "stack-nightly", "--name", "unwatched");
    expect([code, out]).toEqual([
      0,
      expect.stringMatching(new RegExp(`^✓ Started stack-nightly as unwatched [a-z0-9]{16}\n {2}windhover runs logs unwatched --follow --stack ${stack}\n$`)),
    ]);
    const logs = await on("runs", "logs", "unwatched", "--follow");
    expect(logs.out).toMatch(/from deployment 'stack-nightly'[\s\S]*Finished in state Completed\(\)\n$/);
    const waited = await on("deployments", "run", "stack-nightly", "-p", "n=6", "--wait", "-q");
    expect(waited.code, waited.err).toBe(0);
  });

  test("lists and inspects what is there, by flag, by stage and by the environment", async () => {
    for (const { out } of [
      await on("runs", "ls", "--flow", "stack-sum"),
      await run(["runs", "ls", "--flow", "stack-sum", "--stage", "prod"]),
      await run(["runs", "ls", "--flow", "stack-sum"], { WINDHOVER_STACK_NAME: stack }),
      await run(["runs", "ls", "--flow", "stack-sum"], { WINDHOVER_STAGE: "prod" }),
    ])
      expect(out).toMatch(/✓ Completed +first +stack-sum/);
    expect((await on("runs", "inspect", "first")).out).toMatch(/✓ stack-add-0 +Completed/);
    expect((await on("runs", "inspect", "first")).out).toMatch(/cost +\$0\.0000\d+ +dynamodb \$0\.0000\d+ for \d+ requests, /);
    expect(JSON.parse((await on("runs", "inspect", "first", "--json")).out)).toMatchObject({
      cost: { usd: expect.any(Number), services: { lambda: expect.any(Object) } },
    });
    expect((await on("deployments", "ls")).out).toMatch(/stack-nightly +stack-sum .*● active/);
    expect((await on("deployments", "inspect", "stack-nightly")).out).toMatch(/parameters +\{"n":5\}/);
    expect((await run(["runs", "ls", "--stage", "here"])).err).toMatch(/No runs in .*\/here yet/);
    expect((await run(["runs", "ls", "--directory", "."], { WINDHOVER_STACK_NAME: stack })).err).toMatch(/No runs in /);
  });

  test("tells runs what to do", async () => {
    const { out } = await on("run", "stack-asks", "--name", "asking", "-q");
    expect(out).toMatch(/^[a-z0-9]{16}\n$/);
    await expect
      .poll(async () => (await on("runs", "inspect", "asking")).out, { timeout: 30_000 })
      .toContain(`windhover runs input asking stack-go '<JSON>' --stack ${stack}`);
    expect((await on("runs", "input", "asking", "stack-go", '{"yes":"no"}')).err).toContain("WH1106");
    expect(await on("runs", "input", "asking", "stack-go", '{"yes":true}')).toMatchObject({ code: 0, out: '✓ Sent the input "stack-go" to asking.\n' });
    expect((await on("runs", "pause", "asking")).out).toBe(`✓ Paused asking. To go on: windhover runs resume asking --stack ${stack}\n`);
    expect((await on("runs", "resume", "asking")).out).toBe("✓ Resumed asking.\n");
    expect((await on("runs", "cancel", "asking")).out).toMatch(/✓ Cancel/);
    const retried = await on("runs", "retry", "asking", "--json");
    expect([retried.code, JSON.parse(retried.out)], retried.err).toEqual([0, expect.objectContaining({ done: true, origin: out.trim() })]);
  });

  test("limits and variables are the stack's", async () => {
    expect((await on("limits", "set", "openai", "60", "--per", "1 minute")).code).toBe(0);
    expect((await on("limits", "ls")).out).toMatch(/openai +60 per minute/);
    expect((await on("variables", "set", "threshold", "5")).code).toBe(0);
    expect((await on("variables", "get", "threshold")).out).toBe("5\n");
    expect((await run(["variables", "get", "threshold"])).err).toContain("WH2013");
  });

  test("a name that is not there is answered with those that are", async () => {
    const { code, err } = await on("run", "stack-sums");
    expect([code, err]).toEqual([
      2,
      expect.stringMatching(/WH2001 No flow or deployment is called "stack-sums"\.\n {2}expected {2}one of .*stack-nightly, stack-sum/),
    ]);
    expect((await on("run", "flows.ts")).err).toMatch(/WH2007 flows\.ts is a file, and a stack runs what was deployed to it/);
    expect((await on("runs", "ls", "--directory", ".")).err).toMatch(/WH2010 A command is about a directory or about a stack/);
    expect((await run(["runs", "ls", "--region", "eu-west-1"])).err).toMatch(/WH2010 --region eu-west-1 says where a stack lies, and no stack is named/);
    expect((await run(["runs", "ls", "--stage", "test"])).err).toMatch(/WH2010 There is no stage "test".*\n {2}expected {2}one of prod, here/);
  });

  test("doctor looks at the stack of a stage: whether it can be read, and whether it has what is here", async () => {
    const { code, out } = await run(["doctor", "--stage", "prod"]);
    expect(out).toMatch(new RegExp(`✓ stack +${stack} in us-east-1, account 000000000000\n✓ runs +\\d+ open runs?\n`));
    expect(out).toContain(`! deployed   the stack has not yet the flow "local"\n             → windhover deploy --stage prod\n✓ letters    no dead letters\n`);
    // The emulator has as many as its machine has memory for.
    expect(out).toMatch(/[✓!] lambda {5}the account lets (only )?\d+ functions run at once/);
    expect(out).not.toMatch(/disk|database|port/);
    expect(code).toBe(0);
    await world.backend.clients.sqs.send(new SendMessageCommand({ QueueUrl: world.resources.pools["default"]?.deadLettersUrl, MessageBody: "{}" }));
    expect((await run(["doctor", "--stage", "prod"])).out).toContain('! letters    1 dead letter of the pool "default"');
    const gone = await run(["doctor", "--stack", "nowhere", "--region", "us-east-1"]);
    expect([gone.code, gone.out]).toEqual([1, expect.stringMatching(/✗ stack +WH2053: There is no stack "nowhere" in us-east-1/)]);
    expect((await run(["doctor", "--stage", "here"])).out).toMatch(/✓ disk/);
  });

  test("deploy --dry-run and --check refuse code on which open runs would break, with status 1, and deploy nothing", async () => {
    const started = await on("run", "stack-doze", "--name", "dozing", "--json");
    const { id } = JSON.parse(started.out) as { readonly id: string };
    await expect.poll(async () => (await world.backend.ports.index.run(id))?.flow, { timeout: 60_000 }).toBe("stack-doze");
    const flows = (body: string): string => `import { flow, sleep, task } from "windhover"; const one = task({ name: "one" }, async () => 1);
export const dozes = flow({ name: "stack-doze" }, async () => { ${body} });`;
    const other = new Project({ "windhover.config.ts": `import { defineConfig } from "windhover"; export default defineConfig({ entry: "./flows.ts" });` });
    const deploy = (flag: string): Promise<Ended> => other.start(["deploy", flag, "--stack", stack], world.env).ended;
    other.write("flows.ts", flows('await sleep("1 hour");'));
    expect((await deploy("--dry-run")).out).toMatch(/stack-doze +safe +1 +0/);
    other.write("flows.ts", flows('await one(); await sleep("1 hour");'));
    const dry = await deploy("--dry-run");
    expect(dry.out).toMatch(/stack-doze +breaking +1 +0/);
    expect([dry.code, dry.err]).toEqual([1, expect.stringMatching(/WH2061 [\s\S]*Nothing was deployed/)]);
    const checked = await deploy("--check");
    other.end();
    expect([checked.code, checked.err]).toEqual([1, expect.stringContaining("WH2061")]);
    expect((await on("runs", "cancel", "dozing")).code).toBe(0);
  });

  test("a stack that is not there, or not ours, is told with the region and what is there", async () => {
    await expect(describeStack({ stack: "nowhere", region: "us-east-1" })).rejects.toMatchObject({
      code: "WH2053",
      message: expect.stringContaining('no stack "nowhere" in us-east-1'),
      expected: expect.stringContaining(stack),
    });
    await expect(describeStack({ stack, region: "eu-west-1" })).rejects.toMatchObject({ code: "WH2053", message: expect.stringContaining("eu-west-1") });
    await createStack(`${stack}-other`, { Url: "https://example.com" });
    await expect(describeStack({ stack: `${stack}-other`, region: "us-east-1" })).rejects.toMatchObject({ code: "WH2054", got: "the outputs Url" });
    const { code, err } = await run(["runs", "ls", "--stack", "nowhere"]);
    expect([code, err]).toEqual([2, expect.stringContaining("WH2053")]);
  });

  test("without credentials, without a region, or with nobody at the other end, that is said", async () => {
    const nobody = { AWS_ACCESS_KEY_ID: "", AWS_SECRET_ACCESS_KEY: "", HOME: project.folder };
    expect((await run(["runs", "ls", "--stack", stack], nobody)).err).toMatch(/^WH3102 /);
    const nowhere = { AWS_REGION: "", AWS_DEFAULT_REGION: "", HOME: project.folder };
    expect((await run(["runs", "ls", "--stack", `${stack}-x`], nowhere)).err).toMatch(/^WH2059 /);
    expect((await run(["runs", "ls", "--stack", stack], { AWS_ENDPOINT_URL: "http://127.0.0.1:9" })).err).toMatch(/^WH3106 /);
  });
});
