import { expect, test } from "vitest";
import { continueAsNew, flow, log, task } from "windhover";
import * as z from "zod";
import type { Printer } from "../../adapters/embedded/printer.ts";
import { Follower } from "../../cli/follow.ts";
import type { Entry } from "../../engine/events.ts";
import type { LogLine, Logs } from "../../engine/ports.ts";
import { served } from "../server/served.ts";

const say = task({ name: "follow-say" }, async (n: number) => {
  log.info(`task ${n}`);
  return n + 1;
});
const loop = flow({ name: "follow-loop", parameters: z.object({ n: z.number() }) }, async ({ n }) => {
  const next = await say(n);
  log.info(`flow ${n}`);
  if (next < 3) continueAsNew({ n: next });
  return next;
});

/** What is read after a line of another run is nothing, as it is where a line is looked for by its run. */
const strict = (logs: Logs): Logs => ({
  ...logs,
  read: async (run, options) => {
    const lines = await logs.read(run);
    return options?.after !== undefined && !lines.some(({ id }) => id === options.after) ? [] : logs.read(run, options);
  },
});

test("the lines of a run that another goes on as were not shown", async () => {
  const s = await served();
  const { id } = await s.client.run(loop, { n: 0 });
  await s.settled();
  const told: string[] = [];
  const printer = {
    entry: ({ events }: Entry) => void told.push(...events.flatMap((event) => (event.type === "continued" ? ["continued"] : []))),
    log: ({ message }: LogLine) => void told.push(message),
    release: () => {},
  } as unknown as Printer;
  const ports = { ...s.client.ports, logs: strict(s.client.ports.logs) };
  const follower = new Follower({ ports, changed: async () => {}, printer: () => printer, status: false });
  const { run, state } = await follower.follow(id, new AbortController().signal);
  expect([run === id, state?.row.name]).toEqual([false, "Completed"]);
  expect(told.filter((text) => text !== "continued")).toEqual(["task 0", "flow 0", "task 1", "flow 1", "task 2", "flow 2"]);
  await s.close();
});
