/** A flow that an ordinary script calls runs on the embedded backend: it prints its log, returns its result, and shows up in `windhover runs ls`. No server has to be up. */
import type { FlowDefinition } from "../engine/definition.ts";
import type { FlowOverrides } from "../engine/events.ts";
import { CallFuture } from "../engine/future.ts";
import { hash } from "../engine/hash.ts";
import type { State } from "../engine/state.ts";

export interface ScriptOptions {
  readonly overrides: Readonly<Record<string, unknown>>;
  readonly tags?: readonly string[];
}

type Opened = Awaited<ReturnType<typeof open>>;
const key = Symbol.for("windhover.script");
const holder = globalThis as unknown as Record<symbol, Promise<Opened> | undefined>;

/** Loaded on the first call: a program that only defines flows opens no database. */
async function open(): Promise<import("../adapters/embedded/open.ts").OpenedEmbedded> {
  const { openRuntime } = await import("../adapters/embedded/open.ts");
  const opened = await openRuntime({ directory: process.env["WINDHOVER_DIRECTORY"], narrate: process.env["WINDHOVER_LOG"] !== "off" });
  // Everything that the backend waits on is unref'ed, so the program ends when its own work does.
  process.once("beforeExit", () => {
    holder[key] = undefined;
    void opened.client.close();
  });
  return opened;
}

export function runAsScript(definition: FlowDefinition, parameters: unknown, { overrides, tags }: ScriptOptions): CallFuture<unknown> {
  const id = hash(globalThis.crypto.randomUUID()).slice(0, 16);
  // Keeps the program alive while the run goes on, however long it sleeps.
  const alive = setInterval(() => {}, 1 << 30);
  const started = (async () => {
    holder[key] ??= open();
    const { client, code } = await holder[key];
    code.flows.set(definition.name, definition);
    return client.start(definition, parameters, {
      id,
      ...(tags && { tags }),
      ...(Object.keys(overrides).length > 0 && { overrides: overrides as FlowOverrides }),
    });
  })();
  const result = started.then((run) => run.result()).finally(() => clearInterval(alive));
  let looked = false;
  const handle = {
    id,
    observe: (): void => {
      looked = true;
    },
    state: async (): Promise<State<never>> => {
      looked = true;
      await result.catch(() => {});
      return (await (await started).state()) as State<never>;
    },
  };
  const future = new CallFuture<unknown>(handle, (resolve, reject) => void result.then(resolve, reject));
  // A failure that the script never looks at has to end it with an error, as any promise's would.
  result.catch((error) => setImmediate(() => looked || void Promise.reject(error)));
  return future;
}
