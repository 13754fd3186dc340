/** A flow that an ordinary script calls runs on the embedded backend: it prints its log, returns its result, and shows up in `windhover runs ls`. No server has to be up. */
import type { FlowDefinition } from "../engine/definition.ts";
import { WindhoverError } from "../engine/errors.ts";
import type { FlowOverrides } from "../engine/events.ts";
import { CallFuture } from "../engine/future.ts";
import { hash } from "../engine/hash.ts";
import { runName } from "../engine/names.ts";
import { shared } from "../engine/scope.ts";
import { authorLine } from "../engine/stack.ts";
import type { State } from "../engine/state.ts";
import { checkNode } from "./node-version.ts";

export interface ScriptOptions {
  readonly overrides: FlowOverrides;
  readonly tags?: readonly string[];
}

type Opened = Awaited<ReturnType<typeof open>>;
const key = Symbol.for("windhover.script");
const holder = globalThis as unknown as Record<symbol, Promise<Opened> | undefined>;

/** Loaded on the first call: a program that only defines flows opens no database. */
async function open(): Promise<import("../adapters/embedded/open.ts").OpenedEmbedded> {
  const { openRuntime } = await import("../adapters/embedded/open.ts");
  tellOnInterrupt();
  const opened = await openRuntime({ directory: process.env["WINDHOVER_DIRECTORY"], narrate: process.env["WINDHOVER_LOG"] !== "off" });
  // Everything that the backend waits on is unref'ed, so the program ends when its own work does.
  process.once("beforeExit", () => {
    holder[key] = undefined;
    void opened.client.close();
  });
  return opened;
}

/** Set while a tool loads a project's files: to look at its flows must not run them. */
const LOADING = Symbol.for("windhover.loading");

/** Loads with `load`; a flow that is called meanwhile is refused (WH1061). */
export async function withoutScripts<T>(load: () => Promise<T>): Promise<T> {
  const flags = globalThis as unknown as Record<symbol, number | undefined>;
  flags[LOADING] = (flags[LOADING] ?? 0) + 1;
  try {
    return await load();
  } finally {
    flags[LOADING] = (flags[LOADING] ?? 1) - 1;
  }
}

/** Open runs of this script, by id, with their names. */
const left = new Map<string, string>();

/** Ctrl-C ends a script as it ends any program; what becomes of its runs is said before. */
function tellOnInterrupt(): void {
  const tell = (signal: NodeJS.Signals): void => {
    for (const name of left.values())
      process.stderr.write(
        `\nLeft the run '${name}' as it is: what it has done is kept, and it goes on when this program, or \`windhover dev\`, runs here again.\n`,
      );
    if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
  };
  if (process.env["WINDHOVER_LOG"] !== "off") for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, tell);
}

export function runAsScript(definition: FlowDefinition, parameters: unknown, { overrides, tags }: ScriptOptions): CallFuture<unknown> {
  checkNode();
  if ((globalThis as unknown as Record<symbol, number | undefined>)[LOADING])
    throw new WindhoverError("WH1061", {
      message: `The flow "${definition.name}" was called while its file was loaded${authorLine()}.`,
      expected: "a file that defines and exports flows",
      got: `a call of ${definition.name}`,
    });
  shared.code.refuseConflicts();
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
      overrides,
    });
  })();
  left.set(id, runName(id));
  const result = started
    .then((run) => run.result())
    .finally(() => {
      left.delete(id);
      clearInterval(alive);
    });
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
