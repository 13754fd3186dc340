import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { App, RemovalPolicy, Stack } from "aws-cdk-lib";
import { afterAll, describe, expect, test } from "vitest";
import { Windhover, type WindhoverProps } from "../../infra/windhover.ts";
import { construct, SMALL, stackOf } from "./synth.ts";

const home = mkdtempSync(join(dirname(fileURLToPath(import.meta.url)), "fixtures", "entry-"));
afterAll(() => rmSync(home, { recursive: true, force: true }));
let count = 0;

/** A user's project with this one file; `…` stands for what nearly all of them import. */
function entryOf(source: string, name = "index.ts"): string {
  const folder = join(home, String(count++));
  mkdirSync(folder);
  writeFileSync(join(folder, name), source.replace("…", 'import { cron, flow, onQueue, onS3Object, onWebhook, rrule, task } from "windhover";'));
  return join(folder, name);
}

const refusal = (code: string, ...parts: readonly string[]) =>
  expect.objectContaining({ code, message: parts.length === 0 ? expect.any(String) : expect.stringMatching(new RegExp(parts.join(".*"), "s")) });
const withEntry =
  (source: string, props: Partial<WindhoverProps> = {}) =>
  () =>
    construct({ entry: entryOf(source), pools: {}, ...props });

describe("an entry", () => {
  test("that is not there", () => expect(() => construct({ entry: "nowhere/index.ts" })).toThrow(refusal("WH2009", "no file", "nowhere")));
  test("that is a folder without an index", () => expect(() => construct({ entry: home })).toThrow(refusal("WH2009", "no index.ts")));
  test("that does not compile, with its line", () => expect(withEntry("…\nexport const a = ;")).toThrow(refusal("WH2030", "index.ts:2:18")));
  test("that imports what is not there", () => expect(withEntry('import "nothing-like-it";')).toThrow(refusal("WH2030", "nothing-like-it")));
  test("that exports no flow, but made one", () =>
    expect(withEntry('…\nflow({ name: "hidden" }, async () => 1);')).toThrow(
      expect.objectContaining({ code: "WH2009", got: "hidden, made but not exported" }),
    ));
  test("that throws while it is loaded, with its line", () =>
    expect(withEntry('…\n\nthrow new TypeError("no key");\nexport const a = flow({ name: "a" }, async () => 1);')).toThrow(
      refusal("WH2009", `${home}/\\d+/index.ts:3:7`, "TypeError: no key"),
    ));
  test("that ends the process", () =>
    expect(withEntry('…\nexport const a = flow({ name: "a" }, async () => 1);\nprocess.exit(3);')).toThrow(refusal("WH2009", "ended its process", "3")));
  test("with a definition that cannot be, under that definition's own code", () =>
    expect(withEntry('…\nexport const a = flow({ name: "" }, async () => 1);')).toThrow(refusal("WH1001", `${home}/\\d+/index.ts:2:`)));
  test("with two deployments of one name", () =>
    expect(
      withEntry('…\nconst f = flow({ name: "a" }, async () => 1);\nexport const b = f.deployment({ name: "d" }), c = f.deployment({ name: "d" });'),
    ).toThrow(refusal("WH1002", "two deployments")));
  test("that prints, opens a timer and exports a deployment only is good", () =>
    expect(
      withEntry('…\nconsole.log("{}");\nsetInterval(() => {}, 1000);\nexport const d = flow({ name: "a" }, async () => 1).deployment({ name: "d" });'),
    ).not.toThrow());
  test("in JavaScript, or several, are good", () => {
    const entry = [entryOf('…\nexport const a = flow({ name: "a" }, async () => 1);', "index.mjs"), SMALL];
    expect(construct({ entry, pools: {} }).windhover.executors.size).toBe(1);
  });
});

