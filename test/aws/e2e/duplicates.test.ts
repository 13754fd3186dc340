/**
 * SQS may deliver a message twice, and whoever sends may send twice. Every message of runs of every shape is delivered once more after they have ended: as the same one, and, to a
 * mailbox, as one that was sent anew. Nothing changes.
 */
import type { SQSRecord } from "aws-lambda";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { QueueResource } from "../../../adapters/aws/stack.ts";
import type { Entry } from "../../../engine/events.ts";
import { executorOf } from "../../../functions/executor.ts";
import { orchestratorOf } from "../../../functions/orchestrator.ts";
import { environmentOf, type MiniStack, ministack } from "../ministack.ts";
import { missingPython } from "../python.ts";
import * as flows from "./pumped-flows.ts";
import { PumpedStack } from "./pumped-stack.ts";
import { runShape, SHAPES } from "./shapes.ts";

const missing = process.env["CI"] ? undefined : missingPython();
const CONTEXT = { getRemainingTimeInMillis: () => 900_000 };

describe.skipIf(missing !== undefined)(`messages that come twice${missing === undefined ? "" : ` (${missing})`}`, () => {
  let server: MiniStack;
  let world: PumpedStack;
  const given: { readonly record: SQSRecord; readonly queue: QueueResource }[] = [];
  let recording = true;
  beforeAll(async () => {
    server = await ministack();
    Object.assign(process.env, environmentOf(server), { WINDHOVER_LOG: process.env["WINDHOVER_LOG"] ?? "off" });
    const onBatch = (records: readonly SQSRecord[], queue: QueueResource): void => {
      if (recording) for (const record of records) given.push({ record, queue });
    };
    world = await PumpedStack.open("duplicates", { endpoint: server.endpoint, pools: ["other"], modules: [flows], onBatch });
    world.pump();
    await world.opened.client.setLimit("one", 1);
    const runs = await world.allEnd(SHAPES.map((shape) => runShape(world.opened, shape)));
    for (const { state, ends, flow } of runs) expect(state, flow).toMatchObject(ends);
    await world.quiet();
    recording = false;
  });
  afterAll(() => world?.close());

  const actors = (): readonly string[] => [
    ...new Set(given.flatMap(({ record, queue }) => (queue === world.stack.mailbox ? [(JSON.parse(record.body) as { to: string }).to] : []))),
  ];
  const logs = async (): Promise<ReadonlyMap<string, readonly Entry[]>> =>
    new Map(await Promise.all(actors().map(async (actor) => [actor, await world.opened.ports.log.read(actor)] as const)));

  /** In the order in which they came, by other containers than those that had them, and then whatever follows from them. */
  async function again(change: (record: SQSRecord, i: number) => SQSRecord, wanted: (queue: QueueResource) => boolean): Promise<number> {
    const orchestrator = orchestratorOf(world.function("orchestrator", "again"));
    const executor = executorOf(world.function("executor", "again"));
    const records = given.filter(({ queue }) => wanted(queue));
    for (const [i, { record, queue }] of records.entries()) {
      const handler = queue === world.stack.mailbox ? orchestrator : executor;
      // A limit that answers once more may be in another's hand just then: that turn is taken again.
      const isDone = async (): Promise<boolean> => (await handler({ Records: [change(record, i)] }, CONTEXT)).batchItemFailures.length === 0;
      for (let tries = 1; !(await isDone()); tries++) expect(tries, record.body).toBeLessThan(5);
    }
    await world.quiet();
    return records.length;
  }

  const isMailbox = (queue: QueueResource): boolean => queue === world.stack.mailbox;

  /** A limit that hears a request again grants it, and is given it back by the run that has ended: its log has that, but nobody holds or waits. */
  async function unchanged(before: ReadonlyMap<string, readonly Entry[]>): Promise<void> {
    const after = await logs();
    for (const [actor, entries] of after) {
      const { kind, ...state } = entries.at(-1)?.state ?? { kind: "none" };
      if (kind === "limit") expect(state, actor).toMatchObject({ holders: [], waiters: [] });
      else expect(entries, actor).toEqual(before.get(actor));
    }
    expect(after.size).toBe(before.size);
  }

  test("the same message once more, as one that was received twice: no run's log changes, no task runs, and no slot stays taken", async () => {
    const before = { logs: await logs(), executions: new Map(flows.executions) };
    const twice = (record: SQSRecord): SQSRecord => ({ ...record, attributes: { ...record.attributes, ApproximateReceiveCount: "2" } });
    const count = await again(twice, () => true);
    await unchanged(before.logs);
    expect(flows.executions).toEqual(before.executions);
    expect(count).toBeGreaterThan(SHAPES.length);
    console.log(`${count} messages were delivered again`);
  });

  test("a mailbox's message sent anew: no run's log changes, no task runs, and no slot stays taken", async () => {
    const before = { logs: await logs(), executions: new Map(flows.executions) };
    const count = await again((record, i) => ({ ...record, messageId: `anew-${i}` }), isMailbox);
    await unchanged(before.logs);
    expect(flows.executions).toEqual(before.executions);
    console.log(`${count} messages were sent anew`);
  });

  test("a task's message sent anew: the task may run again (it is at least once), unless it holds a slot, and what comes of it is ignored", async () => {
    const before = await logs();
    const ofLimit = (): readonly unknown[] => [...flows.executions].filter(([call]) => call.includes(" guarded-"));
    const guarded = ofLimit();
    await again(
      (record, i) => ({ ...record, messageId: `task-anew-${i}` }),
      (queue) => !isMailbox(queue),
    );
    await unchanged(before);
    expect(guarded.length).toBeGreaterThan(0);
    expect(ofLimit()).toEqual(guarded);
  });
});
