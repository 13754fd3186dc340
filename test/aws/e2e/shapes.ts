/** One run of each of `pumped-flows.ts`, with what somebody outside does, and how each has to end. */
import type { OpenedStack } from "../../../adapters/aws/open.ts";
import { Approval } from "./pumped-flows.ts";

type Client = OpenedStack["client"];
type Run = Awaited<ReturnType<Client["run"]>>;

export interface Shape {
  readonly flow: string;
  readonly ends: object;
  readonly act?: (run: Run) => Promise<void>;
}

export const SHAPES: readonly Shape[] = [
  { flow: "chain", ends: { type: "COMPLETED", result: 8 } },
  { flow: "by-queue", ends: { type: "COMPLETED", result: 8 } },
  { flow: "fan", ends: { type: "COMPLETED", result: 78 } },
  { flow: "map", ends: { type: "COMPLETED", result: 900 } },
  { flow: "family", ends: { type: "COMPLETED", result: 117 } },
  { flow: "stored", ends: { type: "COMPLETED", result: [20_000, 40_000] } },
  { flow: "sleeper", ends: { type: "COMPLETED", result: 3 } },
  { flow: "retried", ends: { type: "COMPLETED", result: 7 } },
  { flow: "failing", ends: { type: "FAILED" } },
  { flow: "limited", ends: { type: "COMPLETED", result: 7 } },
  { flow: "asking", ends: { type: "COMPLETED", result: 42 }, act: (run) => run.input(Approval, { approved: true }) },
  { flow: "waiting", ends: { type: "CANCELLED" }, act: cancelled },
];

/** Once it sleeps: there is a schedule then. */
async function cancelled(run: Run): Promise<void> {
  for (;;) {
    const { type, reason } = (await run.state()) as { readonly type: string; readonly reason?: unknown };
    if (reason !== undefined && type !== "PENDING" && type !== "SCHEDULED") break;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await run.cancel();
}

export interface Ended extends Shape {
  readonly run: Run;
  readonly state: Awaited<ReturnType<Run["state"]>>;
}

export async function runShape({ client }: OpenedStack, shape: Shape): Promise<Ended> {
  const run = await client.run(shape.flow);
  await shape.act?.(run);
  await run.result().catch(() => {});
  return { ...shape, run, state: await run.state() };
}
