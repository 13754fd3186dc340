import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { artifact, cron, FailNow, flow, log, runInput, sleep, task, waitForInput } from "windhover";
import * as z from "zod";
import { turnWithoutCode } from "../../engine/dead-letter.ts";
import { type Served, served } from "./served.ts";

const double = task({ name: "double" }, async (n: number) => {
  log.info("doubling", { n });
  return n * 2;
});
const twice = flow({ name: "twice", description: "Doubles", parameters: z.object({ n: z.number(), when: z.date().optional() }) }, async ({ n }) => {
  await artifact.table("numbers", [{ n }]);
  return { n: await double(n), at: new Date(0), big: 10n };
});
flow({ name: "napping" }, async () => {
  await sleep("1 hour");
  return "rested";
});
const Approval = runInput({ name: "api-approval", schema: z.object({ yes: z.boolean() }) });
flow({ name: "asking" }, async () => (await waitForInput(Approval)).yes);
flow({ name: "failing" }, async () => {
  throw new FailNow("no good");
});
const nightly = twice.deployment({ name: "nightly", schedules: [cron("0 2 * * *")], parameters: { n: 4 }, tags: ["prod"] });

let s: Served;
beforeEach(async () => {
  s = await served([nightly]);
});
afterEach(() => s.close());

const start = async (body: object): Promise<string> => {
  const { status, body: answer } = await s.send("POST", "/api/runs", body);
  expect(status, JSON.stringify(answer)).toBe(201);
  await s.settled();
  return answer.id;
};

