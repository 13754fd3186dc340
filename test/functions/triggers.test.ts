import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import * as z from "zod";
import { decode } from "../../engine/codec.ts";
import type { RunEvent } from "../../engine/events.ts";
import { shared } from "../../engine/scope.ts";
import { cron, flow, onEvent, onQueue, onRunState, onS3Object } from "../../sdk/index.ts";
import { beforeCall, failures, letter, record, start, TIME, World } from "./world.ts";

beforeEach(() => void vi.spyOn(process.stdout, "write").mockReturnValue(true));
afterEach(() => {
  vi.restoreAllMocks();
  shared.code.clear();
});

const quick = () => flow({ name: "quick" }, async () => "done");

describe("a deployment", () => {
  const tick = (nominal: string, id = "t1", sentAt = Date.parse("2027-01-15T02:00:07Z")) =>
    record({ to: "deployment:nightly", tick: { schedule: 0, nominal } }, { id, group: "deployment:nightly", sentAt });

  test("that was never told what the code says hears it before its first tick", async () => {
    const nightly = quick().deployment({ name: "nightly", schedules: [cron("0 2 * * *")] });
    const world = new World({ modules: [{ nightly }] });
    world.backend.state.clock.advance(0);
    await world.orchestrator({ Records: [tick("2027-01-16T02:00:00Z")] }, TIME);
    await world.pump();
    const [run] = await world.runs("quick");
    expect(run).toMatchObject({ deployment: "nightly", scheduledTime: Date.parse("2027-01-16T02:00:00Z"), row: { type: "COMPLETED" } });
  });

  test("hears it again only when the code says something else", async () => {
    const nightly = quick().deployment({ name: "nightly", schedules: [cron("0 2 * * *")] });
    const world = new World({ modules: [{ nightly }] });
    await world.orchestrator({ Records: [tick("2027-01-16T02:00:00Z", "t1")] }, TIME);
    await world.orchestrator({ Records: [tick("2027-01-17T02:00:00Z", "t2")] }, TIME);
    const entries = await world.ports.log.read("deployment:nightly");
    expect(entries.flatMap(({ events }) => events).filter(({ type }) => type === "configured")).toHaveLength(1);
  });

  test("takes a tick whose time nobody filled in for the schedule's last time before it was sent", async () => {
    const nightly = quick().deployment({ name: "nightly", schedules: [cron("0 2 * * *")] });
    const world = new World({ modules: [{ nightly }] });
    await world.orchestrator({ Records: [tick("<aws.scheduler.scheduled-time>", "t1", Date.parse("2027-01-16T02:00:07Z"))] }, TIME);
    await world.orchestrator({ Records: [tick("<aws.scheduler.scheduled-time>", "t2", Date.parse("2027-01-16T02:00:09Z"))] }, TIME);
    await world.pump();
    expect((await world.runs("quick")).map(({ scheduledTime }) => scheduledTime)).toEqual([Date.parse("2027-01-16T02:00:00Z")]);
  });
});

