/** A backend, a worker and a client, opened together: the engine inside one process. */
import type { Code } from "../../engine/definition.ts";
import { advanceDeployment } from "../../engine/deployment.ts";
import type { WindhoverError } from "../../engine/errors.ts";
import type { Entry } from "../../engine/events.ts";
import type { LogLine } from "../../engine/ports.ts";
import { shared } from "../../engine/scope.ts";
import type { Host } from "../../engine/turn.ts";
import { Warm } from "../../engine/warm.ts";
import { Changes } from "./changes.ts";
import type { PoolLimits } from "./executor.ts";
import { type PumpedBackend, Worker } from "./worker.ts";

export interface RuntimeOptions {
  readonly code?: Code;
  readonly pools?: PoolLimits;
  readonly stubs?: ReadonlyMap<string, (...args: never[]) => unknown>;
  readonly warmRuns?: number;
  readonly onEntry?: (entry: Entry) => void;
  readonly onLog?: (line: LogLine) => void;
  readonly onRun?: Host["onRun"];
  readonly onFatal?: (error: WindhoverError) => void;
  readonly onTurnError?: (actor: string, error: unknown) => void;
  /** What is otherwise so only where functions take the turns: a build among several, bounded time, rows that are paid for; or where somebody watches. */
  readonly host?: Partial<Pick<Host, "build" | "handOn" | "inlineMs" | "lateRows" | "onAnswer" | "ticksFromOutside" | "timeLeft">>;
}

export interface Runtime {
  readonly host: Host;
  readonly worker: Worker;
  /** Tells when a run ended in this process. */
  readonly changes: Changes;
}

/** An inline task blocks only its own run here, so it may take as long as it likes. */
const INLINE_MS = 24 * 3_600_000;

export function createRuntime(backend: PumpedBackend, options: RuntimeOptions = {}): Runtime {
  const changes = new Changes();
  const { code = shared.code, stubs, onLog, onRun, pools, onFatal, onTurnError } = options;
  const onEntry = (entry: Entry): void => {
    worker.noteEntry(entry);
    options.onEntry?.(entry);
    changes.note(entry);
  };
  const host: Host = {
    ports: backend.ports,
    code,
    warm: new Warm(options.warmRuns),
    inlineMs: INLINE_MS,
    ticksFromOutside: false,
    advanceDeployment,
    stubs,
    onLog,
    onRun,
    onEntry,
    onInline: (change, actor, call) => worker.noteInline(change, actor, call),
    ...options.host,
  };
  const worker = new Worker(backend, host, { pools, onFatal, onTurnError });
  return { host, worker, changes };
}
