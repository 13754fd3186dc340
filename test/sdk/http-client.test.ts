import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Client, connect, continueAsNew, FailNow, flow, runInput, sleep, task, waitForInput } from "windhover";
import * as z from "zod";
import { shared } from "../../engine/scope.ts";
import { createApp } from "../../server/app.ts";
import { type Listening, listen } from "../../server/listen.ts";
import { type Served, served } from "../server/served.ts";

class TooMuch extends RangeError {
  override name = "TooMuch";
}
const add = task({ name: "http-add" }, async (n: number) => n + 1);
const travels = flow({ name: "http-travels", parameters: z.object({ when: z.date(), tags: z.set(z.string()) }) }, async ({ when, tags }) => ({
  year: when.getUTCFullYear(),
  tags: new Map([...tags].map((tag) => [tag, 10n] as const)),
  at: when,
}));
const nap = flow({ name: "http-nap" }, async () => {
  await sleep("1 hour");
  return "rested";
});
const Answer = runInput({ name: "http-answer", schema: z.object({ on: z.date() }) });
const asks = flow({ name: "http-asks" }, async () => (await waitForInput(Answer)).on);
const fails = flow({ name: "http-fails", parameters: z.object({ n: z.number() }) }, async ({ n }) => {
  if ((await add(n)) > 100) throw new FailNow("too much", { cause: new TooMuch("of it") });
  return n;
});
const counts = flow(
  { name: "http-counts", parameters: z.object({ n: z.number() }) },
  async ({ n }): Promise<number> => (n >= 3 ? n : continueAsNew({ n: n + 1 })),
);
const nightly = fails.deployment({ name: "http-nightly", parameters: { n: 7 }, tags: ["prod"] });

let backend: Served;
let api: Listening;
let client: Client;
beforeEach(async () => {
  backend = await served([nightly]);
  api = await listen(backend.app, { port: 0 });
  client = await connect({ url: api.url });
});
afterEach(async () => {
  await client.close();
  await api.close();
  await backend.close();
});

describe("a client of a server", () => {
  test("starts a flow with the options that withOptions gave it", async () => {
    const run = await client.run(nap.withOptions({ retries: 2, timeoutSeconds: 7, tags: ["x"] }), {}, { tags: ["y"] });
    const [start] = (await backend.client.history(run.id)).flatMap((entry) => entry.events);
    expect(start).toMatchObject({ type: "started", overrides: { retries: 2, timeoutSeconds: 7 }, tags: ["x", "y"] });
    await expect(client.run(nap.withOptions({ key: "k" }))).rejects.toThrow("WH1003");
  });

  test("starts runs by flow, deployment and name, and values keep their types both ways", async () => {
    const when = new Date(Date.UTC(2026, 0, 2));
    const run = await client.run(travels, { when, tags: new Set(["a"]) }, { name: "trip", tags: ["t"] });
    expect(await run.result()).toEqual({ year: 2026, tags: new Map([["a", 10n]]), at: when });
    expect(await run.state()).toMatchObject({ type: "COMPLETED", name: "Completed", result: { at: when }, timestamp: expect.any(Date) });
    expect(await (await client.run(nightly)).result()).toBe(7);
    expect(await (await client.run("http-nightly", { n: 8 })).result()).toBe(8);
    expect(await (await client.run("http-fails", { n: 9 })).result()).toBe(9);
    const { runs, cursor } = await client.runs({ flow: "http-fails", state: ["COMPLETED"], limit: 2 });
    expect(runs).toHaveLength(2);
    expect(cursor).toEqual(expect.any(String));
    expect((await client.runs({ tag: "t" })).runs).toMatchObject([{ id: run.id, name: "trip", createdAt: expect.any(Date), state: { type: "COMPLETED" } }]);
  });

  test("the same idempotency key is the same run", async () => {
    const [a, b] = await Promise.all([1, 2].map(() => client.run(fails, { n: 1 }, { idempotencyKey: "once" })));
    expect(a?.id).toBe(b?.id);
  });

  test("a failure comes as it was thrown, with its class and cause", async () => {
    const error: unknown = await (await client.run(fails, { n: 500 })).result().catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ name: "FailNow", message: "too much", cause: { name: "TooMuch", message: "of it" } });
  });

  test("retry and rerunFrom make a run that is linked to the old", async () => {
    const old = await client.run(fails, { n: 500 });
    await old.result().catch(() => {});
    await expect((await old.retry()).result()).rejects.toThrow("too much");
    expect(await (await old.rerunFrom("http-add-0", { result: 5 })).result()).toBe(500);
    expect(await (await old.rerunFrom("http-add-0", { parameters: { n: 4 } })).result()).toBe(4);
    await expect(old.rerunFrom("nothing-0")).rejects.toMatchObject({ code: "WH2006" });
  });

  test("pause, resume, cancel and input reach the run", async () => {
    const asking = await client.run(asks);
    await backend.settled();
    expect(await asking.state()).toMatchObject({ type: "PAUSED", reason: { code: "input", since: expect.any(Date) } });
    await expect(asking.input(Answer, { on: "today" } as never)).rejects.toMatchObject({ code: "WH1106" });
    await asking.input(Answer, { on: new Date(0) });
    expect(await asking.result()).toEqual(new Date(0));
    const napping = await client.run(nap);
    await backend.settled();
    await napping.pause();
    await backend.settled();
    expect(await napping.state()).toMatchObject({ type: "PAUSED", name: "Paused" });
    await napping.resume();
    await napping.cancel();
    await expect(napping.result()).rejects.toMatchObject({ code: "WH2008" });
    await expect(napping.pause()).rejects.toMatchObject({ code: "WH2004" });
  });

  test("a run that goes on as another is followed to its end", async () => {
    expect(await (await client.run(counts, { n: 0 })).result()).toBe(3);
  });

  test("a run for later says when", async () => {
    const run = await client.run(fails, { n: 1 }, { scheduledTime: new Date(Date.UTC(2026, 0, 3)) });
    expect(await run.state()).toMatchObject({ type: "SCHEDULED", scheduledTime: new Date(Date.UTC(2026, 0, 3)) });
  });

  test("limits are set, listed and taken away", async () => {
    await client.setLimit("database", 2);
    await client.setLimit("calls", { limit: 60, per: "1 minute" });
    expect(await client.limits()).toMatchObject([
      { name: "calls", limit: 60, perSeconds: 60 },
      { name: "database", limit: 2, holders: [], waiters: [] },
    ]);
    await client.setLimit("database", null);
    await client.setLimit("database", null);
    expect((await client.limits()).map(({ name }) => name)).toEqual(["calls"]);
    await expect(client.setLimit("database", -1)).rejects.toMatchObject({ code: "WH1003" });
  });

  test("what the server refuses is thrown with its code, what was expected and what to do", async () => {
    await expect(client.run("no-such")).rejects.toMatchObject({
      name: "WindhoverError",
      code: "WH2001",
      expected: expect.stringContaining("http-nightly"),
      got: "no-such",
    });
    await expect(client.get("no-such").state()).rejects.toMatchObject({ code: "WH2002", action: "`windhover runs ls` lists them." });
    await expect(client.runs({ limit: 0 })).rejects.toMatchObject({ code: "WH2017" });
    const wrong = await client.run(fails, { n: "many" } as never);
    await expect(wrong.result()).rejects.toMatchObject({ code: "WH1101", message: expect.stringContaining("n") });
  });

  test("after close nothing is asked, and what waits is told so", async () => {
    const waiting = (await client.run(nap)).result();
    const told = expect(waiting).rejects.toMatchObject({ code: "WH3008" });
    await client.close();
    await told;
    await expect(client.runs()).rejects.toMatchObject({ code: "WH3008" });
  });
});