describe("a pool", () => {
  const tasked = (options: string) => `…\nconst t = task({ name: "t", ${options} }, async () => 1);\nexport const a = flow({ name: "a" }, async () => t());`;

  test("that the construct does not have", () => expect(withEntry(tasked('pool: "gpu"'))).toThrow(refusal("WH2031", '"t"', '"gpu"')));
  test("that a flow names for its tasks", () =>
    expect(withEntry('…\nexport const a = flow({ name: "a", pool: "gpu" }, async () => 1);')).toThrow(refusal("WH2031", 'flow "a"', '"gpu"')));
  test("that ends before its task does", () =>
    expect(withEntry(tasked('pool: "p", timeoutSeconds: 120'), { pools: { p: { timeoutSeconds: 60 } } })).toThrow(refusal("WH2033", "120", "60")));
  test("whose task needs a container", () =>
    expect(withEntry(tasked("timeoutSeconds: 3600"))).toThrow(expect.objectContaining({ code: "WH2033", action: expect.stringContaining("container") })));
  test.each([
    [{ memoryMb: 64 }, "memoryMb"],
    [{ timeoutSeconds: 901 }, "timeoutSeconds"],
    [{ concurrency: 1 }, "concurrency"],
    [{ memory: 512 } as never, '"memory"'],
    [{ kind: "container", cpu: 3, memoryMb: 4096 }, "cpu"],
    [{ kind: "container", cpu: 1, memoryMb: 1024 }, "1024 MB"],
    [{ kind: "container", cpu: 0.25, memoryMb: 1536 }, "1536 MB"],
    [{ kind: "gpu" } as never, '"gpu"'],
  ] as const)("of %j", (pool, part) => expect(() => construct({ entry: SMALL, pools: { p: pool } })).toThrow(refusal("WH2031", '"p"', part)));
  test("with a name that no function has", () => expect(() => construct({ entry: SMALL, pools: { "a b": {} } })).toThrow(refusal("WH2031", "a b")));
  test("default, as a container", () =>
    expect(() => construct({ entry: SMALL, pools: { default: { kind: "container", cpu: 1, memoryMb: 2048 } } })).toThrow(refusal("WH2031", "timers")));
  test("default, larger, makes the orchestrator larger too: it runs tasks inline", () => {
    const { windhover } = construct({ entry: SMALL, pools: { default: { memoryMb: 3008 } } });
    for (const fn of [windhover.orchestrator, windhover.executors.get("default")])
      expect(JSON.stringify(fn?.node.defaultChild && fn.stack.resolve((fn.node.defaultChild as never)["memorySize"]))).toBe("3008");
  });
});

describe("a deployment", () => {
  const deployed = (options: string) => withEntry(`…\nexport const d = flow({ name: "a" }, async () => 1).deployment({ name: "d", ${options} });`);

  test("with a schedule that Scheduler cannot keep", () => expect(deployed('schedules: [rrule("FREQ=DAILY")]')).toThrow(refusal("WH2032", "FREQ=DAILY")));
  test("with a queue's name for an ARN", () => expect(deployed('triggers: [onQueue({ queueArn: "orders" })]')).toThrow(refusal("WH2034", '"d"', "ARN")));
  test("with a bucket that no bucket is", () => expect(deployed('triggers: [onS3Object({ bucket: "No_Bucket" })]')).toThrow(refusal("WH2034", "bucket")));
  // API Gateway was the first to say so of the last three, in the middle of a deploy.
  test.each(["a/{b}", "a//b", "a~b", "a:b/c", "caf%C3%A9"])("with the path %s, which no route has", (path) =>
    expect(deployed(`triggers: [onWebhook({ path: ${JSON.stringify(path)} })]`)).toThrow(refusal("WH2034", "path")),
  );
  test("with a path that a route has is good", () => expect(deployed('triggers: [onWebhook({ path: "/v1.0/git_hub/push-main/" })]')).not.toThrow());
});

describe("a property", () => {
  test.each([
    [{ pool: {} } as never, '"pool"'],
    [{ environment: { WINDHOVER_STACK: "" } }, "WINDHOVER_STACK"],
    [{ environment: { AWS_REGION: "x" } }, "AWS_REGION"],
    // Lambda was the first to say so, in the middle of a deploy.
    [{ environment: { A: "x" } }, '"A"'],
    [{ environment: { "DB-HOST": "x" } }, '"DB-HOST"'],
    [{ environment: { TEXT: "x".repeat(4000) } }, "no room"],
    [{ retention: { completed: "a while" as never } }, "retention.completed"],
    [{ removalPolicy: RemovalPolicy.SNAPSHOT }, "removalPolicy"],
  ])("%j", (props, part) => expect(() => construct({ entry: SMALL, pools: {}, ...props })).toThrow(refusal("WH2035", part)));

  test("a second one in the same stack", () => {
    const stack = stackOf();
    construct({ entry: SMALL, pools: {} }, stack);
    expect(() => new Windhover(stack, "Again", { entry: SMALL })).toThrow(refusal("WH2035", "one already"));
  });
  test("a stack whose name leaves no room for a function's", () =>
    expect(() => new Windhover(new Stack(new App(), "S".repeat(60)), "Flows", { entry: SMALL })).toThrow(refusal("WH2035", "too long")));
});
