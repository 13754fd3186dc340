/**
 * Every task message is sent twice, as by a turn that died after its sends, and taken by containers of their own: what may run at most once runs once, and no limit is exceeded. What
 * was received without having run, as by a throttled function, runs all the same.
 */
import { SendMessageBatchCommand } from "@aws-sdk/client-sqs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { AwsClients } from "../../../adapters/aws/clients.ts";
import { environmentOf, ministack } from "../ministack.ts";
import { missingPython } from "../python.ts";
import * as flows from "./pumped-flows.ts";
import { PumpedStack } from "./pumped-stack.ts";

const missing = process.env["CI"] ? undefined : missingPython();

describe.skipIf(missing !== undefined)(`attempts that are claimed${missing === undefined ? "" : ` (${missing})`}`, () => {
  let world: PumpedStack;
  let doubled = 0;
  /** Queues of pools: what was received there for the first time and thrown away. */
  const throttled = new Set<string>();
  let throttling = false;

  function double({ sqs }: AwsClients, name: string): void {
    if (!name.startsWith("orchestrator")) return;
    const send = sqs.send.bind(sqs) as (command: unknown) => Promise<unknown>;
    sqs.send = (async (command: unknown) => {
      if (command instanceof SendMessageBatchCommand && command.input.QueueUrl?.includes("-tasks-")) {
        doubled += command.input.Entries?.length ?? 0;
        await send(new SendMessageBatchCommand(command.input));
      }
      return send(command);
    }) as never;
  }

  beforeAll(async () => {
    const server = await ministack();
    Object.assign(process.env, environmentOf(server), { WINDHOVER_LOG: process.env["WINDHOVER_LOG"] ?? "off" });
    world = await PumpedStack.open("claims", {
      endpoint: server.endpoint,
      pools: ["other"],
      modules: [flows],
      visibilitySeconds: 5,
      onClients: double,
      onBatch(records) {
        if (!throttling || !records.some(({ body }) => body.startsWith('{"task"'))) return;
        const fresh = records.filter(({ messageId }) => !throttled.has(messageId));
        for (const { messageId } of fresh) throttled.add(messageId);
        if (fresh.length > 0) throw new Error("Rate exceeded");
      },
    });
    world.pump();
    await world.opened.client.setLimit("one", 1);
  });
  afterAll(() => world?.close());

  const ends = async (flow: string) => {
    const run = await world.opened.client.run(flow);
    return { id: run.id, result: await run.result() };
  };
  const runsOf = (id: string): readonly (readonly [string, number])[] => [...flows.executions].filter(([call]) => call.startsWith(`${id} `));

  test("run once each, of runs that may run at most once and of runs that hold a slot, though each message came twice", async () => {
    const names = ["careful", "careful-of-each", "limited", "limited", "careful-of-each"];
    const runs = await world.allEnd(names.map(ends));
    expect(runs.map(({ result }) => result)).toEqual([2, 30, 7, 7, 30]);
    await world.quiet();
    for (const { id } of runs) for (const [call, times] of runsOf(id)) expect(times, call).toBe(1);
    expect(flows.guards.most).toBeLessThanOrEqual(2);
    expect(doubled).toBeGreaterThan(20);
  });

  test("run when their message was received before, and no code had run", async () => {
    throttling = true;
    const { id, result } = await ends("careful");
    throttling = false;
    expect(result).toBe(2);
    expect(throttled.size).toBeGreaterThan(0);
    expect(runsOf(id).find(([call]) => call.endsWith(" once-0"))?.[1]).toBe(1);
  });
});
