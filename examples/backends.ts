/**
 * The examples' tests run the same body on every backend: in memory, on virtual time; on the embedded one, whose database lies in a folder of its own; and on AWS, where
 * `WINDHOVER_TEST_STACK` names a deployed stack of `examples/index.ts` whose tasks can write to this machine's folders, as an emulator's can.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type Client, connect, type Flow, type Run, type State } from "windhover";
import { createTestHarness } from "windhover/testing";

export interface World {
  readonly client: Client;
  /** A folder that is gone after the test. */
  readonly folder: string;
  /** Waits for the run's end. In memory, time passes meanwhile. */
  finish<R>(run: Run<R>): Promise<State<R>>;
  /** Waits until the run is in a state of this type. */
  reach(run: Run<unknown>, type: State["type"]): Promise<void>;
}

/** Unit: milliseconds. */
const LOOK_MS = 20;
const deployed = process.env["WINDHOVER_TEST_STACK"];

/** `onAws`: false for what is not among the deployed examples. */
export function forEachBackend(promise: string, body: (world: World) => Promise<void>, { onAws = true }: { readonly onAws?: boolean } = {}): void {
  if (deployed !== undefined) {
    if (onAws) test(`${promise} (on AWS)`, () => inFolder(async (folder) => connected({ stack: deployed }, folder, body)));
    return;
  }
  test(`${promise} (in memory)`, () => inFolder(async (folder) => inMemory(folder, body)));
  test(`${promise} (embedded)`, () => inFolder(async (folder) => connected({ directory: join(folder, "windhover") }, folder, body)));
}

async function inFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "windhover-example-"));
  await body(folder).finally(() => rm(folder, { recursive: true, force: true }));
}

async function inMemory(folder: string, body: (world: World) => Promise<void>): Promise<void> {
  await using harness = await createTestHarness({ seed: 1 });
  const until = async (run: Run<unknown>, good: (state: State) => boolean): Promise<void> => {
    await harness.advance("0 seconds");
    while (!good(await run.state())) await harness.advance("1 second");
  };
  await body({
    client: harness.client,
    folder,
    async finish(run) {
      await until(run, isFinal);
      return run.state();
    },
    reach: (run, type) => until(run, (state) => state.type === type),
  });
}

async function connected(target: Parameters<typeof connect>[0], folder: string, body: (world: World) => Promise<void>): Promise<void> {
  const client = await connect(target);
  try {
    await body({
      client,
      folder,
      async finish(run) {
        await run.result().catch(() => undefined);
        return run.state();
      },
      async reach(run, type) {
        while ((await run.state()).type !== type) await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
      },
    });
  } finally {
    await client.close();
  }
}

const isFinal = (state: State): boolean => ["COMPLETED", "FAILED", "CANCELLED", "CRASHED"].includes(state.type);

/** Runs the flow once for each durable event, with the process dying right after it: every run has to end with this result. */
export function whereverItCrashes<P, R>(target: Flow<P, R>, parameters: P, result: R): void {
  if (deployed !== undefined) return;
  test("wherever the process dies, the run ends the same", async () => {
    await using harness = await createTestHarness({ seed: 1 });
    const states = await harness.crashEverywhere(target, parameters);
    expect(states.length).toBeGreaterThan(1);
    for (const state of states) expect(state).toMatchObject({ type: "COMPLETED", result });
  });
}