describe("triggers", () => {
  const Order = z.object({ order: z.string(), amount: z.number().default(1) });
  const paid = { version: "0", id: "e-1", source: "shop", "detail-type": "paid", detail: { order: "o-7" }, time: "2027-01-15T09:00:00Z", region: "eu-west-1" };
  const event = (body: object, id = "m1", receives = 1) =>
    record({ to: "deployment:on-paid", event: { trigger: 0, event: body } }, { id, group: "deployment:on-paid", receives });
  const started = (events: readonly RunEvent[]) => events.find((one) => one.type === "started");

  function shop(parameters: (event: { readonly detail: { readonly order: string } }) => { order: string }) {
    const ship = flow({ name: "ship", parameters: Order }, async ({ order }) => `shipped ${order}`);
    return ship.deployment({ name: "on-paid", parameters: { amount: 2 }, triggers: [onEvent({ source: "shop", parameters })] });
  }

  test("an event starts one run, however often it is delivered", async () => {
    const deployment = shop(({ detail }) => ({ order: detail.order }));
    const world = new World({ modules: [{ deployment }] });
    for (const id of ["m1", "m2"]) await world.orchestrator({ Records: [event(paid, id)] }, TIME);
    await world.pump();
    const runs = await world.runs("ship");
    expect(runs).toHaveLength(1);
    expect(decode(runs[0]?.result as string)).toBe("shipped o-7");
  });

  test("a payload that does not fit the schema is a failed run, with the message and the payload", async () => {
    const deployment = shop(({ detail }) => ({ order: (detail as { missing?: string }).missing as string }));
    const world = new World({ modules: [{ deployment }] });
    await world.orchestrator({ Records: [event(paid)] }, TIME);
    await world.pump();
    const [run] = await world.runs("ship");
    expect(run?.row).toMatchObject({ type: "FAILED", message: expect.stringContaining("order") });
  });

  test("a `parameters` function that throws is a failed run that keeps the event", async () => {
    const deployment = shop(() => {
      throw new TypeError("no order in it");
    });
    const world = new World({ modules: [{ deployment }] });
    await world.orchestrator({ Records: [event(paid)] }, TIME);
    await world.pump();
    const [{ id } = { id: "" }] = (await world.ports.index.runs({ flow: "ship" })).rows;
    expect((await world.state(id)).row).toMatchObject({ type: "FAILED", message: expect.stringContaining("no order in it") });
    expect(decode(started(await world.events(id))?.parameters as string)).toEqual({ event: paid });
  });

  test("a `parameters` function of which the process dies is not run for ever", async () => {
    let ran = false;
    const deployment = shop(() => {
      ran = true;
      return { order: "x" };
    });
    const world = new World({ modules: [{ deployment }] });
    await world.orchestrator({ Records: [event(paid, "m1", 11)] }, TIME);
    await world.pump();
    expect(ran).toBe(false);
    expect((await world.runs("ship"))[0]?.row.type).toBe("FAILED");
  });

  test("what a flow of the stack emitted is opened: its own id, its own detail, the trigger's filter", async () => {
    const seen: unknown[] = [];
    const ship = flow({ name: "ship", parameters: Order }, async () => {});
    const parameters = (one: unknown): { order: string } => {
      seen.push(one);
      return { order: "x" };
    };
    const deployment = ship.deployment({
      name: "on-paid",
      triggers: [onEvent({ source: "windhover", detailType: "paid", detail: { order: [{ prefix: "o-" }] }, parameters })],
    });
    const world = new World({ modules: [{ deployment }] });
    const emitted = (id: string, order: string) => ({
      ...paid,
      id: `bus-${id}`,
      source: "windhover.Flows",
      detail: { id, run: "r", at: 1_800_000_000_000, detail: JSON.stringify({ order }) },
    });
    await world.orchestrator(
      { Records: [event(emitted("r/emit#1", "o-7"), "m1"), event(emitted("r/emit#1", "o-7"), "m2"), event(emitted("r/emit#2", "x-1"), "m3")] },
      TIME,
    );
    await world.pump();
    expect(seen[0]).toEqual({ id: "r/emit#1", detail: { order: "o-7" }, time: new Date(1_800_000_000_000) });
    expect(await world.runs("ship")).toHaveLength(1);
  });

  test("an object in a bucket", async () => {
    const seen: unknown[] = [];
    const load = flow({ name: "load" }, async () => {});
    const parameters = (o: unknown): object => {
      seen.push(o);
      return {};
    };
    const deployment = load.deployment({ name: "on-paid", triggers: [onS3Object({ bucket: "incoming", parameters })] });
    const world = new World({ modules: [{ deployment }] });
    const detail = { bucket: { name: "incoming" }, object: { key: "a b/ü.csv", size: 12, etag: "e" } };
    await world.orchestrator({ Records: [event({ ...paid, source: "aws.s3", "detail-type": "Object Created", detail })] }, TIME);
    expect(seen).toEqual([
      {
        bucket: "incoming",
        key: "a b/ü.csv",
        size: 12,
        eTag: "e",
        url: "https://incoming.s3.eu-west-1.amazonaws.com/a%20b/%C3%BC.csv",
        eventId: "e-1",
        time: new Date("2027-01-15T09:00:00Z"),
      },
    ]);
  });

  test("a message of another queue; of a FIFO queue nothing overtakes what failed", async () => {
    const queueArn = "arn:aws:sqs:eu-west-1:111122223333:orders.fifo";
    const ship = flow({ name: "ship", parameters: Order }, async ({ order }) => order);
    const deployment = ship.deployment({ name: "on-paid", triggers: [onQueue({ queueArn, parameters: ({ body }) => ({ order: body }) })] });
    let broken = true;
    const world = new World({
      modules: [{ deployment }],
      ports: beforeCall("mailbox", "send", (_, message) => {
        if (broken && (message as { parameters: string }).parameters.includes("two")) throw new Error("the mailbox does not answer");
      }),
    });
    const records = ["one", "two", "three"].map((body) => record(body, { id: body, group: "g", queue: queueArn }));
    expect(failures(await world.orchestrator({ Records: records }, TIME))).toEqual(new Set(["two", "three"]));
    broken = false;
    expect(failures(await world.orchestrator({ Records: records.slice(1) }, TIME))).toEqual(new Set());
    await world.pump();
    expect((await world.runs("ship")).map(({ result }) => decode(result as string)).sort()).toEqual(["one", "three", "two"]);
  });

  test("a run's state starts another, also when the process died between the two", async () => {
    const clean = flow({ name: "clean", parameters: z.object({ after: z.string() }) }, async ({ after }) => after);
    const deployment = clean.deployment({
      name: "after",
      triggers: [onRunState({ flow: "quick", state: "COMPLETED", parameters: ({ id }) => ({ after: id }) })],
    });
    quick();
    let broken = true;
    const world = new World({
      modules: [{ deployment }],
      ports: beforeCall("mailbox", "send", (to) => {
        if (broken && to === "deployment:after") throw new Error("it died");
      }),
    });
    const first = letter("run:a", start("a", "quick"), { id: "m1" });
    expect(failures(await world.orchestrator({ Records: [first] }, TIME))).toEqual(new Set(["m1"]));
    expect((await world.state("a")).row.type).toBe("COMPLETED");
    broken = false;
    await world.orchestrator({ Records: [letter("run:a", start("a", "quick"), { id: "m1", receives: 2 })] }, TIME);
    await world.pump();
    expect((await world.runs("clean")).map(({ result }) => decode(result as string))).toEqual(["a"]);
  });
});
