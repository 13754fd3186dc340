import { createHmac } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type BusEvent, emit, flow, onEvent, onQueue, onRunState, onS3Object, onWebhook } from "windhover";
import * as z from "zod";
import { WindhoverError } from "../../engine/errors.ts";
import type { Entry } from "../../engine/events.ts";
import type { DeploymentDefinition } from "../../sdk/deployment.ts";
import { type EventFeed, Triggers, unserved } from "../../server/triggers.ts";
import { type Served, served } from "./served.ts";

const receive = flow({ name: "receive", parameters: z.object({ from: z.string(), n: z.number().default(0) }) }, async ({ from, n }) => `${from} ${n}`);
const shout = flow({ name: "shout", parameters: z.object({ type: z.string(), detail: z.unknown() }) }, async ({ type, detail }) => {
  await emit({ type, detail });
});
const open = receive.deployment({
  name: "open",
  triggers: [
    onWebhook({ path: "open", parameters: ({ query, body }) => ({ from: query["from"] ?? "body", n: Number((body as { n?: number } | null)?.n ?? 0) }) }),
  ],
});
const locked = receive.deployment({ name: "locked", triggers: [onWebhook({ path: "/deep/locked/", secret: "s3cret" })] });
const onDone = receive.deployment({
  name: "on-done",
  triggers: [
    onEvent({
      source: "windhover",
      detailType: "done",
      detail: { status: ["good", { prefix: "very" }] },
      parameters: ({ detail }: BusEvent<{ status: string }>) => ({ from: detail.status }),
    }),
  ],
});
const afterShout = receive.deployment({
  name: "after-shout",
  triggers: [onRunState({ flow: "shout", state: "COMPLETED", parameters: (run) => ({ from: run.id }) })],
});
const all = [open, locked, onDone, afterShout] as unknown as readonly DeploymentDefinition[];

let s: Served;
let triggers: Triggers | undefined;
const problems: unknown[] = [];
beforeEach(async () => {
  problems.length = 0;
  s = await served(all, { onEntry: (entry: Entry) => triggers?.noteEntry(entry) });
});
afterEach(async () => {
  await triggers?.stop();
  triggers = undefined;
  await s.close();
});
const results = async (deployment: string): Promise<unknown[]> => {
  await s.settled();
  const { runs } = (await s.get(`/api/runs?deployment=${deployment}`)).body;
  return Promise.all(runs.map(async ({ id }: { id: string }) => (await s.get(`/api/runs/${id}`)).body.result));
};

describe("webhooks", () => {
  test("a request is answered with the run's id, and the same key is the same run", async () => {
    const first = await s.send("POST", "/hooks/open?from=shop", { n: 7 }, { "idempotency-key": "order-1" });
    expect(first).toMatchObject({ status: 202, body: { deployment: "open" } });
    const again = await s.send("POST", "/hooks/open?from=shop", { n: 7 }, { "idempotency-key": "order-1" });
    expect(again.body.id).toBe(first.body.id);
    const other = await s.send("POST", "/hooks/open?from=shop", { n: 8 });
    expect(other.body.id).not.toBe(first.body.id);
    expect((await results("open")).sort()).toEqual(["shop 7", "shop 8"]);
  });

  test("a secret is asked for: as a bearer, as a header, or as the body's signature", async () => {
    const body = JSON.stringify({ from: "me" });
    const signed = `sha256=${createHmac("sha256", "s3cret").update(body).digest("hex")}`;
    for (const headers of [{ authorization: "Bearer s3cret" }, { "x-windhover-secret": "s3cret" }, { "x-hub-signature-256": signed }] as Record<
      string,
      string
    >[])
      expect((await s.send("POST", "/hooks/deep/locked", body, headers)).status).toBe(202);
    for (const headers of [{}, { authorization: "Bearer s3cre" }, { "x-hub-signature-256": signed.replace(/.$/, "!") }] as Record<string, string>[])
      expect(await s.send("POST", "/hooks/deep/locked", body, headers)).toMatchObject({ status: 401, body: { code: "WH2018" } });
    expect(await results("locked")).toEqual(["me 0", "me 0", "me 0"]);
  });

  test("what is not there, not JSON, too large or only a look is refused", async () => {
    expect((await s.send("POST", "/hooks/nowhere", {})).body.code).toBe("WH2019");
    expect((await s.send("POST", "/hooks/open", "{")).status).toBe(400);
    expect((await s.send("POST", "/hooks/open", "x".repeat((1 << 20) + 1))).status).toBe(413);
    expect((await s.get("/hooks/open")).status).toBe(405);
  });

  test("a path that is not UTF-8 was answered as a fault of the server", async () => {
    expect(await s.send("POST", "/hooks/%E0%A4%A", {})).toMatchObject({ status: 400, body: { code: "WH2019" } });
  });
});