describe("runs", () => {
  test("a run that is started by a flow's name can be looked at from all sides", async () => {
    const id = await start({ flow: "twice", parameters: { n: 21 }, tags: ["hand"], name: "answer" });
    const { body } = await s.get(`/api/runs/${id}`);
    expect(body).toMatchObject({ id, name: "answer", flow: "twice", tags: ["hand"], parameters: { n: 21 }, state: { type: "COMPLETED", name: "Completed" } });
    expect(body.calls).toMatchObject([{ kind: "artifact" }, { id: "double-0", kind: "task", state: { type: "COMPLETED" }, attempts: 1 }]);
    expect(body.result).toEqual({ n: 42, at: "1970-01-01T00:00:00.000Z", big: "10" });
    expect((await s.get(`/api/runs/${id}/logs`)).body.lines).toMatchObject([{ level: "info", message: "doubling", fields: { n: 21 } }]);
    expect((await s.get(`/api/runs/${id}/artifacts`)).body.artifacts).toMatchObject([{ key: "numbers", kind: "table", data: [{ n: 21 }] }]);
    const { entries } = (await s.get(`/api/runs/${id}/history`)).body;
    expect(entries[0].events[0]).toMatchObject({ type: "started", flow: "twice" });
  });

  test("a history comes in pages", async () => {
    const id = await start({ flow: "twice", parameters: { n: 1 } });
    const whole = (await s.get(`/api/runs/${id}/history`)).body;
    const seen = [];
    for (let after = 0; after !== undefined; ) {
      const page = (await s.get(`/api/runs/${id}/history?after=${after}&limit=1`)).body;
      expect(page.entries).toHaveLength(1);
      seen.push(...page.entries);
      after = page.next;
    }
    expect(seen).toEqual(whole.entries);
  });

  test("lists are filtered and come in pages", async () => {
    for (let n = 0; n < 5; n++) await start({ flow: "twice", parameters: { n } });
    await start({ flow: "failing" });
    expect((await s.get("/api/runs?state=failed,crashed")).body.runs).toMatchObject([{ flow: "failing", state: { type: "FAILED" } }]);
    const first = (await s.get("/api/runs?flow=twice&limit=3")).body;
    const second = (await s.get(`/api/runs?flow=twice&limit=3&cursor=${encodeURIComponent(first.cursor)}`)).body;
    expect(new Set([...first.runs, ...second.runs].map((run: { id: string }) => run.id)).size).toBe(5);
  });

  test("the same idempotency key is the same run", async () => {
    const body = { flow: "twice", parameters: { n: 1 }, idempotencyKey: "k" };
    expect(await start(body)).toBe(await start(body));
  });

  test("a run that nobody has taken is Pending from all sides, and can be cancelled, whoever started it", async () => {
    await s.runtime.worker.stop();
    const start = { kind: "start", id: "start:sent:client", flow: "napping", name: "sent", parameters: "{}", tags: ["elsewhere"] } as const;
    await s.client.ports.mailbox.send("run:sent", { ...start, createdAt: Date.UTC(2026, 0, 1) - 1000 });
    const posted = (await s.send("POST", "/api/runs", { flow: "twice", parameters: { n: 1 }, name: "posted" })).body;
    const triggered = (await s.send("POST", "/api/deployments/nightly/run", {})).body;
    expect([posted.state.type, triggered.state.type]).toEqual(["PENDING", "PENDING"]);
    const reason = { code: "start", message: "Its start waits for a process that knows its flow: windhover dev" };
    const sent = { id: "sent", name: "sent", flow: "napping", tags: ["elsewhere"], createdAt: "2025-12-31T23:59:59.000Z", state: { type: "PENDING", reason } };
    expect((await s.get("/api/runs/sent")).body).toMatchObject({ ...sent, calls: [] });
    expect((await s.get("/api/runs/sent/state")).body).toMatchObject(sent.state);
    expect((await s.get("/api/runs/sent/logs")).body).toEqual({ lines: [] });
    expect((await s.get(`/api/runs/${posted.id}`)).body).toMatchObject({ name: "posted", flow: "twice", state: { type: "PENDING", reason } });
    expect((await s.get("/api/runs?state=pending&flow=napping")).body.runs).toMatchObject([sent]);
    expect((await s.get("/api/runs?deployment=nightly")).body.runs).toMatchObject([{ id: triggered.id, flow: "twice", tags: ["prod"] }]);
    const first = (await s.get("/api/runs?limit=2")).body;
    const second = (await s.get(`/api/runs?limit=2&cursor=${encodeURIComponent(first.cursor)}`)).body;
    expect([...first.runs, ...second.runs].map(({ id }: { id: string }) => id).toSorted()).toEqual([posted.id, "sent", triggered.id].toSorted());
    expect((await s.get("/")).body).toContain(reason.message);
    expect((await s.get("/runs/sent")).body).toContain(reason.message);
    expect((await s.send("POST", "/api/runs/sent/cancel", {})).status).toBe(202);
    s.runtime.worker.start();
    await s.settled();
    expect((await s.get("/api/runs/sent")).body.state.type).toBe("CANCELLED");
    expect((await s.get(`/api/runs/${triggered.id}`)).body.state.type).toBe("COMPLETED");
    expect((await s.get("/api/runs/nobody")).status).toBe(404);
  });

  test("a time in the future is waited for", async () => {
    const id = await start({ flow: "twice", parameters: { n: 1 }, scheduledTime: "2026-01-01T01:00:00Z" });
    expect((await s.get(`/api/runs/${id}`)).body.state.type).toBe("SCHEDULED");
    await s.backend.advance(3_600_000, () => s.settled());
    expect((await s.get(`/api/runs/${id}`)).body.state.type).toBe("COMPLETED");
  });

  test("an open run is paused, resumed and cancelled", async () => {
    const id = await start({ flow: "napping" });
    expect((await s.send("POST", `/api/runs/${id}/pause`)).status).toBe(202);
    await s.settled();
    expect((await s.get(`/api/runs/${id}`)).body.state.type).toBe("PAUSED");
    await s.send("POST", `/api/runs/${id}/resume`);
    await s.send("POST", `/api/runs/${id}/cancel`, { why: "no longer needed" });
    await s.settled();
    expect((await s.get(`/api/runs/${id}`)).body.state.type).toBe("CANCELLED");
    expect((await s.send("POST", `/api/runs/${id}/resume`)).status).toBe(409);
  });

  test("a run that asks is answered; an answer that does not fit is refused and the run goes on waiting", async () => {
    const id = await start({ flow: "asking" });
    const bad = await s.send("POST", `/api/runs/${id}/input`, { name: "api-approval", value: { yes: "maybe" } });
    expect(bad).toMatchObject({ status: 422, body: { code: "WH1106" } });
    expect((await s.send("POST", `/api/runs/${id}/input`, { name: "api-approval", value: { yes: true } })).status).toBe(202);
    await s.settled();
    expect((await s.get(`/api/runs/${id}`)).body.result).toBe(true);
  });

  test("a run is run again from the start, from where it failed, or from one call on", async () => {
    const id = await start({ flow: "twice", parameters: { n: 1 } });
    const rerun = await s.send("POST", `/api/runs/${id}/rerun`, { parameters: { n: 5 } });
    await s.settled();
    expect((await s.get(`/api/runs/${rerun.body.id}`)).body).toMatchObject({ result: { n: 10 }, origin: id });
    const edited = await s.send("POST", `/api/runs/${id}/rerun`, { from: "double-0", result: 100 });
    await s.settled();
    expect((await s.get(`/api/runs/${edited.body.id}`)).body.result.n).toBe(100);
    expect((await s.send("POST", `/api/runs/${id}/rerun`, { from: "nowhere-0" })).body.code).toBe("WH2006");
    const failed = await start({ flow: "failing" });
    expect((await s.send("POST", `/api/runs/${failed}/retry`)).status).toBe(201);
    expect((await s.get(`/api/runs/${failed}`)).body.error.message).toBe("no good");
  });

  test("parameters that do not fit make a run that failed, with the schema's words", async () => {
    const id = await start({ flow: "twice", parameters: { n: "one" } });
    const { body } = await s.get(`/api/runs/${id}`);
    expect(body.state.type).toBe("FAILED");
    expect(body.error).toMatchObject({ code: "WH1101" });
  });
});

