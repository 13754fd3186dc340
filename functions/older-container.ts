/**
 * A task of a run that began on another build runs on that build (rule 34), in a process of its own beside the container's: it is handed the one message, reports what comes of
 * it, and ends. Whoever received the message holds it meanwhile, and deletes it only when that process has done its work.
 *
 * What the two agree on is as old as the oldest build that is kept: {@link HANDED_VARIABLE} is set, the message is the standard input as JSON, and status 0 means that all of it is
 * reported.
 */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BUILD_VARIABLE } from "../adapters/aws/stack.ts";
import { WindhoverError } from "../engine/errors.ts";
import type { TaskMessage } from "../engine/ports.ts";
import { readBuild } from "./builds.ts";
import type { FunctionHost } from "./host.ts";

/** Set in a process that another build's container has started. */
export const HANDED_VARIABLE = "WINDHOVER_HANDED";

/** False when that build is no longer kept. @throws WH3135 when its process did not report all of it. */
export type RunElsewhere = (build: string, message: TaskMessage, stop: AbortSignal) => Promise<boolean>;

export function olderContainers(parts: Pick<FunctionHost, "clients" | "stack">): RunElsewhere {
  /** By build: the file with its code, or null where there is none. */
  const files = new Map<string, Promise<string | null>>();
  const fileOf = (build: string): Promise<string | null> => {
    const known = files.get(build) ?? fetchCode(build);
    files.set(build, known);
    // A look that failed is made again for the next message.
    known.catch(() => files.delete(build));
    return known;
  };
  const fetchCode = async (build: string): Promise<string | null> => {
    const code = await readBuild(parts, build);
    if (code === null) return null;
    const file = join(await mkdtemp(join(tmpdir(), "windhover-")), `${build}.mjs`);
    await writeFile(file, code);
    return file;
  };
  return async (build, message, stop) => {
    const file = await fileOf(build);
    if (file === null) return false;
    await runFile(file, build, message, stop);
    return true;
  };
}

async function runFile(file: string, build: string, message: TaskMessage, stop: AbortSignal): Promise<void> {
  const env = { ...process.env, [BUILD_VARIABLE]: build, [HANDED_VARIABLE]: "1" };
  const child = spawn(process.execPath, [file], { env, stdio: ["pipe", "inherit", "inherit"] });
  // Only the first process of a container is asked to end.
  const end = (): void => void child.kill("SIGTERM");
  if (stop.aborted) end();
  else stop.addEventListener("abort", end, { once: true });
  // A process that ends before it has read everything says so by its status.
  child.stdin?.on("error", () => {});
  child.stdin?.end(JSON.stringify(message));
  const got = await new Promise<string | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (status, signal) => resolve(status === 0 ? null : signal === null ? `status ${status}` : `the signal ${signal}`));
  }).finally(() => stop.removeEventListener("abort", end));
  if (got === null) return;
  throw new WindhoverError("WH3135", { message: `The process of build ${build} ended with ${got}.`, expected: "status 0, when all is reported", got });
}

/** The message that this process was started for, if another build's container has started it. */
export function handedMessage(): TaskMessage | undefined {
  return process.env[HANDED_VARIABLE] === undefined ? undefined : (JSON.parse(readFileSync(0, "utf8")) as TaskMessage);
}
