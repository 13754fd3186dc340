/** Nothing that leaves a process that has loaded a secret shows it, whatever the author's code does with it. */
import { inspect } from "node:util";
import { beforeEach, expect, test } from "vitest";
import * as z from "zod";
import { encodeSecret } from "../../engine/codec.ts";
import { artifact, defineBlock, emit, flow, log, runContext, Secret, task } from "../../sdk/index.ts";
import { inEachWorld, type World } from "./worlds.ts";

const KEY = 'sk-live"61-æ/Qx\\7';
const PASSWORD = "p@ss w0rd+%/x";
const PIN = 918273;

class Warehouse {
  readonly url: string;
  readonly password: string;
  constructor(url: string, password: string) {
    this.url = url;
    this.password = password;
  }
  toString(): string {
    return `${this.url} with ${this.password}`;
  }
}
const fields = z.object({ url: z.string(), password: z.string(), pin: z.number() });
const Values = defineBlock({ type: "values", schema: fields, secret: ["password", "pin"] }, (values) => values);
const Client = defineBlock({ type: "client", schema: fields, secret: ["password", "pin"] }, ({ url, password }) => new Warehouse(url, password));

const given = { url: "postgres://db", password: PASSWORD, pin: PIN };
async function withSecrets(w: World): Promise<void> {
  await w.client.ports.secrets.put("secret/openai", encodeSecret({ value: KEY }));
  for (const type of ["values", "client"]) await w.client.ports.secrets.put(`${type}/main`, encodeSecret(given));
}
const FORMS = [KEY, PASSWORD, String(PIN)].flatMap((secret) => [
  secret,
  JSON.stringify(secret).slice(1, -1),
  encodeURIComponent(secret),
  Buffer.from(secret).toString("base64").replace(/=+$/, "").slice(0, -1),
]);
const leaksIn = (text: string): string[] => FORMS.filter((form) => text.includes(form));

/** All that the backend holds of a run, and all that was said about it. */
async function everything(w: World, run: string): Promise<string> {
  const history = await w.client.history(run);
  const { index } = w.client.ports;
  return [history, await index.run(run), await index.artifacts(run), await w.client.ports.logs.read(run), w.lines, w.errors]
    .map((part) => JSON.stringify(part))
    .join("\n");
}
let w: World;

