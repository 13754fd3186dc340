import { expect, test } from "vitest";
import { flow } from "windhover";
import { LIMITS } from "../../engine/limits.ts";
import type { DeploymentDefinition } from "../../sdk/deployment.ts";
import { type Served, served } from "../server/served.ts";

const plain = flow({ name: "client-plain" }, async () => 1);
const daily = plain.deployment({ name: "client-daily" }) as unknown as DeploymentDefinition;

async function inWorld(body: (s: Served) => Promise<void>): Promise<void> {
  const s = await served();
  await body(s);
  await s.close();
}

test("a deployment whose settings could not be sent once was never told of them again", () =>
  inWorld(async ({ client, settled }) => {
    const { mailbox } = client.ports;
    const { send } = mailbox;
    mailbox.send = () => Promise.reject(new Error("not now"));
    await expect(client.configure(daily)).rejects.toThrow("not now");
    mailbox.send = send;
    await client.configure(daily);
    await settled();
    expect((await client.deployments()).map(({ name }) => name)).toEqual(["client-daily"]);
  }));

test("a client remembered every run that it had ever started", () =>
  inWorld(async ({ client, settled }) => {
    const run = await client.run(plain, {});
    expect([client.hasStarted(run.id), (await run.state()).type]).toEqual([true, "PENDING"]);
    await settled();
    expect([await run.result(), client.hasStarted(run.id)]).toEqual([1, false]);
    for (let i = 0; i <= LIMITS.startsRemembered; i++) client.noteStart(`${i}`);
    expect(["0", "1", `${LIMITS.startsRemembered}`].map((id) => client.hasStarted(id))).toEqual([false, true, true]);
  }));
