/** Synthesizes a stack of the fixtures' flows. Bundles and descriptions are made once in a process. */
import { fileURLToPath } from "node:url";
import { App, Stack } from "aws-cdk-lib";
import { Template } from "aws-cdk-lib/assertions";
import { Windhover, type WindhoverProps } from "../../infra/windhover.ts";

export const FLOWS = fileURLToPath(new URL("./fixtures/flows/index.ts", import.meta.url));
/** One flow, and nothing else. */
export const SMALL = fileURLToPath(new URL("./fixtures/small.ts", import.meta.url));
/** What the fixtures' tasks name. */
export const POOLS = {
  large: { memoryMb: 4096, timeoutSeconds: 600, concurrency: 5 },
  fargate: { kind: "container", cpu: 1, memoryMb: 2048, concurrency: 3 },
} as const;

export interface Synthesized {
  readonly stack: Stack;
  readonly windhover: Windhover;
}

export function stackOf(app = new App({ analyticsReporting: false })): Stack {
  return new Stack(app, "Shop", { env: { account: "000000000000", region: "us-east-1" } });
}

export function construct(props: Partial<WindhoverProps> = {}, stack = stackOf()): Synthesized {
  const windhover = new Windhover(stack, "Flows", { entry: FLOWS, pools: POOLS, ...props });
  return { stack, windhover };
}

export const templateOf = ({ stack }: Pick<Synthesized, "stack">): Template => Template.fromStack(stack);