describe("what cannot be", () => {
  test.each([
    ["GET", "/api/runs/none", undefined, 404, "WH2002"],
    ["GET", "/api/runs/none/logs", undefined, 404, "WH2002"],
    ["GET", "/api/runs?state=tired", undefined, 400, "WH2017"],
    ["GET", "/api/runs?colour=red", undefined, 400, "WH2017"],
    ["GET", "/api/runs?limit=0", undefined, 400, "WH2017"],
    ["GET", "/api/runs?cursor=rubbish", undefined, 400, "WH2015"],
    ["GET", "/api/nothing", undefined, 404, "WH2019"],
    ["POST", "/api/runs", { flow: "none" }, 404, "WH2001"],
    ["POST", "/api/runs", {}, 400, "WH2017"],
    ["POST", "/api/runs", { flow: "twice", deployment: "nightly" }, 400, "WH2017"],
    ["POST", "/api/runs", { flow: "twice", urgent: true }, 400, "WH2017"],
    ["POST", "/api/runs", "{", 400, "WH2017"],
    ["POST", "/api/deployments/none/run", {}, 404, "WH2003"],
    ["POST", "/api/deployments/none/pause", undefined, 404, "WH2003"],
    ["DELETE", "/api/limits/none", undefined, 404, "WH2011"],
    ["PUT", "/api/limits/db", { limit: -1 }, 400, "WH2017"],
    ["PUT", "/api/limits/db", { limit: 1, per: "a while" }, 400, "WH1004"],
    ["GET", "/api/variables/none", undefined, 404, "WH2013"],
  ])("%s %s %j → %i %s", async (method, path, body, status, code) => {
    const answer = await s.send(method, path, body);
    expect(answer).toMatchObject({ status, body: { code, docs: `docs/errors/${code}.md` } });
    expect(answer.body.action).not.toBe("");
    expect(answer.body.message).not.toContain(code);
  });

  test("a body of more than a megabyte, or one that is not said to be JSON", async () => {
    expect((await s.send("POST", "/api/runs", { flow: "twice", parameters: { n: "x".repeat(1 << 20) } })).status).toBe(413);
    expect((await s.send("POST", "/api/runs", "{}", { "content-type": "text/plain" })).status).toBe(415);
  });

  test("a page of another site, or a name that only seems to be ours", async () => {
    expect(await s.send("POST", "/api/runs", { flow: "twice" }, { origin: "https://evil.example" })).toMatchObject({ status: 403, body: { code: "WH2018" } });
    expect(await s.get("/api/runs", { host: "evil.example" })).toMatchObject({ status: 403 });
    expect(await s.get("/api/runs", { origin: "http://localhost:4600", host: "localhost:4600" })).toMatchObject({ status: 200 });
  });
});

