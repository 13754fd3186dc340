/**
 * MiniStack: AWS on this machine, on a port of its own. The first test that asks starts it, all test files of one run share it, and the run's end stops it
 * (`test-run.ts`). With `auth` it enforces IAM: what a role may not do is denied.
 */
import { spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { exclusively, isAlive } from "./lock.ts";
import { CACHE, pythonPrograms } from "./python.ts";

export interface MiniStack {
  readonly pid: number;
  readonly port: number;
  /** `http://127.0.0.1:<port>` */
  readonly endpoint: string;
  /** Where its own log is written. */
  readonly log: string;
}

export const ACCOUNT = "000000000000";
export const REGION = "us-east-1";

/** Servers that this test run started, a file each. Another run at the same time has its own. */
export const SERVERS = join(CACHE, `servers-${process.env["WINDHOVER_TEST_RUN"] ?? process.pid}`);
const fileOf = (name: string): string => join(SERVERS, `${name}.json`);

export async function ministack({ auth = false }: { readonly auth?: boolean } = {}): Promise<MiniStack> {
  const name = auth ? "ministack-auth" : "ministack";
  mkdirSync(SERVERS, { recursive: true });
  const programs = await pythonPrograms();
  return exclusively(join(SERVERS, `${name}.lock`), async () => running(name) ?? (await start(name, programs, auth)));
}

/** What a client, the CDK or the command line needs to talk to it. Nothing in it is secret. */
export function environmentOf({ endpoint }: Pick<MiniStack, "endpoint">): Record<string, string> {
  return {
    AWS_ENDPOINT_URL: endpoint,
    AWS_ENDPOINT_URL_S3: endpoint,
    AWS_ACCESS_KEY_ID: "test",
    AWS_SECRET_ACCESS_KEY: "test",
    AWS_REGION: REGION,
    AWS_DEFAULT_REGION: REGION,
    CDK_DEFAULT_ACCOUNT: ACCOUNT,
    CDK_DEFAULT_REGION: REGION,
    CDK_DISABLE_VERSION_CHECK: "1",
    AWS_EC2_METADATA_DISABLED: "true",
  };
}

function running(name: string): MiniStack | undefined {
  try {
    const server = JSON.parse(readFileSync(fileOf(name), "utf8")) as MiniStack;
    return isAlive(server.pid) ? server : undefined;
  } catch {
    return undefined;
  }
}

async function start(name: string, programs: string, auth: boolean): Promise<MiniStack> {
  const port = await freePort();
  const log = join(SERVERS, `${name}.log`);
  const out = openSync(log, "w");
  const child = spawn(join(programs, "ministack"), [], {
    detached: true,
    stdio: ["ignore", out, out],
    env: {
      ...process.env,
      // It runs the Lambdas with the first `node` that it finds: the one that runs this test.
      PATH: [dirname(process.execPath), programs, process.env["PATH"]].join(process.platform === "win32" ? ";" : ":"),
      MINISTACK_HOST: "127.0.0.1",
      BIND_HOST: "127.0.0.1",
      GATEWAY_PORT: String(port),
      // Its listener for devices would bind to all addresses.
      IOT_MTLS_ENABLED: "0",
      ...(auth && { AUTH: "true" }),
    },
  });
  child.unref();
  closeSync(out);
  const endpoint = `http://127.0.0.1:${port}`;
  const server: MiniStack = { pid: child.pid as number, port, endpoint, log };
  for (;;) {
    if (!isAlive(server.pid)) throw new Error(`MiniStack did not start:\n${readFileSync(log, "utf8")}`);
    const healthy = await fetch(`${endpoint}/_ministack/health`).then(
      (answer) => answer.ok,
      () => false,
    );
    if (healthy) break;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  writeFileSync(fileOf(name), JSON.stringify(server));
  return server;
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
