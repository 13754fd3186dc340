/**
 * Processes of a deployed stack are killed in the middle of what they do: turns, inline tasks, tasks of a queue, pieces of a map, turns of subflows. What is killed next follows from
 * the seed, and when from what the tasks say that they do. WINDHOVER_SEED=… plays a choice again.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { GetQueueAttributesCommand } from "@aws-sdk/client-sqs";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createClients } from "../../../adapters/aws/clients.ts";
import { type OpenedStack, openResources } from "../../../adapters/aws/open.ts";
import { decode } from "../../../engine/codec.ts";
import type { Payload, RunEvent } from "../../../engine/events.ts";
import { runActor } from "../../../engine/messages.ts";
import { Sequence } from "../../../engine/sequence.ts";
import { type DeployedStack, deploy } from "../cdk.ts";
import { environmentOf, ministack } from "../ministack.ts";
import { missingPython } from "../python.ts";
import { noticeDeathsWithin } from "../short-visibility.ts";
import { CrashFile } from "./crash-file.ts";
import type { Line } from "./crash-flows.ts";

const missing = process.env["CI"] ? undefined : missingPython();
const NAME = "Kills";
/** What is killed, in turn: a process that takes turns, whatever it does, or the one that runs such a task. */
const VICTIMS = ["turn", "inline", "queued", "mapped", "below"] as const;
const KILLS = 32;
/** Each run again and again, as long as there is something to kill; two at once. `n` as their parameter. */
const SIZES = { chain: 8, "by-queue": 4, fan: 8, map: 40, family: 3 } as const;
/** A message of a process that died comes back after so long. Unit: seconds. */
const VISIBILITY_SECONDS = 8;
const PATIENCE_MS = 240_000;

interface Done {
  readonly flow: keyof typeof SIZES;
  readonly id: string;
  readonly tokens: readonly string[];
  /** How many processes were killed meanwhile, and how many of them take turns. */
  readonly kills: number;
  readonly killedTurns: number;
}

