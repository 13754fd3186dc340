/** `windhover dev`: serves a project (its runs, schedules, triggers and API) and takes in changes as they are saved. */
import { statSync } from "node:fs";
import { resolve } from "node:path";
import type { WindhoverError } from "../engine/errors.ts";
import { tellError, usage } from "./failure.ts";
import { VERSION } from "./installation.ts";
import { type Loaded, loadBeside, loadEntries } from "./loader.ts";
import { breakage, fact, type Serving, someOf, startServing, tellDeployments, tellWhatIsNotServed, untilAsked } from "./serving.ts";
import { readSettings, type SettingFlags, type Settings } from "./settings.ts";
import { shortPath } from "./stack.ts";
import { err, plural, tell } from "./terminal.ts";
import { needEntries } from "./workspace.ts";

/** Editors write a file in several steps. Unit: milliseconds. */
const SAVING_MS = 80;

export async function dev(folder: string | undefined, flags: SettingFlags): Promise<void> {
  if (folder !== undefined && !isFolder(resolve(folder)))
    throw usage(`There is no folder ${resolve(folder)}.`, {
      expected: "the project's folder",
      got: folder,
      action: "windhover dev FOLDER, or windhover dev --entry FILE",
    });
  const settings = await readSettings(flags, folder === undefined ? process.cwd() : resolve(folder));
  const entries = needEntries(settings, "windhover dev", "windhover dev -e FILE");
  const loaded = await loadEntries(entries);
  const { broken, onFatal } = breakage();
  const serving = await startServing(loaded, { ...settings, onFatal });
  const asked = untilAsked(broken);
  asked.catch(() => {});
  const watcher = await watch(loaded, settings, () => reload(serving, entries));
  try {
    await tellWhere(serving, loaded, settings);
    await asked;
  } finally {
    await watcher.close();
    await serving.close();
  }
}

const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;

async function tellWhere(serving: Serving, loaded: Loaded, { directory }: Settings): Promise<void> {
  await serving.backend.settle();
  tell(`\n${err(`Windhover ${VERSION}`, "bold")}\n`);
  fact("Runs and API", err(serving.api.url, "cyan"));
  if (process.env["WINDHOVER_API_KEY"]) fact("Key", "every request has to bring WINDHOVER_API_KEY; a browser asks for it as a password");
  fact("Database", shortPath(directory));
  fact("Flows", loaded.flows.map(({ name }) => name).join(", "));
  await tellDeployments(serving, loaded.deployments, serving.api.url);
  tell();
  await tellWhatIsNotServed(serving, loaded.deployments);
  tell(err(`Watching ${plural(loaded.inputs.length, "file")}. Ctrl-C stops.\n`, "dim"));
}

async function reload(serving: Serving, entries: readonly string[]): Promise<Loaded | undefined> {
  const began = performance.now();
  try {
    // What was loaded before is at work meanwhile.
    const loaded = await loadBeside(entries);
    const running = await serving.serve(loaded);
    tell(err(`Loaded ${plural(loaded.flows.length, "flow")} again in ${Math.round(performance.now() - began)} ms. Open runs go on with the new code.`, "dim"));
    if (running.length > 0) tell(err(`What runs now ends as it began: ${someOf(running)}.`, "dim"));
    return loaded;
  } catch (error) {
    tellError(error);
    tell(err("The code that was loaded before goes on.", "dim"));
    return undefined;
  }
}

/** The files of the bundle, whatever they import. A config file's change is told, not obeyed: the port and the database are in use. */
async function watch(loaded: Loaded, { file }: Settings, load: () => Promise<Loaded | undefined>): Promise<{ close(): Promise<void> }> {
  const { watch: chokidar } = await import("chokidar");
  const watcher = chokidar([...loaded.inputs, ...(file === undefined ? [] : [file])], { ignoreInitial: true });
  let timer: NodeJS.Timeout | undefined;
  let busy: Promise<void> = Promise.resolve();
  watcher.on("all", (_, path) => {
    if (path === file) return tell(err(`${shortPath(file)} has changed: stop and start again for its settings.`, "yellow"));
    clearTimeout(timer);
    timer = setTimeout(() => {
      busy = busy.then(async () => {
        const again = await load();
        if (again) watcher.add([...again.inputs]);
      });
    }, SAVING_MS);
  });
  watcher.on("error", (error) => tellError(error as WindhoverError));
  await new Promise<void>((ready) => watcher.once("ready", () => ready()));
  return {
    async close() {
      clearTimeout(timer);
      await watcher.close();
      await busy;
    },
  };
}
