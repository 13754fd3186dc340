import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { openStack } from "../../../adapters/aws/open.ts";
import { deploy } from "../cdk.ts";
import { environmentOf, ministack } from "../ministack.ts";

const entry = fileURLToPath(new URL("./flows/index.ts", import.meta.url));
test("smoke", async () => {
  const server = await ministack({ auth: true });
  Object.assign(process.env, environmentOf(server));
  const t = Date.now();
  const deployed = await deploy(server, "Smoke", { entry });
  console.log(deployed.ms, Date.now() - t, deployed.resources);
  const { client } = await openStack({ stack: "Smoke" });
  const t1 = Date.now();
  const run = await client.run("chain", { n: 20 } as never);
  console.log(await run.result(), Date.now() - t1);
  const t2 = Date.now();
  const run2 = await client.run("fan", { n: 20 } as never);
  console.log(await run2.result(), Date.now() - t2);
  expect(1).toBe(1);
}, 300_000);