describe("deployments, limits, variables, flows", () => {
  test("a deployment is listed, run, paused and resumed", async () => {
    expect((await s.get("/api/deployments")).body.deployments).toMatchObject([
      { name: "nightly", flow: "twice", paused: false, served: true, tags: ["prod"], schedules: [{ next: "2026-01-01T02:00:00.000Z" }] },
    ]);
    const { body } = await s.send("POST", "/api/deployments/nightly/run", { tags: ["now"] });
    await s.settled();
    expect((await s.get(`/api/runs/${body.id}`)).body).toMatchObject({ result: { n: 8 }, deployment: "nightly", tags: ["prod", "now"] });
    await s.send("POST", "/api/deployments/nightly/pause");
    await s.settled();
    expect((await s.get("/api/deployments/nightly")).body.paused).toBe(true);
    await s.send("POST", "/api/deployments/nightly/resume");
    await s.settled();
    expect((await s.get("/api/deployments/nightly")).body.paused).toBe(false);
  });

  test("a limit is set, seen and taken away", async () => {
    expect(await s.send("PUT", "/api/limits/db", { limit: 3 })).toMatchObject({ status: 200, body: { name: "db", limit: 3, holders: [] } });
    expect((await s.send("PUT", "/api/limits/api", { limit: 10, per: "1 minute" })).body).toMatchObject({ perSeconds: 60 });
    expect((await s.get("/api/limits")).body.limits.map(({ name }: { name: string }) => name).sort()).toEqual(["api", "db"]);
    expect((await s.send("DELETE", "/api/limits/db")).status).toBe(204);
    expect((await s.get("/api/limits/db")).status).toBe(404);
  });

  test("a variable is set, seen and deleted", async () => {
    expect((await s.send("PUT", "/api/variables/threshold", { value: { n: 1 } })).body).toMatchObject({ name: "threshold", value: { n: 1 } });
    expect((await s.get("/api/variables")).body.variables).toHaveLength(1);
    expect((await s.send("DELETE", "/api/variables/threshold")).status).toBe(204);
    expect((await s.get("/api/variables/threshold")).status).toBe(404);
  });

  test("a flow says which parameters it takes; what JSON cannot say is left open", async () => {
    const { flows } = (await s.get("/api/flows")).body;
    const found = flows.find(({ name }: { name: string }) => name === "twice");
    expect(found).toMatchObject({
      description: "Doubles",
      deployments: ["nightly"],
      parameters: { type: "object", required: ["n"], properties: { n: { type: "number" }, when: {} } },
    });
  });
});

test("redrive and migrate are for runs that need them", async () => {
  const done = await start({ flow: "twice", parameters: { n: 1 } });
  expect(await s.send("POST", `/api/runs/${done}/redrive`)).toMatchObject({ status: 409, body: { code: "WH2063" } });
  expect(await s.send("POST", `/api/runs/${done}/migrate`)).toMatchObject({ status: 409, body: { code: "WH2004" } });
  expect(await s.send("POST", "/api/runs/none/redrive")).toMatchObject({ status: 404, body: { code: "WH2002" } });
  const open = await start({ flow: "napping" });
  expect(await s.send("POST", `/api/runs/${open}/migrate`)).toMatchObject({ status: 202, body: { id: open } });
  const start2 = { kind: "start", id: "start:buried:client", flow: "twice", name: "buried", parameters: '{"n":4}', createdAt: 0 } as const;
  await turnWithoutCode(s.runtime.host, "run:buried", [{ actor: "run:buried", physical: "dead", receives: 11, message: start2 }], "it became a dead letter");
  const { status, body } = await s.send("POST", "/api/runs/buried/redrive");
  expect(status).toBe(201);
  await s.settled();
  expect((await s.get(`/api/runs/${body.id}`)).body).toMatchObject({ origin: "buried", state: { type: "COMPLETED" }, result: { n: 8 } });
});

test("the OpenAPI document has every route, and a Problem for what goes wrong", async () => {
  const { body } = await s.get("/api/openapi.json");
  expect(body.openapi).toBe("3.1.0");
  expect(Object.keys(body.paths).sort()).toEqual([
    "/api/deployments",
    "/api/deployments/{name}",
    "/api/deployments/{name}/pause",
    "/api/deployments/{name}/resume",
    "/api/deployments/{name}/run",
    "/api/flows",
    "/api/health",
    "/api/limits",
    "/api/limits/{name}",
    "/api/runs",
    "/api/runs/{id}",
    "/api/runs/{id}/artifacts",
    "/api/runs/{id}/cancel",
    "/api/runs/{id}/history",
    "/api/runs/{id}/input",
    "/api/runs/{id}/logs",
    "/api/runs/{id}/migrate",
    "/api/runs/{id}/pause",
    "/api/runs/{id}/redrive",
    "/api/runs/{id}/rerun",
    "/api/runs/{id}/resume",
    "/api/runs/{id}/retry",
    "/api/runs/{id}/state",
    "/api/variables",
    "/api/variables/{name}",
  ]);
  for (const path of Object.values(body.paths)) for (const operation of Object.values(path as object)) expect(operation.responses[400].content).toBeDefined();
  expect(body.components.schemas.Problem.required).toContain("action");
});

test("it says that it is well", async () => {
  expect((await s.get("/api/health")).body).toMatchObject({ status: "ok", version: "1.2.3" });
});

