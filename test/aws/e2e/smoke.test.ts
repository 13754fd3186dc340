import { fileURLToPath } from "node:url";
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { FilterLogEventsCommand } from "@aws-sdk/client-cloudwatch-logs";
import { openStack } from "../../../adapters/aws/open.ts";
import { createClients } from "../../../adapters/aws/clients.ts";
import { deploy } from "../cdk.ts";
import { environmentOf, ministack } from "../ministack.ts";

const entry = fileURLToPath(new URL("./flows/index.ts", import.meta.url));
test("smoke", async () => {
  const server = await ministack({ auth: true });
  Object.assign(process.env, environmentOf(server));
  const deployed = await deploy(server, "Smoke", { entry });
  const { client } = await openStack({ stack: "Smoke" });
  let stuck = "";
  for (let i = 0; i < 5 && !stuck; i++)
    for (const [name, n] of [["chain", 20], ["fan", 20], ["fan", 100], ["chain", 100]] as const) {
      const t = Date.now();
      const run = await client.run(name, { n } as never);
      const r = await Promise.race([run.result(), new Promise((r) => setTimeout(() => r("STUCK"), 15000))]);
      console.log(name, n, r, Date.now() - t);
      if (r === "STUCK") { stuck = run.id; console.log(JSON.stringify(await client.history(run.id)).slice(0, 6000)); break; }
    }
  const logs = createClients();
  const found = await logs.logs.send(new FilterLogEventsCommand({ logGroupName: deployed.resources.logGroup }));
  console.log((found.events ?? []).map((e) => e.message).join("\n").slice(-9000));
  console.log(readFileSync(server.log, "utf8").split("\n").slice(-40).join("\n"));
  expect(stuck).toBe("");
}, 300_000);
