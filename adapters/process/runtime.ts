/** A backend, a worker and a client, opened together: the engine inside one process. */
import type { Code } from "../../engine/definition.ts";
import { advanceDeployment } from "../../engine/deployment.ts";
import type { WindhoverError } from "../../engine/errors.ts";
import type { Entry } from "../../engine/events.ts";
import type { Host } from "../../engine/host.ts";
import type { LogLine } from "../../engine/ports.ts";
import { shared } from "../../engine/scope.ts";
import { Changes } from "./changes.ts";
import type { PoolLimits } from "./executor.ts";
import { Succession, WarmUntilOver } from "./succession.ts";
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
  /** Where turns are taken that begin now. */
  readonly host: Host;
  /** What is loaded now. */
  readonly code: Code;
  readonly worker: Worker;
  /** Tells when a run ended in this process. */
  readonly changes: Changes;
  /** Puts other code in the place of what is loaded, at once. What runs of a task ends as it began; its flow, and all other open runs, go on with the new code. */
  load(code: Code): void;
}

/** An inline task blocks only its own run here, so it may take as long as it likes. */
const INLINE_MS = 24 * 3_600_000;

export function createRuntime(backend: PumpedBackend, options: RuntimeOptions = {}): Runtime {
  const changes = new Changes();
  const { stubs, onLog, onRun, pools, onFatal, onTurnError } = options;
  const inlineMs = options.host?.inlineMs ?? INLINE_MS;
  let code = options.code ?? shared.code;
  const onEntry = (entry: Entry): void => {
    worker.noteEntry(entry);
    options.onEntry?.(entry);
    changes.note(entry);
  };
  /** A turn has the same host from its beginning to its end. */
  const hostOf = (own: Code, warm: WarmUntilOver): Host => {
    let bridge: { readonly to: Code; readonly code: Code } | undefined;
    return {
      ports: backend.ports,
      ticksFromOutside: false,
      advanceDeployment,
      stubs,
      onLog,
      onRun,
      onEntry,
      onInline: (change, actor, call) => worker.noteInline(change, actor, call),
      ...options.host,
      warm,
      get code() {
        if (!warm.over) return own;
        if (bridge?.to !== code) bridge = { to: code, code: new Succession(own, code) };
        return bridge.code;
      },
      get inlineMs() {
        return warm.over ? 0 : inlineMs;
      },
    };
  };
  let warm = new WarmUntilOver(options.warmRuns);
  let host = hostOf(code, warm);
  const worker = new Worker(backend, host, { pools, onFatal, onTurnError });
  return {
    get host() {
      return host;
    },
    get code() {
      return code;
    },
    worker,
    changes,
    load(next) {
      code = next;
      warm.end();
      warm = new WarmUntilOver(options.warmRuns);
      host = hostOf(code, warm);
      worker.use(host);
    },
  };
}
