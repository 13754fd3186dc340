/** Synthesizes a stack of the fixtures' flows. Bundles and descriptions are made once in a process. */
import { fileURLToPath } from "node:url";
import { App, type AppProps, Stack } from "aws-cdk-lib";
import { Template } from "aws-cdk-lib/assertions";
import { Windhover, type WindhoverProps } from "../../infra/windhover.ts";

export const FLOWS = fileURLToPath(new URL("./fixtures/flows/index.ts", import.meta.url));
/** What the fixtures' tasks name. */
export const POOLS = {
  large: { memoryMb: 4096, timeoutSeconds: 600, concurrency: 5 },
  fargate: { kind: "container", cpu: 1, memoryMb: 2048, concurrency: 3 },
} as const;

export interface Synthesized {
  readonly app: App;
  readonly stack: Stack;
  readonly windhover: Windhover;
}

export function construct(props: Partial<WindhoverProps> = {}, appProps: AppProps = {}): Synthesized {
  const app = new App({ analyticsReporting: false, ...appProps });
  const stack = new Stack(app, "Shop", { env: { account: "000000000000", region: "us-east-1" } });
  const windhover = new Windhover(stack, "Flows", { entry: FLOWS, pools: POOLS, ...props });
  return { app, stack, windhover };
}

export const templateOf = ({ stack }: Pick<Synthesized, "stack">): Template => Template.fromStack(stack);
