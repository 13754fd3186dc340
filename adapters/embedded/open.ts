/** The embedded backend with a worker and a client: the whole engine in this process. */
import type { Code } from "../../engine/definition.ts";
import { shared } from "../../engine/scope.ts";
import { PortsClient } from "../../sdk/ports-client.ts";
import { createRuntime, type Runtime, type RuntimeOptions } from "../process/runtime.ts";
import { type EmbeddedBackend, openEmbedded } from "./backend.ts";
import { type Retention, sweepHourly } from "./retention.ts";

export interface OpenOptions extends RuntimeOptions {
  readonly directory?: string;
  /** Prints what happens, a line each, to the standard error. */
  readonly narrate?: boolean;
  /** False: look and send messages, but run nothing here. */
  readonly work?: boolean;
  /** What ended longer ago is deleted, now and once an hour. Default: nothing is. */
  readonly retention?: Retention;
}
export interface OpenedEmbedded {
  readonly backend: EmbeddedBackend;
  readonly runtime: Runtime;
  readonly client: PortsClient;
  readonly code: Code;
}

/** How often a client looks at a run that another process may be working on. Unit: milliseconds. */
const LOOK_MS = 100;

export async function openRuntime(options: OpenOptions = {}): Promise<OpenedEmbedded> {
  const backend = await openEmbedded({ directory: options.directory });
  const code = options.code ?? shared.code;
  const told = options.narrate ? await narrated(options) : options;
  const runtime = createRuntime(backend, { ...told, code });
  if (options.work !== false) runtime.worker.start();
  const { clock } = backend.ports;
  const { retention } = options;
  const stopSweeping = retention && options.work !== false ? sweepHourly(() => backend.sweep(retention), clock) : undefined;
  // One wait serves all who look within it.
  let look: Promise<void> | undefined;
  const soon = (): Promise<void> => {
    look ??= clock.wait(LOOK_MS).then(() => {
      look = undefined;
    });
    return look;
  };
  /** What ends here is told; what ends elsewhere can only be found after another process has committed, and until then nobody reads. */
  const changed = async (actor: string): Promise<void> => {
    const seen = backend.foreignCommits();
    let ended = false;
    while (!ended && backend.foreignCommits() === seen) ended = await runtime.changes.next(actor, soon());
  };
  const client = new PortsClient({
    ports: backend.ports,
    get code() {
      return runtime.code;
    },
    changed,
    ended: (actor) => runtime.changes.ended(actor),
    close: async () => {
      stopSweeping?.();
      if (options.work !== false) await runtime.worker.stop();
      await backend.close();
    },
  });
  return { backend, runtime, client, code };
}

/** Prints what happens beside telling whoever listens already. */
async function narrated(options: OpenOptions): Promise<OpenOptions> {
  const { Printer } = await import("./printer.ts");
  const printer = new Printer();
  return {
    ...options,
    onEntry: (entry) => {
      printer.entry(entry);
      options.onEntry?.(entry);
    },
    onLog: (line) => {
      printer.log(line);
      options.onLog?.(line);
    },
  };
}
