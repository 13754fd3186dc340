/** The backend that a command works on, with the project's code where it needs it. */
import type { OpenedEmbedded, OpenOptions } from "../adapters/embedded/open.ts";
import { WindhoverError } from "../engine/errors.ts";
import type { Loaded } from "./loader.ts";
import { readSettings, type SettingFlags, type Settings } from "./settings.ts";

export interface Workspace extends OpenedEmbedded {
  readonly settings: Settings;
  readonly loaded?: Loaded;
}

/** Opens the directory to look and to send messages; nothing runs here. */
export async function look<T>(flags: SettingFlags, work: (workspace: Workspace) => Promise<T>): Promise<T> {
  const settings = await readSettings(flags);
  return withRuntime(settings, { work: false }, undefined, work);
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
  const { openRuntime } = await import("../adapters/embedded/open.ts");
  const opened = await openRuntime({ ...options, directory: settings.directory });
  try {
    return await work({ ...opened, settings, ...(loaded && { loaded }) });
  } finally {
    await opened.client.close();
  }
}

/** @throws WH2010 when no entry is set. */
export function needEntries({ entries, file }: Settings, what: string): readonly string[] {
  if (entries.length > 0) return entries;
  throw new WindhoverError("WH2010", {
    message: `${what} needs to know the project's flows, and no entry is set.`,
    expected: `\`entry\` in ${file ?? "windhover.config.ts"}, WINDHOVER_ENTRY, or --entry FILE`,
    got: "none",
    action: 'Write windhover.config.ts with `export default defineConfig({ entry: "./flows.ts" })`, or name a file: windhover run FILE.',
  });
}
