/** In Lambda a log line is a line of JSON on the standard output: no secret is in one. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createClients } from "../../adapters/aws/clients.ts";
import { createLogs } from "../../adapters/aws/logs.ts";
import { encodeSecret } from "../../engine/codec.ts";
import { shared } from "../../engine/scope.ts";
import { conceal } from "../../engine/secrecy.ts";
import { openFunction } from "../../functions/host.ts";
import { flow, log, Secret, task } from "../../sdk/index.ts";
import { letter, STACK, start, TIME, World } from "./world.ts";

const KEY = "sk-lambda-5up3r";
beforeEach(() => void vi.spyOn(process.stdout, "write").mockReturnValue(true));
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  shared.code.clear();
});

test("what a function prints shows no secret", async () => {
  const printed: string[] = [];
  const say = task({ name: "say" }, async () => {
    const secret = await Secret.load("openai");
    log.info(`with ${secret.get()}`, { secret, header: `Bearer ${secret.get()}`, bytes: Buffer.from(secret.get()) });
    throw new Error(`refused: ${secret.get()}`);
  });
  flow({ name: "said" }, async () => say());
  const world = new World({
    ports: (ports) => ({
      ...ports,
      logs: createLogs({
        ...ports,
        stack: STACK,
        role: "orchestrator",
        clients: createClients({ region: "eu-west-1" }),
        print: (text) => void printed.push(text),
      }),
    }),
  });
  await world.backend.ports.secrets.put("secret/openai", encodeSecret({ value: KEY }));
  await world.orchestrator({ Records: [letter("run:a", start("a", "said"), { id: "m1" })] }, TIME);
  const [line] = printed.map((text) => JSON.parse(text));
  expect(line).toMatchObject({ windhover: 1, level: "INFO", message: "with ***" });
  expect(line.fields).toContain("Bearer ***");
  const history = JSON.stringify(await world.backend.ports.log.read("run:a"));
  expect(history).toContain("refused: ***");
  for (const text of [history, ...printed]) for (const form of [KEY, Buffer.from(KEY).toString("base64")]) expect(text).not.toContain(form);
});

test("a rejected promise that Lambda's runtime prints is masked before it does", async () => {
  vi.stubEnv("WINDHOVER_STACK", JSON.stringify(STACK));
  conceal(KEY);
  let printed = "";
  const runtime = (reason: unknown) => void (printed = String((reason as Error).stack));
  const others = process.listeners("unhandledRejection");
  process.removeAllListeners("unhandledRejection");
  try {
    process.on("unhandledRejection", runtime);
    openFunction([], "executor");
    process.emit("unhandledRejection", new Error(`nobody awaits ${KEY}`), Promise.resolve());
    expect(printed).toContain("nobody awaits ***");
  } finally {
    process.removeAllListeners("unhandledRejection");
    for (const other of others) process.on("unhandledRejection", other);
  }
});
