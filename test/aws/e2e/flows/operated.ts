import { appendFile, readFile } from "node:fs/promises";
import { flow, log, runContext, runInput, Secret, sleep, task, waitForInput } from "windhover";
import * as z from "zod";

const add = task({ name: "add" }, async (n: number) => {
  log.info("adding", { n });
  return n + 1;
});
export const sum = flow({ name: "sum", parameters: z.object({ n: z.number() }) }, async ({ n }) => {
  if (n > 100) throw new Error("too much");
  return { sum: await add(n) };
});

const SignOff = runInput({ name: "sign-off", schema: z.object({ yes: z.boolean() }) });
export const asking = flow({ name: "asking", parameters: z.object({}) }, async () => {
  const { yes } = await waitForInput(SignOff);
  return yes ? "signed" : "refused";
});

const tell = (file: string, line: string): Promise<void> => appendFile(file, `${line}\n`);

/** Says in the file when it begins and when it is told to stop, and ends only then. */
const watch = task({ name: "watch", crashRetries: 0 }, async (file: string) => {
  const { signal } = runContext().task ?? {};
  const stopped = new Promise<void>((resolve) => signal?.addEventListener("abort", () => resolve(), { once: true }));
  await tell(file, "began");
  // A promise alone keeps no process alive.
  const alive = setInterval(() => {}, 1000);
  await stopped;
  clearInterval(alive);
  await tell(file, "stopped");
});
const cleanUp = task({ name: "clean-up" }, (file: string) => tell(file, "cleaned up"));
export const watching = flow({ name: "watching", parameters: z.object({ file: z.string() }) }, async ({ file }) => {
  try {
    await watch(file);
  } finally {
    await cleanUp(file);
  }
});

/** One after the other, each as soon as its file is there. */
const step = task({ name: "step", retries: 1000, retryDelaySeconds: 0.1 }, async (file: string) => (await readFile(file, "utf8")).trim());
export const stepping = flow({ name: "stepping", parameters: z.object({ folder: z.string() }) }, async ({ folder }) => {
  const first = await step(`${folder}/first`);
  return [first, await step(`${folder}/second`)];
});

/** Short steps, one after the other: there is time to pause in between. */
const pace = task({ name: "pace" }, (n: number) => new Promise<number>((resolve) => setTimeout(() => resolve(n), 200)));
export const pacing = flow({ name: "pacing", parameters: z.object({ steps: z.number() }) }, async ({ steps }) => {
  for (let n = 0; n < steps; n++) await pace(n);
  return steps;
});

const find = task({ name: "find" }, async (file: string) => readFile(file, "utf8"));
const counted = task({ name: "counted" }, async (file: string) => {
  await tell(file, "counted");
  return 1;
});
export const repaired = flow({ name: "repaired", parameters: z.object({ folder: z.string() }) }, async ({ folder }) => {
  const count = await counted(`${folder}/counted`);
  return { count, found: await find(`${folder}/found`) };
});

export const dozing = flow({ name: "dozing", parameters: z.object({}) }, async () => {
  await sleep("1 hour");
});

/** Uses the secret, and tries to let it out. */
const unlock = task({ name: "unlock" }, async (name: string) => {
  const key = await Secret.load(name);
  log.info(`unlocked with ${key.get()}`, { key, text: `Bearer ${key.get()}` });
  return key.get().length;
});
export const unlocking = flow({ name: "unlocking", parameters: z.object({ name: z.string() }) }, async ({ name }) => unlock(name));
