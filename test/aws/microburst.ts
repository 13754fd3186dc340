/** microburst: stands between the SDK and MiniStack, and answers some requests as AWS does on a bad day. */
import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { freePort, type MiniStack } from "./ministack.ts";
import { pythonPrograms } from "./python.ts";

export interface Fault {
  /** Such as `sqs`; every service without it. */
  readonly service?: string;
  /** Such as `SendMessageBatch`; all of the service's without it. */
  readonly operation?: string;
  /** Only requests with such headers. */
  readonly headers?: Readonly<Record<string, string>>;
  /** 0 to 1. Default: 1. */
  readonly probability?: number;
  readonly error?: { readonly code: string; readonly status: number };
  /** It takes so much longer. Unit: milliseconds. */
  readonly latency?: { readonly min: number; readonly max: number };
  /** The connection is cut before anything is done. */
  readonly reset?: true;
  /** It is done, and the connection is cut after so much of the answer. */
  readonly response?: { readonly abort_bytes: number };
}

export interface BadDay {
  readonly endpoint: string;
  /** From now on these, and no others. */
  faults(faults: readonly Fault[]): Promise<void>;
  end(): void;
}

export async function microburst({ endpoint: upstream }: Pick<MiniStack, "endpoint">): Promise<BadDay> {
  const port = await freePort();
  const program = join(await pythonPrograms(), "microburst");
  const child: ChildProcess = spawn(program, ["--upstream", upstream, "--host", "127.0.0.1", "--port", String(port)], { stdio: "ignore" });
  const endpoint = `http://127.0.0.1:${port}`;
  const ask = (path: string, init?: RequestInit): Promise<boolean> =>
    fetch(`${endpoint}/_microburst/${path}`, init).then(
      ({ ok }) => ok,
      () => false,
    );
  while (!(await ask("health"))) {
    if (child.exitCode !== null) throw new Error(`microburst did not start: it ended with ${child.exitCode}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return {
    endpoint,
    async faults(faults) {
      const taken = await ask("rules", { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(faults) });
      if (!taken) throw new Error("microburst did not take the faults.");
    },
    end: () => void child.kill(),
  };
}
