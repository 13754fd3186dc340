/** What a container starts with, as a process against an emulator's S3, SQS and DynamoDB: today's code runs what began on it, and what began before runs on the code of that time. */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { CreateBucketCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { beforeAll, expect, test } from "vitest";
import { openAws } from "../../adapters/aws/backend.ts";
import { createClients } from "../../adapters/aws/clients.ts";
import { BUILD_VARIABLE, STACK_VARIABLE, type StackResources } from "../../adapters/aws/stack.ts";
import { decode } from "../../engine/codec.ts";
import type { RunMessage, TaskReport } from "../../engine/messages.ts";
import { keepBuild } from "../../functions/builds.ts";
import { bundleProgram } from "../../infra/bundle.ts";
import { construct, templateOf } from "../infra/synth.ts";
import { environmentOf, ministack, REGION } from "./ministack.ts";
import { missingPython } from "./python.ts";
import { createStackOfQueues } from "./queues.ts";
import { createBucket, createTables } from "./resources.ts";

const entryOf = (release: 1 | 2): string => fileURLToPath(new URL(`./releases/release-${release}.ts`, import.meta.url));
const ASSETS = "containers-assets";
const missing = missingPython();

let stack: StackResources;
let clients: ReturnType<typeof createClients>;
let environment: Record<string, string>;

beforeAll(async () => {
  if (missing !== undefined) return;
  const { endpoint } = await ministack();
  environment = environmentOf({ endpoint });
  Object.assign(process.env, environment);
  clients = createClients({ region: REGION, endpoint });
  stack = await createStackOfQueues(clients, "containers", ["large"]);
  await Promise.all([createTables(clients, stack), createBucket(clients, stack), clients.s3.send(new CreateBucketCommand({ Bucket: ASSETS }))]);
  for (const release of [1, 2] as const) {
    const { file } = bundleProgram("container", { entries: [entryOf(release)] });
    await clients.s3.send(new PutObjectCommand({ Bucket: ASSETS, Key: `release ${release}.mjs`, Body: readFileSync(file) }));
    await keepBuild({ clients, stack }, `b${release}`, `${ASSETS}/release ${release}.mjs`);
  }
});

/** A container of the second release. It is asked to end as ECS asks it. */
function startContainer() {
  const [definition] = Object.values(templateOf(construct()).findResources("AWS::ECS::TaskDefinition"));
  const [node, ...args] = (definition?.["Properties"].ContainerDefinitions[0].EntryPoint ?? []) as readonly string[];
  expect(node).toBe("node");
  const child = spawn(process.execPath, args, {
    env: {
      ...environment,
      [STACK_VARIABLE]: JSON.stringify(stack),
      [BUILD_VARIABLE]: "b2",
      WINDHOVER_POOL: "large",
      WINDHOVER_CODE: `${ASSETS}/release 2.mjs`,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text: string) => (output += text));
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  return { output: () => output, ended, stop: () => child.kill("SIGTERM") };
}

test.skipIf(missing !== undefined)("a container runs tasks of older builds on the code of their build, and says which build is gone", async () => {
  const { ports } = openAws({ stack, clients, role: "client" });
  const builds = ["b2", "b1", "b0"];
  for (const build of builds)
    await ports.tasks.enqueue("large", {
      id: build,
      actor: `run:${build}`,
      run: { runId: build, runName: build, flow: "f", parameters: "{}", tags: [], build },
      tasks: [{ call: "c", attempt: 1, task: "which" }],
    });
  const container = startContainer();
  const said = new Map<string, RunMessage>();
  try {
    while (said.size < builds.length) {
      const mail = await ports.inbox.receive(10);
      for (const { actor, message } of mail) said.set(actor, message as RunMessage);
      await ports.mailbox.acknowledge(mail);
      if (mail.length === 0) await Promise.race([ports.clock.wait(100), container.ended.then(() => Promise.reject(new Error(container.output())))]);
    }
  } finally {
    container.stop();
  }
  const resultOf = (build: string): unknown => {
    const message = said.get(`run:${build}`);
    const report = message?.kind === "done" ? (message.reports[0] as TaskReport) : undefined;
    return report?.ok ? decode(report.value as string) : message;
  };
  expect(resultOf("b2")).toEqual({ release: 2, build: "b2" });
  expect(resultOf("b1")).toEqual({ release: 1, build: "b1" });
  expect(resultOf("b0")).toMatchObject({ kind: "crash", why: expect.stringContaining("WH3121") });
  expect(await container.ended).toBe(0);
});
