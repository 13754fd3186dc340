/** A stack that is deployed again while runs are open, and at last destroyed. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DeleteFunctionCommand, ListVersionsByFunctionCommand } from "@aws-sdk/client-lambda";
import { ListObjectsV2Command } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runInput } from "windhover";
import * as z from "zod";
import { createClients } from "../../../adapters/aws/clients.ts";
import { type OpenedStack, openResources } from "../../../adapters/aws/open.ts";
import type { DeployedStack } from "../cdk.ts";
import { environmentOf, type MiniStack, ministack, SERVERS } from "../ministack.ts";
import { missingPython } from "../python.ts";
import { leftovers } from "./leftovers.ts";
import { PATIENCE } from "./world.ts";

const NAME = "Versions";
const missing = missingPython();
const folder = join(SERVERS, "versions");
let server: MiniStack;
let stack: OpenedStack;
const clients = createClients();

const GONE = /WH3121: the build \w+, on which it started, is no longer deployed/;
const Go = runInput({ name: "go", schema: z.object({}) });

/** The same flow, with other calls: one version's log does not fit the other's code. */
const source = (version: string): string => `
import { flow, onWebhook, runInput, sleep, task, waitForInput } from "windhover";
import * as z from "zod";
const Go = runInput({ name: "go", schema: z.object({}) });
const say = task({ name: "say" }, async (word) => "${version} says " + word);
const shout = task({ name: "shout-${version}" }, async (word) => "${version} shouts " + word);
export const changing = flow({ name: "changing", parameters: z.object({}) }, async () => {
  const before = await Promise.all([${version === "second" ? 'shout("zero"), ' : ""}say("one"), say("two")]);
  await waitForInput(Go);
  await sleep("1 second");
  // Two at once go to executors, one alone is part of the turn.
  const after = await Promise.all([say("three"), say("four")]);
  return { version: "${version}", words: [...before, ...after, await shout("five")] };
});
export const dozing = flow({ name: "dozing", parameters: z.object({}) }, async () => sleep("1 hour"));
export const daily = changing.deployment({ name: "now-and-then", triggers: [onWebhook({ path: "now", secret: "not-a-real-secret" })] });
`;

async function deployed(version: string): Promise<DeployedStack> {
  const { deploy } = await import("../cdk.ts");
  mkdirSync(folder, { recursive: true });
  const entry = join(folder, "index.ts");
  writeFileSync(entry, source(version));
  return deploy(server, NAME, { entry, pools: { long: { kind: "container", cpu: 0.25, memoryMb: 512 } } });
}

beforeAll(async () => {
  if (missing !== undefined) return;
  server = await ministack({ auth: true });
  Object.assign(process.env, environmentOf(server));
  stack = openResources((await deployed("first")).resources, createClients());
}, 300_000);
afterAll(async () => {
  clients.close();
  await stack?.close();
});

async function started(): Promise<string> {
  const { id } = await stack.client.run("changing", {});
  await expect.poll(async () => (await stack.client.get(id).state()).type, PATIENCE).toBe("PAUSED");
  return id;
}
const go = (id: string): Promise<void> => stack.client.get(id).input(Go, {});

test("a run ends on the code that it began on, in turns and in executors; a new one gets the new code; one whose code is gone crashes and says so", async () => {
  const { orchestrator, executor } = stack.resources.functions;
  const [old, half, orphan] = [await started(), await started(), await started()];
  const [turns, tasks] = [await versions(orchestrator), await versions(executor)];
  await deployed("second");
  // No container can be started here: their code is where they would look for it, for both builds.
  const { Contents = [] } = await clients.s3.send(new ListObjectsV2Command({ Bucket: stack.resources.bucket, Prefix: "builds/" }));
  expect(Contents.map(({ Key }) => Key)).toEqual([expect.stringMatching(/^builds\/\w{16}\.mjs$/), expect.stringMatching(/^builds\/\w{16}\.mjs$/)]);
  const young = await started();
  await Promise.all([go(old), go(young)]);
  const says = (version: string, words: readonly string[]): string[] => words.map((word) => `${version} ${word}`);
  expect(await stack.client.get(old).result()).toEqual({
    version: "first",
    words: says("first", ["says one", "says two", "says three", "says four", "shouts five"]),
  });
  expect(await stack.client.get(young).result()).toEqual({
    version: "second",
    words: says("second", ["shouts zero", "says one", "says two", "says three", "says four", "shouts five"]),
  });

  // Its turns are taken, its tasks have nobody to run them.
  for (const Qualifier of tasks) await clients.lambda.send(new DeleteFunctionCommand({ FunctionName: executor, Qualifier }));
  await go(half);
  await expect(stack.client.get(half).result()).rejects.toThrow(GONE);

  for (const Qualifier of turns) await clients.lambda.send(new DeleteFunctionCommand({ FunctionName: orchestrator, Qualifier }));
  await go(orphan);
  await expect.poll(async () => (await stack.client.get(orphan).state()).type, PATIENCE).toBe("CRASHED");
  expect((await stack.client.get(orphan).state()).message).toMatch(GONE);
}, 240_000);

/** Published ones. */
async function versions(FunctionName: string): Promise<readonly string[]> {
  const { Versions = [] } = await clients.lambda.send(new ListVersionsByFunctionCommand({ FunctionName }));
  return Versions.flatMap(({ Version = "$LATEST" }) => (Version === "$LATEST" ? [] : [Version]));
}

test("destroyed, it leaves nothing behind, not even what it made while it ran", async () => {
  const { id } = await stack.client.run("dozing", {});
  await stack.ports.secrets.put("secret/left", '{"value":"behind"}');
  const missingKinds = async (): Promise<readonly string[]> =>
    Object.entries(await leftovers(server, stack.resources)).flatMap(([kind, names]) => (names.length === 0 ? [kind] : []));
  await expect.poll(missingKinds, PATIENCE).toEqual([]);
  expect(await stack.ports.index.run(id)).not.toBeNull();
  const { destroy } = await import("../cdk.ts");
  await destroy(server, NAME);
  const after = await leftovers(server, stack.resources);
  expect(after).toEqual(Object.fromEntries(Object.keys(after).map((kind) => [kind, []])));
}, 240_000);
