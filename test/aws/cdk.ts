/** Deploys stacks to MiniStack with the pinned `cdk`, as a user does: bootstrap, deploy, destroy. */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { App, RemovalPolicy, Stack } from "aws-cdk-lib";
import { parseStack, STACK_OUTPUT, type StackResources } from "../../adapters/aws/stack.ts";
import { Windhover, type WindhoverProps } from "../../infra/windhover.ts";
import { exclusively } from "./lock.ts";
import { ACCOUNT, environmentOf, type MiniStack, REGION, SERVERS } from "./ministack.ts";
import { afterBootstrap, mendTemplate } from "./workarounds.ts";

const cdkProgram = join(dirname(createRequire(import.meta.url).resolve("aws-cdk/package.json")), "bin", "cdk");
/** A deploy that hangs says why only in the server's log. Unit: milliseconds. */
const PATIENCE_MS = 180_000;

export interface Finished {
  readonly status: number | null;
  readonly output: string;
  /** Unit: milliseconds. */
  readonly ms: number;
}

export function cdk(server: MiniStack, args: readonly string[]): Promise<Finished> {
  const began = Date.now();
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [cdkProgram, ...args], {
      cwd: SERVERS,
      env: { ...process.env, ...environmentOf(server) },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    child.stdout.on("data", (text) => (output += text));
    child.stderr.on("data", (text) => (output += text));
    const late = setTimeout(() => child.kill("SIGKILL"), PATIENCE_MS);
    child.on("close", (status) => {
      clearTimeout(late);
      resolve({ status, output, ms: Date.now() - began });
    });
  });
}

async function succeed(server: MiniStack, args: readonly string[]): Promise<Finished> {
  const finished = await cdk(server, args);
  if (finished.status === 0) return finished;
  const log = readFileSync(server.log, "utf8").split("\n").slice(-60).join("\n");
  throw new Error(`cdk ${args[0]} ended with ${finished.status}:\n${finished.output}\nThe server's log ends with:\n${log}`);
}

/** Once for each server. */
export async function bootstrap(server: MiniStack): Promise<void> {
  const done = join(SERVERS, `bootstrapped-${server.port}`);
  await exclusively(join(SERVERS, `bootstrap-${server.port}.lock`), async () => {
    if (existsSync(done)) return;
    await succeed(server, ["bootstrap", `aws://${ACCOUNT}/${REGION}`]);
    await afterBootstrap(server);
    writeFileSync(done, "");
  });
}

export interface DeployedStack {
  readonly server: MiniStack;
  readonly resources: StackResources;
  /** How long `cdk deploy` took. Unit: milliseconds. */
  readonly ms: number;
}

/** Deploys, or deploys again, a stack of these flows. `more` adds to it what a user's app would. */
export async function deploy(
  server: MiniStack,
  name: string,
  props: WindhoverProps,
  more?: (stack: Stack, windhover: Windhover) => void,
): Promise<DeployedStack> {
  await bootstrap(server);
  const outdir = join(SERVERS, `${name}.out`);
  const outputs = join(SERVERS, `${name}.outputs.json`);
  rmSync(outdir, { recursive: true, force: true });
  mkdirSync(outdir, { recursive: true });
  const app = new App({ outdir, analyticsReporting: false });
  const stack = new Stack(app, name, { env: { account: ACCOUNT, region: REGION } });
  const windhover = new Windhover(stack, "Windhover", { removalPolicy: RemovalPolicy.DESTROY, ...props });
  more?.(stack, windhover);
  app.synth();
  mendTemplate(outdir, name);
  const { ms } = await succeed(server, ["deploy", name, "--app", outdir, "--require-approval", "never", "--outputs-file", outputs]);
  const written = JSON.parse(readFileSync(outputs, "utf8")) as Record<string, Record<string, string>>;
  return { server, resources: parseStack(written[name]?.[STACK_OUTPUT], outputs), ms };
}

export async function destroy(server: MiniStack, name: string): Promise<void> {
  await succeed(server, ["destroy", name, "--app", join(SERVERS, `${name}.out`), "--force"]);
}
