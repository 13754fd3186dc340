import { spawn } from "node:child_process";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { construct, templateOf } from "./synth.ts";

interface TaskDefinition {
  readonly Properties: { readonly ContainerDefinitions: readonly [{ readonly EntryPoint: readonly string[] }] };
}

const [definition] = Object.values(templateOf(construct()).findResources("AWS::ECS::TaskDefinition")) as TaskDefinition[];

/** Starts what a container starts with, against a bucket that gives this code. */
async function start(status: number, code: string): Promise<{ readonly output: string; readonly exit: number | null; readonly asked: readonly string[] }> {
  const asked: string[] = [];
  const bucket = createServer((request, response) => {
    asked.push(`${request.method} ${request.url?.split("?")[0]}`);
    response.writeHead(status).end(code);
  });
  await new Promise<void>((resolve) => bucket.listen(0, "127.0.0.1", resolve));
  const [node, ...args] = definition?.Properties.ContainerDefinitions[0].EntryPoint ?? [];
  expect(node).toBe("node");
  const child = spawn(process.execPath, args, {
    env: {
      WINDHOVER_CODE: "assets/a/code.mjs",
      WINDHOVER_POOL: "fargate",
      AWS_ENDPOINT_URL_S3: `http://127.0.0.1:${(bucket.address() as AddressInfo).port}`,
      AWS_ACCESS_KEY_ID: "test",
      AWS_SECRET_ACCESS_KEY: "test",
      AWS_REGION: "us-east-1",
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text: string) => (output += text));
  const exit = await new Promise<number | null>((resolve) => child.on("close", resolve));
  await new Promise((resolve) => bucket.close(resolve));
  return { output, exit, asked };
}

test("a container fetches the code and becomes it", async () => {
  const { output, exit, asked } = await start(200, 'console.log("works for", process.env.WINDHOVER_POOL); process.exit(7);');
  expect(output).toContain("works for fargate");
  expect(exit).toBe(7);
  expect(asked).toEqual(["GET /assets/a/code.mjs"]);
});

test("a container that cannot fetch it says so and ends", async () => {
  const { output, exit } = await start(403, "<Error><Code>AccessDenied</Code></Error>");
  expect(output).toContain("AccessDenied");
  expect(exit).toBe(1);
});