test("pages show what a flow has said, and never run it", async () => {
  const evil = flow({ name: "evil" }, async () => {
    log.warn("<script>alert(1)</script>");
    await artifact.link("link", "javascript:alert(1)", "click");
    await artifact.table("table", [{ "<b>": "<img src=x onerror=alert(1)>" }]);
  });
  const run = await s.client.run(evil);
  await s.settled();
  const page = await s.get(`/runs/${run.id}`);
  expect(page.status).toBe(200);
  expect(page.headers.get("content-security-policy")).toContain("default-src 'none'");
  expect(page.body).toContain("&lt;script&gt;");
  expect(page.body).not.toMatch(/<script|<img|href="javascript/);
  expect((await s.get("/")).body).toContain(`/runs/${run.id}`);
});

test("a run's page says why it waits or failed, and what to type; an address of no run is answered in words", async () => {
  const Answer = runInput({ name: "answer", schema: z.object({ yes: z.boolean() }) });
  const asks = flow({ name: "asks" }, async () => waitForInput(Answer, { timeout: "3 days" }));
  const breaks = flow({ name: "breaks" }, async () => {
    throw new RangeError("too <many>");
  });
  const [waiting, broken] = [await s.client.run(asks), await s.client.run(breaks)];
  await s.settled();
  const page = (await s.get(`/runs/${waiting.id}`)).body;
  expect(page).toContain("It waits for the input &quot;answer&quot;. Until ");
  expect(page).toMatch(/windhover runs input [\w-]+ answer /);
  expect((await s.get(`/runs/${broken.id}`)).body).toMatch(/RangeError: too &lt;many&gt;[\s\S]*windhover runs retry /);
  expect((await s.get("/")).body).toMatch(/1 waiting[\s\S]*RangeError: too &lt;many&gt;/);
  // What the same parameters would not help is not retried.
  const refused = await s.client.run(flow({ name: "refuses", parameters: z.object({ n: z.number() }) }, async ({ n }) => n) as never, { n: "x" } as never);
  await s.settled();
  const told = (await s.get(`/runs/${refused.id}`)).body;
  expect(told).toMatch(/windhover runs rerun [\w-]+ -p NAME=VALUE/);
  expect(told).not.toContain("windhover runs retry");
  const nobody = await s.get("/runs/nobody");
  expect([nobody.status, nobody.headers.get("content-type")]).toEqual([404, expect.stringContaining("text/html")]);
  expect(nobody.body).toContain("WH2002");
});

test("a result from the cache was shown as code that ran", async () => {
  const looked = task({ name: "looked-up", cacheKey: "inputs", cacheExpirationSeconds: 60 }, async (n: number) => n);
  const run = await s.client.run(flow({ name: "looks-up", retries: 0 }, async () => [await looked(1), await looked(1)]));
  await s.settled();
  const { calls } = (await s.get(`/api/runs/${run.id}`)).body;
  expect(calls).toMatchObject([{ state: { name: "Completed" } }, { state: { name: "Cached" }, ranMs: 0 }]);
});

test("a flow and a deployment of one name are not taken for each other", async () => {
  const same = flow({ name: "same" }, async () => "the flow");
  await s.client.configure(twice.deployment({ name: "same", parameters: { n: 3 } }) as never);
  await s.settled();
  expect(await result(await start({ flow: "same" }))).toBe("the flow");
  expect(await result(await start({ deployment: "same" }))).toMatchObject({ n: 6 });
  expect((await s.send("POST", "/api/runs", { flow: "nightly" })).body.code).toBe("WH2001");
  expect((await s.send("POST", "/api/runs", { deployment: "twice" })).body.code).toBe("WH2003");
  expect(same).toBeDefined();
});

test("a deployment's run that is wanted later begins then", async () => {
  const { body } = await s.send("POST", "/api/deployments/nightly/run", { scheduledTime: "2026-01-01T01:00:00Z" });
  await s.settled();
  expect((await s.get(`/api/runs/${body.id}`)).body.state.type).toBe("SCHEDULED");
  await s.backend.advance(3_600_000, () => s.settled());
  expect((await s.get(`/api/runs/${body.id}`)).body.state.type).toBe("COMPLETED");
});
const result = async (id: string): Promise<unknown> => (await s.get(`/api/runs/${id}`)).body.result;

test("a deployment's key that throws for what was asked is said, and is no fault of the server", async () => {
  const key = ({ n }: { n: number }): string => {
    if (n === 13) throw new Error("no key for it");
    return String(n);
  };
  const keyed = twice.deployment({ name: "keyed", parameters: { n: 1 }, concurrency: { limit: 1, key } });
  const own = await served([keyed]);
  try {
    const { status, body } = await own.send("POST", "/api/deployments/keyed/run", { parameters: { n: 13 } });
    expect([status, body]).toMatchObject([400, { code: "WH1003", message: expect.stringContaining("concurrency.key") }]);
    expect((await own.send("POST", "/api/deployments/keyed/run", { parameters: { n: 2 } })).status).toBe(201);
  } finally {
    own.close();
  }
});
