/** The test harness: the whole engine on virtual time, with stubs for tasks, and with crashes wherever one likes. */
import { createMemoryBackend, type MemoryBackend } from "../../adapters/memory/backend.ts";
import { createRuntime, type Runtime } from "../../adapters/process/runtime.ts";
import { durationMs, WindhoverError } from "../../engine/errors.ts";
import { shared } from "../../engine/scope.ts";
import type { State } from "../../engine/state.ts";
import type { Client } from "../client-types.ts";
import type { Duration } from "../duration.ts";
import type { Flow } from "../flow.ts";
import { PortsClient } from "../ports-client.ts";
import { definitionKey, type Task } from "../task.ts";
import { crashEverywhere } from "./crashes.ts";
import { replayHistory } from "./histories.ts";
import { simulate } from "./simulation.ts";

export interface TestHarness extends AsyncDisposable {
  readonly client: Client;
  /** Puts another function in the place of a task's. */
  stub<A extends readonly unknown[], R>(target: Task<A, R>, fn: (...args: A) => R | Promise<R>): void;
  /** The arguments of each run of a task's code, in order. */
  calls<A extends readonly unknown[], R>(target: Task<A, R>): readonly A[];
  /** Lets time pass: timers fire in their order, and what follows from each happens before the next. */
  advance(duration: Duration): Promise<void>;
  /** Runs the flow once for each durable event, killing the process right before and right after that event; every run must reach the same state, by the same calls and results. */
  crashEverywhere<P, R>(target: Flow<P, R>, parameters: P): Promise<readonly State<R>[]>;
  /** Runs the flow under `seeds` random schedules of crashes, duplicates, delays and reorderings. */
  simulate<P, R>(
    target: Flow<P, R>,
    parameters: P,
    options: { readonly seeds: number; readonly firstSeed?: number },
  ): Promise<{ readonly states: readonly State<R>[]; readonly failingSeed?: number }>;
  /** The run's log: what a golden history is made of. */
  history(runId: string): Promise<readonly unknown[]>;
  /** Replays a history on the present code. @throws WH1201 when the code does not match. */
  replay<P, R>(target: Flow<P, R>, history: readonly unknown[]): Promise<State<R>>;
}

export type Stubs = Map<string, (...args: never[]) => unknown>;

/**
 * A world of its own, in memory. `now` is when it begins (default: 2026-01-01), `seed` decides everything that is random.
 * @example
 * await using h = await createTestHarness({ seed: 1 });
 * const run = await h.client.run(digest, { urls: ["a"] });
 * await h.advance("1 day");
 */
export async function createTestHarness(options: { readonly seed?: number; readonly now?: Date } = {}): Promise<TestHarness> {
  const { seed = 1, now = new Date("2026-01-01T00:00:00Z") } = options;
  const backend = createMemoryBackend({ seed, now: now.getTime() });
  const stubs: Stubs = new Map();
  const calls = new Map<string, (readonly unknown[])[]>();
  const onRun = (task: string, args: readonly unknown[]): void => {
    calls.set(task, [...(calls.get(task) ?? []), args]);
  };
  const runtime = createRuntime(backend, { stubs, onRun });
  runtime.worker.start();
  const client = clientOf(backend, runtime);
  return {
    client,
    stub: (target, fn) => void stubs.set(nameOf(target), fn as (...args: never[]) => unknown),
    calls: (target) => (calls.get(nameOf(target)) ?? []) as never,
    async advance(duration) {
      await runtime.worker.settled();
      await backend.advance(durationMs(duration), () => runtime.worker.settled());
      await runtime.worker.settled();
    },
    crashEverywhere: (target, parameters) => crashEverywhere(target, parameters, { seed, now: now.getTime(), stubs }),
    simulate: (target, parameters, { seeds, firstSeed = 1 }) => simulate(target, parameters, { seeds, firstSeed, now: now.getTime(), stubs }),
    history: (runId) => client.history(runId),
    replay: (target, history) => replayHistory(target, history),
    async [Symbol.asyncDispose]() {
      await runtime.worker.stop({ leaveTasks: true });
      await backend.close();
    },
  };
}

export function clientOf(backend: MemoryBackend, runtime: Runtime): PortsClient {
  return new PortsClient({
    ports: backend.ports,
    code: shared.code,
    changed: (actor) => runtime.changes.next(actor, new Promise(() => {})),
    close: () => runtime.worker.stop({ leaveTasks: true }),
  });
}

function nameOf(target: unknown): string {
  const definition = (target as { readonly [definitionKey]?: { readonly name: string } })[definitionKey];
  if (!definition)
    throw new WindhoverError("WH1003", {
      message: "The harness was given something that is not a task.",
      expected: "what task(…) returned",
      got: typeof target,
    });
  return definition.name;
}
