/** The backend that a command works on, a directory or a deployed stack, with the project's code where it needs it. */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { StackResources } from "../adapters/aws/stack.ts";
import type { OpenedEmbedded, OpenOptions } from "../adapters/embedded/open.ts";
import type { Code } from "../engine/definition.ts";
import { WindhoverError } from "../engine/errors.ts";
import type { Ports } from "../engine/ports.ts";
import type { PortsClient } from "../sdk/ports-client.ts";
import type { Loaded } from "./loader.ts";
import { readSettings, type SettingFlags, type Settings } from "./settings.ts";
import { shortPath } from "./stack.ts";
import { err, tell } from "./terminal.ts";

/** Where a command looks and sends messages. */
export interface Place {
  readonly settings: Settings;
  readonly ports: Ports;
  readonly client: PortsClient;
  readonly code: Code;
  /** Resolves when the actor's log may have grown. */
  readonly changed: (actor: string) => Promise<unknown>;
  /** Whether a process that lives works on the directory; absent where it is not for a process to be there: a stack. */
  readonly served?: () => boolean;
  /** None: it is a directory. */
  readonly stack?: StackResources;
}

/** A directory whose runs go on in this process. */
export interface Workspace extends Place, OpenedEmbedded {
  readonly loaded?: Loaded;
}

const DATABASE = "windhover.db";
/** How often a run is looked at that another process may be working on. Unit: milliseconds. */
const LOOK_MS = 100;

/** Opens the directory or the stack to look and to send messages; nothing runs here. Only who has something to put there makes a database. */
export async function look<T>(flags: SettingFlags, work: (place: Place) => Promise<T>, { makes = false } = {}): Promise<T> {
  const settings = await readSettings(flags);
  if (settings.stack !== undefined) return withStack(settings, settings.stack, work);
  return makes || existsSync(join(settings.directory, DATABASE)) ? withRuntime(settings, { work: false }, undefined, work) : withNothing(settings, work);
}

/** What is not there is as empty as a new database would be, and is not made by looking at it. */
async function withNothing<T>(settings: Settings, work: (place: Place) => Promise<T>): Promise<T> {
  tell(
    err(
      `There is no database in ${shortPath(settings.directory)}: the first \`windhover run\` or \`windhover dev\` makes one. --directory looks in another folder.`,
      "dim",
    ),
  );
  const directory = mkdtempSync(join(tmpdir(), "windhover-nothing-"));
  try {
    return await withRuntime(settings, { work: false, directory }, undefined, work);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function withStack<T>(settings: Settings, stack: string, work: (place: Place) => Promise<T>): Promise<T> {
  const { openStack } = await import("../adapters/aws/open.ts");
  const { resources, close, ...opened } = await openStack({ stack, region: settings.region, profile: settings.profile });
  try {
    return await work({ ...opened, settings, stack: resources });
  } finally {
    await close();
  }
}

/** Loads the files, and opens the directory to run what they define. */
export async function serve<T>(
  settings: Settings,
  files: readonly string[],
  options: Omit<OpenOptions, "directory" | "work">,
  work: (workspace: Workspace) => Promise<T>,
): Promise<T> {
  const { loadEntries } = await import("./loader.ts");
  const loaded = await loadEntries(files);
  return withRuntime(settings, { pools: settings.pools, ...options, code: loaded.code }, loaded, work);
}

async function withRuntime<T>(settings: Settings, options: OpenOptions, loaded: Loaded | undefined, work: (workspace: Workspace) => Promise<T>): Promise<T> {
  refuseAlone(settings);
  const { openRuntime } = await import("../adapters/embedded/open.ts");
  const opened = await openRuntime({ directory: settings.directory, ...options });
  const { ports } = opened.backend;
  const changed = (actor: string): Promise<unknown> => opened.runtime.changes.next(actor, ports.clock.wait(LOOK_MS));
  try {
    return await work({ ...opened, ports, changed, served: () => opened.backend.served(), settings, ...(loaded && { loaded }) });
  } finally {
    await opened.client.close();
  }
}

/** A region without a stack would be forgotten without a word. */
function refuseAlone({ stack, suffix }: Settings): void {
  if (stack === undefined && /--(region|profile) /.test(suffix))
    throw new WindhoverError("WH2010", {
      message: `${suffix.trim()} says where a stack lies, and no stack is named.`,
      expected: "--stack NAME, --stage NAME or WINDHOVER_STACK_NAME",
      got: suffix.trim(),
    });
}

/** `instead`: the same command with the file in it. @throws WH2010 when no entry is set. */
export function needEntries({ entries, file }: Settings, what: string, instead: string): readonly string[] {
  if (entries.length > 0) return entries;
  throw new WindhoverError("WH2010", {
    message: `${what} needs to know the project's flows, and no entry is set.`,
    expected: `\`entry\` in ${file ?? "windhover.config.ts"}, WINDHOVER_ENTRY, or --entry FILE`,
    got: "none",
    action: `Write windhover.config.ts with \`export default defineConfig({ entry: "./flows.ts" })\`, or name a file: ${instead}`,
  });
}
