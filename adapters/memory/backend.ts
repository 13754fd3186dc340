/** The ports in memory, on virtual time: for tests, for simulation, and to measure the engine alone. */
import type { Ports } from "../../engine/ports.ts";
import { memoryAborts } from "./aborts.ts";
import { memoryClaims } from "./claims.ts";
import { memoryClock, type Settle } from "./clock.ts";
import { memoryEvents } from "./events.ts";
import { memoryIndex } from "./index-rows.ts";
import { Life } from "./life.ts";
import { memoryLog } from "./log.ts";
import { memoryLogs } from "./logs.ts";
import { memoryInbox, memoryMailbox } from "./mailbox.ts";
import { memoryRandom } from "./random.ts";
import { memoryRegistry, memorySecrets } from "./registry.ts";
import { memoryResults } from "./results.ts";
import { createSignal, type Signals } from "./signals.ts";
import { createMemoryState, type MemoryState, returnInHand } from "./state.ts";
import { memoryTasks } from "./tasks.ts";
import { memoryTimers } from "./timers.ts";

export type MemoryOptions =
  /** A new world. `now` in milliseconds since 1970. */
  | { readonly now?: number; readonly seed?: number; readonly state?: undefined }
  /**
   * A process over a world that is there. What others have in hand is given back, as after their death; or it is `"kept"`, for a second process beside them.
   */
  | { readonly state: MemoryState; readonly inHand?: "returned" | "kept" };

export interface MemoryBackend {
  readonly ports: Ports;
  readonly state: MemoryState;
  readonly signals: Signals;
  /** Lets time pass for all processes over the state: see {@link VirtualClock.advance}. Unit: milliseconds. */
  advance(ms: number, settle?: Settle): Promise<void>;
  /**
   * The process ends, well or by a crash. Every later call of its ports is refused (WH3008), its waits never end, its watches never fire, and what it had in
   * hand is delivered again, with a higher receive count. The state stays.
   */
  close(): Promise<void>;
}

/**
 * @example
 * const first = createMemoryBackend({ seed: 7 });
 * await first.close(); // it crashed
 * const second = createMemoryBackend({ state: first.state });
 */
export function createMemoryBackend(options: MemoryOptions = {}): MemoryBackend {
  const state = options.state ?? createMemoryState(options);
  if (options.state !== undefined && options.inHand !== "kept") returnInHand(state);
  state.processes += 1;
  const life = new Life(state.processes);
  const signals: Signals = { mail: createSignal(), tasks: createSignal() };
  life.onEnd(state.mail.listeners.add(signals.mail));
  life.onEnd(state.tasks.listeners.add(signals.tasks));
  // A process that starts looks once, whether or not something happens: there may be mail from before.
  signals.mail.raise();
  signals.tasks.raise();
  const ports: Ports = {
    log: life.guard(memoryLog(state.logs)),
    mailbox: life.guard(memoryMailbox(state.mail, (run) => state.index.runs.has(run))),
    inbox: life.guard(memoryInbox(state.mail, life.holder)),
    tasks: life.guard(memoryTasks(state.tasks, life.holder)),
    claims: life.guard(memoryClaims(state.claims)),
    aborts: memoryAborts(state.aborts, life),
    timers: life.guard(memoryTimers(state.timers, state.clock, state.mail)),
    results: life.guard(memoryResults(state.results)),
    index: life.guard(memoryIndex(state.index)),
    registry: life.guard(memoryRegistry(state.registry, state.clock)),
    secrets: life.guard(memorySecrets(state.secrets)),
    logs: life.guard(memoryLogs(state.lines)),
    events: life.guard(memoryEvents(state.events)),
    clock: memoryClock(state.clock, life),
    random: memoryRandom(state.random),
  };
  return {
    ports,
    state,
    signals,
    advance: (ms, settle) => state.clock.advance(ms, settle),
    async close() {
      if (!life.open) return;
      life.end();
      returnInHand(state, life.holder);
    },
  };
}
