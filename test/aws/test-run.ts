/** Around a whole test run: gives it a name, and stops the servers that it started, with the processes that run their Lambdas. */
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";

export function setup(): void {
  process.env["WINDHOVER_TEST_RUN"] ??= String(process.pid);
}

export async function teardown(): Promise<void> {
  const { SERVERS } = await import("./ministack.ts");
  if (!existsSync(SERVERS)) return;
  for (const file of readdirSync(SERVERS).filter((name) => name.endsWith(".json"))) {
    const { pid } = JSON.parse(readFileSync(join(SERVERS, file), "utf8")) as { readonly pid: number };
    try {
      // A server leads a process group of its own.
      process.kill(-pid, "SIGKILL");
    } catch {}
  }
  rmSync(SERVERS, { recursive: true, force: true });
}