/** Events as a backend keeps them. */
function feedOf(events: { id: string; type: string; detail: unknown }[]): EventFeed & { ring(): void } {
  const bells = new Set<() => void>();
  return {
    subscribe: (bell) => {
      bells.add(bell);
      return () => bells.delete(bell);
    },
    events: async (after = 0, limit = 10) =>
      events.slice(after, after + limit).map(({ id, type, detail }, i) => ({ seq: after + i + 1, id, type, at: 0, detail: JSON.stringify(detail) })),
    ring: () => bells.forEach((bell) => void bell()),
  };
}

describe("events and states", () => {
  const begin = async (feed: EventFeed): Promise<Triggers> => {
    triggers = new Triggers(
      s.client,
      feed,
      () => all,
      (error) => problems.push(error),
    );
    await triggers.start();
    return triggers;
  };

  test("an event starts what its pattern fits; seen again after a restart it starts nothing more", async () => {
    const events = [{ id: "old", type: "done", detail: { status: "good" } }];
    const feed = feedOf(events);
    await (await begin(feed)).stop();
    events.push(
      { id: "1", type: "done", detail: { status: "very good" } },
      { id: "2", type: "done", detail: { status: "bad" } },
      { id: "3", type: "other", detail: { status: "good" } },
    );
    // These came while nothing was running.
    await (await begin(feed)).stop();
    events.push({ id: "1", type: "done", detail: { status: "very good" } }, { id: "4", type: "done", detail: { status: "good" } });
    await begin(feed);
    feed.ring();
    await triggers?.stop();
    expect((await results("on-done")).sort()).toEqual(["good 0", "very good 0"]);
  });

  test("parameters that cannot be made cost their own event only", async () => {
    const events: { id: string; type: string; detail: unknown }[] = [];
    const feed = feedOf(events);
    const picky = receive.deployment({
      name: "picky",
      triggers: [onEvent({ source: "windhover", parameters: ({ detail }: BusEvent<{ a: { b: string } }>) => ({ from: detail.a.b }) })],
    });
    await s.client.configure(picky as unknown as DeploymentDefinition);
    triggers = new Triggers(
      s.client,
      feed,
      () => [picky as unknown as DeploymentDefinition],
      (error) => problems.push(error),
    );
    await triggers.start();
    events.push({ id: "1", type: "x", detail: {} }, { id: "2", type: "x", detail: { a: { b: "fine" } } });
    feed.ring();
    await triggers.stop();
    expect(problems).toMatchObject([{ code: "WH1101" }]);
    expect((await results("picky")).filter((result) => result !== undefined)).toEqual(["fine 0"]);
  });

  test("an event whose parameters cannot be stored stopped all that came after it", async () => {
    const events: { id: string; type: string; detail: unknown }[] = [];
    const feed = feedOf(events);
    const bad = { from: "x", n: (() => 1) as unknown as number };
    const odd = receive.deployment({
      name: "odd",
      triggers: [
        onEvent({
          source: "windhover",
          parameters: ({ detail }: BusEvent<{ how: string }>) => (detail.how === "unstorable" ? bad : { from: detail.how }),
        }),
      ],
      concurrency: {
        limit: 5,
        key: ({ from }: { from: string }) => {
          if (from === "keyless") throw new Error("no customer");
          return from;
        },
      },
    }) as unknown as DeploymentDefinition;
    const begun = async (): Promise<void> => {
      triggers = new Triggers(
        s.client,
        feed,
        () => [odd],
        (error) => problems.push(error),
      );
      await triggers.start();
    };
    await begun();
    for (const [i, how] of ["unstorable", "keyless", "good"].entries()) events.push({ id: `${i}`, type: "x", detail: { how } });
    feed.ring();
    await triggers?.stop();
    expect(problems).toMatchObject([
      { code: "WH1101", cause: { code: "WH1102" } },
      { code: "WH1101", cause: { code: "WH1003", cause: { message: "no customer" } } },
    ]);
    await s.settled();
    // Each of the two is a run that says what was wrong and what came; neither comes again.
    const { runs } = (await s.get("/api/runs?deployment=odd")).body;
    const bare = await Promise.all(runs.map(async ({ id }: { id: string }) => (await s.get(`/api/runs/${id}`)).body));
    const byFate = (fate: string) => bare.filter(({ state }) => state.type === fate);
    expect(byFate("COMPLETED")).toMatchObject([{ result: "good 0" }]);
    expect(byFate("FAILED").map(({ error, parameters }) => [error.code, parameters.event.detail.how])).toEqual(
      expect.arrayContaining([
        ["WH1101", "unstorable"],
        ["WH1101", "keyless"],
      ]),
    );
    await begun();
    await triggers?.stop();
    expect(problems).toHaveLength(2);
  });

  test("a backend that does not answer leaves the event for later", async () => {
    const events: { id: string; type: string; detail: unknown }[] = [];
    const feed = feedOf(events);
    const again = await begin(feed);
    events.push({ id: "1", type: "done", detail: { status: "good" } });
    const { mailbox } = s.client.ports;
    const send = mailbox.send;
    mailbox.send = async () => {
      throw new WindhoverError("WH3003", { message: "no room" });
    };
    feed.ring();
    await again.stop();
    expect(problems).toMatchObject([{ code: "WH3003" }]);
    mailbox.send = send;
    await (await begin(feed)).stop();
    expect(await results("on-done")).toEqual(["good 0"]);
  });

  test("a run's end starts another once, also when it ended while nobody was looking", async () => {
    const feed = feedOf([]);
    await (await begin(feed)).stop();
    triggers = undefined;
    const early = await s.client.run(shout, { type: "x", detail: 1 });
    await s.settled();
    await s.backend.advance(1000, () => s.settled());
    const again = await begin(feed);
    const late = await s.client.run(shout, { type: "x", detail: 1 });
    await s.settled();
    await again.stop();
    expect((await results("after-shout")).sort()).toEqual([`${early.id} 0`, `${late.id} 0`].sort());
  });

  test("what only AWS can serve is said, once for each", () => {
    const far = receive.deployment({
      name: "far",
      triggers: [
        onS3Object({ bucket: "b" }),
        onQueue({ queueArn: "arn:aws:sqs:eu-west-1:1:q" }),
        onEvent({ source: "aws.ec2" }),
        onEvent({ source: "windhover", detail: { n: [{ numeric: [">", 1] }] } }),
        onWebhook({ path: "far" }),
      ],
    });
    expect(unserved([far as unknown as DeploymentDefinition]).map(({ code, message }) => `${code} ${message}`)).toEqual([
      'WH2014 WH2014: "far" will not be started by s3://b/: events of S3 do not reach this machine.',
      'WH2014 WH2014: "far" will not be started by arn:aws:sqs:eu-west-1:1:q: queues of SQS are not read on this machine.',
      'WH2014 WH2014: "far" will not be started by aws.ec2: only events that flows emit (source "windhover") reach this machine.',
      'WH2014 WH2014: "far" will not be started by windhover: the filter "numeric" is not known here.',
    ]);
  });
});