describe("a server with a key", () => {
  test("answers nobody without it, on this machine neither", async () => {
    const app = createApp({ client: backend.client, code: shared.code, apiKey: "s3cret" });
    const locked = await listen(app, { port: 0 });
    const status = async (path: string, authorization?: string): Promise<number> =>
      (await fetch(`${locked.url}${path}`, { headers: authorization ? { authorization } : {} })).status;
    for (const path of ["/api/runs", "/api/openapi.json", "/api/nothing", "/", "/runs/x"]) {
      expect(await status(path), path).toBe(401);
      expect(await status(path, "Bearer wrong"), path).toBe(401);
    }
    expect(await status("/api/runs", "Bearer s3cret")).toBe(200);
    expect(await status("/", `Basic ${Buffer.from("anybody:s3cret").toString("base64")}`)).toBe(200);
    expect((await fetch(locked.url)).headers.get("www-authenticate")).toContain("Basic");
    expect((await fetch(`${locked.url}/api/runs`)).headers.get("www-authenticate")).toBeNull();
    expect(await status("/hooks/nowhere")).toBe(404);
    await expect((await connect({ url: locked.url })).runs()).rejects.toMatchObject({ code: "WH2050", got: "no key" });
    await expect((await connect({ url: locked.url, apiKey: "other" })).runs()).rejects.toMatchObject({ code: "WH2050", got: "another key" });
    expect(await (await connect({ url: locked.url, apiKey: "s3cret" })).runs()).toMatchObject({ runs: [] });
    await locked.close();
  });
});

describe("what is no server of ours", () => {
  const html = createServer((_, answer) => answer.writeHead(200, { "content-type": "text/html" }).end("<html>")).listen(0, "127.0.0.1");
  afterAll(() => html.close());

  test("is told apart from one that refuses", async () => {
    for (const url of ["nonsense", "ftp://127.0.0.1"]) await expect(connect({ url })).rejects.toMatchObject({ code: "WH2010", got: url });
    const nobody = await connect({ url: "http://127.0.0.1:9" });
    await expect(nobody.run(nap)).rejects.toMatchObject({ code: "WH2051" });
    const other = await connect({ url: `http://127.0.0.1:${(html.address() as AddressInfo).port}` });
    await expect(other.runs()).rejects.toMatchObject({ code: "WH2051", message: expect.stringContaining("not JSON") });
  });

  test("a gateway's short failure is passed over for what can be asked again", async () => {
    let asked = 0;
    const flaky = createServer((_, answer) => {
      asked++;
      if (asked < 3) answer.writeHead(503).end("busy");
      else answer.writeHead(200, { "content-type": "application/json" }).end('{"limits":[]}');
    }).listen(0, "127.0.0.1");
    await once(flaky, "listening");
    const target = await connect({ url: `http://127.0.0.1:${(flaky.address() as AddressInfo).port}/prod/` });
    expect(await target.limits()).toEqual([]);
    expect(asked).toBe(3);
    flaky.close();
  });
});