inEachWorld("secrets", (world) => {
  beforeEach(async () => {
    w = await world();
    await withSecrets(w);
    return async () => w[Symbol.asyncDispose]();
  });
  const ended = async (run: { readonly id: string; state(): Promise<{ readonly type: string }>; result(): Promise<unknown> }): Promise<string> => {
    await run.result().catch(() => {});
    await w.settled();
    return everything(w, run.id);
  };

  test("a log line masks a secret in its message and in its fields, whatever it is wrapped in", async () => {
    const say = task({ name: "say" }, async () => {
      const secret = await Secret.load("openai");
      const values = await Values.load("main");
      const client = await Client.load("main");
      log.info(`the key is ${secret.get()}`, { key: secret.get(), secret });
      log.info("values", { values, list: [values], spread: { ...values }, shown: inspect(values) });
      log.warn("client", { client, text: String(client), fine: 1 });
      log.error("whole", client);
      log.error("whole", values);
      log.info("json", { body: JSON.stringify({ deep: JSON.stringify({ key: secret.get() }) }) });
      log.info("header", { authorization: `Basic ${Buffer.from(`me:${values.password}`).toString("base64")}` });
      log.info("address", { url: `postgres://me:${encodeURIComponent(values.password)}@db/x` });
      log.info("bytes", { bytes: Buffer.from(`x${secret.get()}`), map: new Map([[secret.get(), values.pin]]), error: new Error(secret.get()) });
      log.debug(client as unknown as string);
    });
    const said = flow({ name: "said" }, async () => say());
    const text = await ended(await w.client.run(said));
    expect(leaksIn(text)).toEqual([]);
    expect(w.lines.find(({ message }) => message === "client")?.fields).toContain('"fine":1');
    expect(w.lines.find(({ message }) => message === "client")?.fields).toContain("Warehouse { url: 'postgres://db', password: '***' }");
    expect(w.lines.map(({ message }) => message)).toContain("the key is ***");
    expect(w.lines[0]?.fields).toContain("Secret(***)");
  });

  test("an error masks it in its message, stack, cause, properties and in what it aggregates", async () => {
    const fail = task({ name: "fail", retries: 1 }, async () => {
      const key = (await Secret.load("openai")).get();
      const { password } = await Values.load("main");
      const error = new AggregateError([new Error(`inner ${key}`)], `cannot log in with ${password}`, {
        cause: new Error("refused", { cause: { sent: key } }),
      });
      throw Object.assign(error, { config: { headers: { authorization: `Bearer ${key}` } }, url: `https://x/?k=${encodeURIComponent(key)}` });
    });
    const failing = flow({ name: "failing" }, async () => fail());
    const run = await w.client.run(failing);
    await w.advance("1 minute");
    expect(leaksIn(await ended(run))).toEqual([]);
    const error = await run.result().catch((thrown: unknown) => thrown);
    expect(leaksIn(inspect(error, { depth: 9 }))).toEqual([]);
    expect((error as Error).message).toBe("cannot log in with ***");
  });

  test("a result masks it, says so once, and the flow goes on with what is stored", async () => {
    const leak = task({ name: "leak" }, async (i: number) => {
      const values = await Values.load("main");
      return {
        i,
        url: values.url,
        values,
        at: new URL(`https://x/?p=${encodeURIComponent(values.password)}`),
        [values.password]: values.pin,
        big: BigInt(PIN),
      };
    });
    const leaking = flow({ name: "leaking" }, async () => [await leak(1), await leak.map([2, 3])]);
    const run = await w.client.run(leaking);
    const result = (await run.result()) as [Record<string, unknown>, unknown];
    expect(result[0]).toMatchObject({ i: 1, url: "postgres://db", values: { url: "postgres://db", password: "***", pin: "***" }, "***": "***", big: "***" });
    expect(leaksIn(await ended(run))).toEqual([]);
    expect(w.lines.filter(({ call, message }) => call === "leak-0" && message.startsWith("WH1060"))).toHaveLength(1);
  });

  test("artifacts, emitted events, a run's parameters, name and tags mask it", async () => {
    const other = flow({ name: "other", parameters: z.object({ key: z.string() }) }, async ({ key }) => [key, runContext().runName, runContext().tags]);
    const hand = task({ name: "hand" }, async () => {
      const key = (await Secret.load("openai")).get();
      await artifact.markdown(`about-${key}`, `# ${key}`);
      await artifact.table("rows", [{ key }]);
      await artifact.link("there", `https://x/${encodeURIComponent(key)}`, key);
      await emit({ type: `made-${key}`, detail: { key } });
      const run = await w.client.run(other, { key }, { name: `with ${key}`, tags: [key] });
      return run.id;
    });
    const handing = flow({ name: "handing" }, async () => hand());
    const run = await w.client.run(handing);
    const second = w.client.get(await run.result());
    expect(await second.result()).toEqual(["***", "with ***", ["***"]]);
    expect(leaksIn((await ended(run)) + (await ended(second)))).toEqual([]);
  });

  test("a secret that a task left in a variable for its flow comes no further", async () => {
    let taken = "";
    const take = task({ name: "take" }, async () => {
      taken = (await Secret.load("openai")).get();
    });
    const pass = task({ name: "pass" }, async (key: string) => key);
    const passing = flow({ name: "passing" }, async () => {
      await take();
      log.info(`took ${taken}`, { taken });
      await artifact.markdown(`of ${taken}`, taken);
      await emit({ type: `took ${taken}`, detail: taken });
      await pass(taken);
      return taken;
    });
    const run = await w.client.run(passing);
    expect(await run.result()).toBe("***");
    expect(leaksIn(await ended(run))).toEqual([]);
  });

  test("a block that is loaded again after it was shown masked is whole", async () => {
    const use = task({ name: "use" }, async () => {
      const key = (await Secret.load("openai")).get();
      log.info(key);
      return key === KEY && (await Values.load("main")).password === PASSWORD && (await Client.load("main")).password === PASSWORD;
    });
    const using = flow({ name: "using" }, async () => [await use(), await use()]);
    expect(await (await w.client.run(using)).result()).toEqual([true, true]);
  });
});
