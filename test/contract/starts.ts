/** Starts in the mail: a run that was accepted is seen before anybody takes it, where the mail can be looked into. */
import { expect } from "vitest";
import type { DeploymentSettings, StartMessage } from "../../engine/messages.ts";
import type { WaitingStart } from "../../engine/ports.ts";
import { contract, type Make, type Skips, type Subject } from "./backend.ts";
import { receive } from "./mailbox.ts";
import { AWKWARD_NAME, message, NOON, runRow } from "./samples.ts";

const start = (run: string, more: Partial<StartMessage> = {}): StartMessage => ({
  kind: "start",
  id: `start:${run}:client`,
  flow: "digest",
  name: run,
  parameters: "{}",
  createdAt: NOON,
  ...more,
});
const trigger = (run: string, createdAt = NOON) => ({ kind: "trigger" as const, id: `trigger:${run}`, run, parameters: "{}", createdAt });
const settings = (flow: string): DeploymentSettings => ({ flow, schedules: [], parameters: "{}", tags: [], paused: false });

async function starts({ ports: { mailbox } }: Subject, wanted = {}): Promise<readonly WaitingStart[]> {
  return (await mailbox.starts?.(wanted)) ?? expect.fail("The mailbox cannot be looked into.");
}
const runs = async (subject: Subject, wanted = {}): Promise<readonly string[]> =>
  (await starts(subject, wanted)).map(({ actor, message: sent }) => (sent.kind === "start" ? actor.slice(4) : sent.run)).toSorted();

export function startsContract(make: Make, skips: Skips = {}): void {
  contract("starts", make, skips, (check) => {
    check("none wait in an empty mailbox, nor in other mail", async (subject) => {
      expect(await starts(subject)).toEqual([]);
      for (const actor of ["run:a", "deployment:a", "limit:a"]) await subject.ports.mailbox.send(actor, message("1"));
      expect(await starts(subject)).toEqual([]);
    });

    check("a start waits as it was sent until it is acknowledged, also in somebody's hand and after a death", async (subject) => {
      await subject.ports.mailbox.send(`run:${AWKWARD_NAME}`, start(AWKWARD_NAME, { tags: ["a"], parameters: '{"n":1}' }));
      const all = [{ actor: `run:${AWKWARD_NAME}`, message: start(AWKWARD_NAME, { tags: ["a"], parameters: '{"n":1}' }) }];
      expect(await starts(subject)).toEqual(all);
      await receive(subject, 1);
      expect(await starts(subject)).toEqual(all);
      const next = await subject.reopen();
      expect(await starts(next)).toEqual(all);
      await next.ports.mailbox.acknowledge(await receive(next, 1));
      expect(await starts(next)).toEqual([]);
    });

    check("a run with a row waits no more", async (subject) => {
      await subject.ports.mailbox.send("run:a", start("a"));
      await subject.ports.mailbox.send("deployment:nightly", trigger("b"));
      expect(await runs(subject)).toEqual(["a", "b"]);
      await subject.ports.index.putRun(runRow("a"));
      await subject.ports.index.putRun(runRow("b"));
      await subject.ports.index.run("a");
      expect(await runs(subject)).toEqual([]);
      expect([...(await runs(subject, { run: "a" })), ...(await runs(subject, { run: "b" }))]).toEqual([]);
    });

    check("one is found by its run, and all by their time", async (subject) => {
      for (const [i, run] of ["a", "ab", "b"].entries()) await subject.ports.mailbox.send(`run:${run}`, start(run, { createdAt: NOON + i }));
      for (const [i, run] of ["t", "u"].entries()) await subject.ports.mailbox.send("deployment:d", trigger(run, NOON + i));
      expect(await runs(subject, { run: "a" })).toEqual(["a"]);
      expect(await runs(subject, { run: "u" })).toEqual(["u"]);
      expect(await runs(subject, { run: "c" })).toEqual([]);
      expect(await runs(subject, { until: NOON + 1 })).toEqual(["a", "ab", "t", "u"]);
      expect(await runs(subject, { until: NOON })).toEqual(["a", "t"]);
    });

    check("a trigger says what its deployment was told to be, where that waits in the same mail", async (subject) => {
      const configure = (flow: string) => ({ kind: "configure" as const, id: `configure:${flow}`, revision: flow, settings: settings(flow) });
      await subject.ports.mailbox.send("deployment:d", configure("old"));
      await subject.ports.mailbox.send("deployment:d", configure("digest"));
      await subject.ports.mailbox.send("deployment:d", trigger("a"));
      await subject.ports.mailbox.send("deployment:e", trigger("b"));
      expect(await starts(subject, { run: "a" })).toMatchObject([{ actor: "deployment:d", message: trigger("a"), settings: settings("digest") }]);
      expect((await starts(subject, { run: "b" }))[0]?.settings).toBeUndefined();
    });

    check("what one process sends another sees", async (subject) => {
      const other = await subject.beside();
      await other.ports.mailbox.send("run:a", start("a"));
      expect(await runs(subject)).toEqual(["a"]);
    });
  });
}
