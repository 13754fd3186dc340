import { flow, log, runContext, task } from "windhover";
import * as z from "zod";

/**
 * The first attempt takes its own process down, when it is told to. The run does not notice much: the next process that opens the directory sees an attempt that never
 * ended, and runs it again. `crashRetries` bounds how often; it is apart from `retries`, which counts what a task throws.
 */
const fragile = task({ name: "fragile", crashRetries: 2 }, async (step: number, crash: boolean) => {
  const { attempt = 1, idempotencyKey = "" } = runContext().task ?? {};
  if (crash && attempt === 1) {
    log.warn(`step ${step} takes the process down`);
    // A moment for the line to be written.
    setTimeout(() => process.kill(process.pid, "SIGKILL"), 50);
    await new Promise(() => {});
  }
  log.info(`step ${step} runs`, { attempt, idempotencyKey });
  return step;
});

export const sturdy = flow(
  { name: "sturdy", parameters: z.object({ steps: z.int().min(1).default(5), crashAt: z.int().default(-1).describe("The step that kills the process") }) },
  async ({ steps, crashAt }) => {
    const done: number[] = [];
    for (let step = 0; step < steps; step++) done.push(await fragile(step, step === crashAt));
    return done;
  },
);