describe.skipIf(missing !== undefined)(`processes that are killed${missing === undefined ? "" : ` (${missing})`}`, () => {
  const seed = process.env["WINDHOVER_SEED"] ?? String(Date.now());
  const chosen = new Sequence(seed);
  const pick = (n: number): number => chosen.word() % n;
  const folder = mkdtempSync(join(tmpdir(), "windhover-kills-"));
  const file = join(folder, "tasks");
  const killed = new Map<number, string>();
  const runs: Done[] = [];
  let stack: DeployedStack;
  let opened: OpenedStack;
  let tasks: CrashFile;

  beforeAll(async () => {
    const server = await ministack({ auth: true });
    Object.assign(process.env, environmentOf(server));
    writeFileSync(file, "");
    const entry = fileURLToPath(new URL("./crash-flows.ts", import.meta.url));
    const pools = { default: { timeoutSeconds: 60 }, short: { timeoutSeconds: 60 } };
    stack = await deploy(server, NAME, { entry, pools, environment: { CRASH_FILE: file } }, noticeDeathsWithin(VISIBILITY_SECONDS));
    opened = openResources(stack.resources, createClients());
    tasks = new CrashFile(file);
    console.log(`WINDHOVER_SEED=${seed}; deployed in ${(stack.ms / 1000).toFixed(1)} s`);
  });
  // A seed fixes what is killed next, not when what it was at came about: the same choices may have to be played more than once.
  beforeEach(({ onTestFailed }) => {
    onTestFailed(() => console.error(`Alone, with the same choices: WINDHOVER_SEED=${seed} npx vitest run --project "on AWS" test/aws/e2e/kills.test.ts`));
  });
  afterAll(async () => {
    tasks?.close();
    await opened?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** A run of the flow, one after the other, until enough was killed. */
  async function keepRunning(flow: keyof typeof SIZES): Promise<void> {
    do {
      const before = { kills: killed.size, turns: killedTurns() };
      const run = await opened.client.run(flow, { n: SIZES[flow] } as never);
      const tokens = (await run.result()) as string[];
      runs.push({ flow, id: run.id, tokens, kills: killed.size - before.kills, killedTurns: killedTurns() - before.turns });
    } while (killed.size < KILLS);
  }

  const killedTurns = (): number => [...killed.values()].filter((victim) => victim !== "queued" && victim !== "mapped").length;

  /** Kills processes, one after the other. Which it was that ran a task is known from what the task said. */
  async function kill(): Promise<void> {
    for (let i = 0; killed.size < KILLS; i++) {
      const victim = VICTIMS[i % VICTIMS.length] as (typeof VICTIMS)[number];
      const line = await tasks.next(({ what, task }) => what === "begin" && (victim === "turn" || task === victim), pick(3));
      const pid = victim === "turn" ? processes("orchestrator")[0] : line.pid;
      if (pid === undefined || killed.has(pid)) continue;
      try {
        process.kill(pid, "SIGKILL");
        killed.set(pid, victim);
      } catch {
        // It has ended by itself meanwhile.
      }
    }
  }

  /** Those of the server's workers that run this function, in an order that the seed decides. */
  function processes(part: string): number[] {
    const lines = execFileSync("ps", ["-eo", "pid=,ppid=,args="], { encoding: "utf8" }).split("\n");
    const pids = lines.flatMap((line) => {
      const [, pid, parent, command = ""] = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line) ?? [];
      return Number(parent) === stack.server.pid && command.includes(`-${NAME}-${part}-`) ? [Number(pid)] : [];
    });
    const first = pick(Math.max(1, pids.length));
    return [...pids.slice(first), ...pids.slice(0, first)];
  }

  /** What the log has as results, in order: of calls, and of a map's items. */
  async function recorded(run: string): Promise<{ readonly calls: readonly string[]; readonly tokens: readonly string[] }> {
    const read = async (value: Payload | undefined): Promise<unknown> =>
      value === undefined ? undefined : decode(typeof value === "string" ? value : await opened.ports.results.get(value.ref));
    const calls: string[] = [];
    const tokens: unknown[] = [];
    for (const { events } of await opened.ports.log.read(runActor(run)))
      for (const event of events as readonly RunEvent[])
        if (event.type === "settled") {
          calls.push(event.call);
          expect(event.ok, `${run}: ${event.call} succeeded`).toBe(true);
          if (event.ok) tokens.push(await read(event.value));
        } else if (event.type === "items") tokens.push(await read(event.value));
    return { calls, tokens: tokens.flat(2).filter((token) => typeof token === "string") };
  }

  async function deadLetters(): Promise<number> {
    const { mailbox, pools } = stack.resources;
    const clients = createClients();
    const counts = [mailbox, ...Object.values(pools)].map(async ({ deadLettersUrl: QueueUrl }) => {
      const { Attributes } = await clients.sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ["ApproximateNumberOfMessages"] }));
      return Number(Attributes?.ApproximateNumberOfMessages);
    });
    return (await Promise.all(counts)).reduce((a, b) => a + b, 0);
  }

  test(
    `${KILLS} kills: every run ends right, and each recorded result is used once`,
    async () => {
      const flows = Object.keys(SIZES) as (keyof typeof SIZES)[];
      await Promise.all([kill(), ...[...flows, ...flows].map(keepRunning)]);
      for (const { flow, id, tokens } of runs) {
        const n = SIZES[flow];
        const numbers = Array.from({ length: flow === "family" ? 2 * n : n }, (_, i) => i);
        expect(
          tokens.map((token) => Number(token.split("/")[0])),
          `${flow} ${id}`,
        ).toEqual(numbers);
        const { calls, tokens: used } = await recorded(id);
        expect(new Set(calls).size, `each call of ${flow} ${id} has one result`).toBe(calls.length);
        expect([...used].sort(), `what ${flow} ${id} recorded is what it used`).toEqual([...tokens].sort());
      }
      expect(await deadLetters(), "messages of innocents among the dead letters").toBe(0);
      const counts = VICTIMS.map((victim) => `${[...killed.values()].filter((each) => each === victim).length} ${victim}`);
      console.log(`WINDHOVER_SEED=${seed}: ${killed.size} kills (${counts.join(", ")}), ${runs.length} runs, ${tasks.lines.length} lines`);
    },
    PATIENCE_MS,
  );

  test("only what was in flight in a process that was killed has run again", () => {
    const begun = tasks.lines.filter(({ what }) => what === "begin");
    const used = new Set(runs.flatMap(({ tokens }) => tokens));
    const runOf = new Map(runs.flatMap((run) => run.tokens.map((token) => [token, run] as const)));
    for (const [call, lines] of byCall(begun)) {
      const survivors = lines.filter(({ pid }) => !killed.has(pid));
      // A turn that was killed after it had sent its tasks' messages sends them once more (rule 12): each copy may run.
      const copies = 1 + (lines.map(({ token }) => runOf.get(token)).find((run) => run)?.killedTurns ?? 0);
      expect(survivors.length, `${call} ran in processes that were not killed, after ${lines.length - survivors.length} in such that were`).toBeLessThanOrEqual(
        copies,
      );
      expect(lines.filter(({ token }) => used.has(token)).length, `results of ${call} that were used`).toBe(1);
    }
    // One task after the other: a kill costs the execution that was in flight, and may send its message twice.
    const owners = new Map(begun.flatMap(({ run, token }) => (runOf.has(token) ? [[run, runOf.get(token) as Done] as const] : [])));
    for (const run of runs.filter(({ flow }) => flow === "chain" || flow === "by-queue" || flow === "family")) {
      const lost = begun.filter((line) => owners.get(line.run) === run && !used.has(line.token));
      expect(lost.length, `executions of ${run.flow} ${run.id} of which nothing came, after ${run.kills} kills`).toBeLessThanOrEqual(2 * run.kills);
    }
  });
});

function byCall(lines: readonly Line[]): Map<string, Line[]> {
  const calls = new Map<string, Line[]>();
  for (const line of lines) {
    const key = `${line.run} ${line.call}`;
    calls.set(key, [...(calls.get(key) ?? []), line]);
  }
  return calls;
}
