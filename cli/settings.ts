/** Settings: `windhover.config.ts`, then the environment (`WINDHOVER_…`), then flags; later ones weigh more. */
import { existsSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import type { Retention } from "../adapters/embedded/retention.ts";
import { durationMs, WindhoverError } from "../engine/errors.ts";

/** Flags that any command may take. */
export interface SettingFlags {
  readonly config?: string;
  readonly directory?: string;
  readonly entry?: readonly string[];
  readonly port?: string | number;
  /** A deployed stack, by name. */
  readonly stack?: string;
  readonly region?: string;
  readonly profile?: string;
  /** One of the file's stages. */
  readonly stage?: string;
}

export interface Settings {
  /** Absolute path of the config file, if there is one. */
  readonly file?: string;
  /** Absolute paths; none when no entry is set. */
  readonly entries: readonly string[];
  /** Absolute path of the embedded database's folder. */
  readonly directory: string;
  readonly port: number;
  /** How many tasks of a pool run at once here. */
  readonly pools: Readonly<Record<string, number>>;
  /** How long runs are kept after their end. */
  readonly retention?: Retention;
  /** A deployed stack is meant, not the embedded database. */
  readonly stack?: string;
  /** Where it lies, and who asks: what is not said is left to the AWS configuration. */
  readonly region?: string;
  readonly profile?: string;
  /** What to type after a command so that it means the same place again: ` --stage prod`. */
  readonly suffix: string;
  /** What the file says, for those who deploy. */
  readonly config: Readonly<Record<string, unknown>>;
}

export const DEFAULT_PORT = 4600;
const FILES = ["ts", "mts", "js", "mjs"].map((extension) => `windhover.config.${extension}`);
const KEYS = ["entry", "directory", "port", "stages", "pools", "retention"];

/**
 * @param flags from the command line; relative paths count from the working directory, those of the file from its folder.
 * @throws WH2010 for a setting that cannot be used, with its name and where it came from · WH2009 when the file cannot be loaded.
 */
export async function readSettings(flags: SettingFlags = {}, cwd = process.cwd(), env: NodeJS.ProcessEnv = process.env): Promise<Settings> {
  const file = configFile(flags.config ?? env["WINDHOVER_CONFIG"], cwd);
  const base = file === undefined ? cwd : dirname(file);
  const config = file === undefined ? {} : await readConfig(file);
  const fromFile = { origin: file ?? "", base };
  const fromEnv = { origin: "the environment", base: cwd };
  const fromFlags = { origin: "the command line", base: cwd };
  const port = pick<unknown>([flags.port, "--port", fromFlags], [text(env["WINDHOVER_PORT"]), "WINDHOVER_PORT", fromEnv], [config["port"], "port", fromFile]);
  const place = placeOf(flags, env, (config["stages"] ?? {}) as Stages, file);
  const directory = pick<unknown>(
    [flags.directory, "--directory", fromFlags],
    [flags.stage === undefined ? undefined : place.directory, `stages.${flags.stage}.directory`, fromFile],
    [text(env["WINDHOVER_DIRECTORY"]), "WINDHOVER_DIRECTORY", fromEnv],
    [place.directory, "directory of the stage", fromFile],
    [config["directory"], "directory", fromFile],
  );
  const envEntry = text(env["WINDHOVER_ENTRY"])
    ?.split(",")
    .map((entry) => entry.trim());
  const entry = pick<unknown>(
    [flags.entry?.length ? flags.entry : undefined, "--entry", fromFlags],
    [envEntry, "WINDHOVER_ENTRY", fromEnv],
    [config["entry"], "entry", fromFile],
  );
  return {
    ...(file !== undefined && { file }),
    entries: entry ? entriesOf(entry) : [],
    directory: directory ? pathOf(directory) : resolve(base, ".windhover"),
    port: port ? portOf(port) : DEFAULT_PORT,
    pools: poolsOf(config["pools"], file),
    ...(config["retention"] !== undefined && { retention: config["retention"] as Retention }),
    ...(place.stack !== undefined && { stack: place.stack }),
    ...(place.region !== undefined && { region: place.region }),
    ...(place.profile !== undefined && { profile: place.profile }),
    suffix: place.suffix,
    config,
  };
}

/** The file that is named, or the first one from here upwards. */
function configFile(named: string | undefined, cwd: string): string | undefined {
  if (named !== undefined && named !== "") {
    const file = resolve(cwd, named);
    if (!existsSync(file)) throw wrong("--config", "the command line", "a file", file, `There is no file ${file}.`);
    return file;
  }
  for (let folder = resolve(cwd); ; folder = dirname(folder)) {
    const found = FILES.map((name) => join(folder, name)).find((path) => existsSync(path));
    if (found !== undefined) return found;
    if (folder === dirname(folder)) return undefined;
  }
}

async function readConfig(file: string): Promise<Readonly<Record<string, unknown>>> {
  const { bundle } = await import("./bundle.ts");
  const bundled = await bundle(`export { default } from ${JSON.stringify(file)};`, dirname(file)).catch((error: unknown) => {
    if (error instanceof WindhoverError && error.message.includes("No matching export")) throw noDefault(file);
    if (error instanceof WindhoverError)
      throw new WindhoverError(error.code, { ...error, message: error.message.replace(`${error.code}: `, ""), action: CORRECT });
    throw error;
  });
  try {
    const { default: config } = (await import(bundled.url)) as { readonly default: unknown };
    if (typeof config !== "object" || config === null || Array.isArray(config)) throw noDefault(file);
    const unknown = Object.keys(config).find((key) => !KEYS.includes(key));
    if (unknown !== undefined) throw wrong(unknown, file, `one of ${KEYS.join(", ")}`, unknown, `There is no setting "${unknown}".`);
    checkUnread(config as Record<string, unknown>, file);
    return config as Record<string, unknown>;
  } catch (error) {
    if (error instanceof WindhoverError) throw error;
    throw new WindhoverError("WH2009", {
      message: `${file} threw while it was loaded: ${String(error)}`,
      expected: "a file that can be imported",
      action: CORRECT,
      cause: error,
    });
  } finally {
    await bundled.dispose();
  }
}

const CORRECT = "Correct the settings file that is named.";

const noDefault = (file: string): WindhoverError =>
  wrong("export default", file, "export default defineConfig({ … })", "no default export", `${basename(file)} has no settings to give.`);

/** Settings that another command reads are checked all the same: a mistake is best told early. */
function checkUnread({ stages, retention }: Record<string, unknown>, file: string): void {
  if (stages !== undefined && (typeof stages !== "object" || stages === null))
    throw wrong("stages", file, "{ NAME: { stack, region, profile, directory } }", shown(stages));
  for (const [name, stage] of Object.entries((stages ?? {}) as Record<string, unknown>)) {
    const unknown = Object.keys(stage ?? {}).find((key) => !["stack", "region", "profile", "directory"].includes(key));
    if (unknown !== undefined) throw wrong(`stages.${name}.${unknown}`, file, "stack, region, profile or directory", unknown);
  }
  if (retention === undefined) return;
  if (typeof retention !== "object" || retention === null) throw wrong("retention", file, "{ completed, failed }", shown(retention));
  for (const [key, value] of Object.entries(retention)) {
    if (key !== "completed" && key !== "failed") throw wrong(`retention.${key}`, file, "completed or failed", key);
    try {
      durationMs(value as string);
    } catch {
      throw wrong(`retention.${key}`, file, 'a duration such as "30 days"', shown(value));
    }
  }
}

type Stages = Readonly<Record<string, { readonly stack?: string; readonly region?: string; readonly profile?: string; readonly directory?: string }>>;
interface Place {
  readonly stack: string | undefined;
  readonly region: string | undefined;
  readonly profile: string | undefined;
  readonly directory: string | undefined;
  readonly suffix: string;
}

/** A stack that is named weighs more than a stage's, a directory that is named more than what the environment says. */
function placeOf(flags: SettingFlags, env: NodeJS.ProcessEnv, stages: Stages, file: string | undefined): Place {
  if (flags.directory !== undefined && (flags.stack !== undefined || flags.stage !== undefined))
    throw wrong(
      "--directory",
      "the command line",
      "either --directory, or --stack or --stage",
      "given with a stack",
      "A command is about a directory or about a stack.",
    );
  const fromEnv = flags.directory === undefined && flags.stack === undefined && flags.stage === undefined;
  const name = flags.stage ?? (fromEnv && !text(env["WINDHOVER_STACK_NAME"]) ? text(env["WINDHOVER_STAGE"]) : undefined);
  const named = name === undefined ? undefined : stageOf(name, stages, flags.stage === undefined ? "the environment" : "the command line", file);
  const stack = flags.stack ?? named?.stack ?? (fromEnv ? text(env["WINDHOVER_STACK_NAME"]) : undefined);
  // A stage that names this stack knows where it lies.
  const stage = named ?? Object.values(stages).find((one) => stack !== undefined && one.stack === stack);
  const typed = Object.entries({ stage: flags.stage, stack: flags.stack, region: flags.region, profile: flags.profile });
  return {
    stack,
    region: flags.region ?? stage?.region,
    profile: flags.profile ?? stage?.profile,
    directory: named?.directory,
    suffix: typed.map(([key, value]) => (value === undefined ? "" : ` --${key} ${value}`)).join(""),
  };
}

function stageOf(name: string, stages: Stages, origin: string, file: string | undefined): Stages[string] {
  const found = Object.hasOwn(stages, name) ? stages[name] : undefined;
  const known = Object.keys(stages);
  if (!found)
    throw wrong(
      "stage",
      origin,
      known.length > 0 ? `one of ${known.join(", ")}` : `\`stages\` in ${file ?? "windhover.config.ts"}`,
      name,
      `There is no stage "${name}".`,
    );
  if (found.stack === undefined && found.directory === undefined)
    throw wrong(`stages.${name}`, file ?? "", "a `stack` or a `directory`", "neither", `The stage "${name}" names no place.`);
  return found;
}

interface Origin {
  readonly origin: string;
  readonly base: string;
}
interface Given<T> {
  readonly value: T;
  readonly name: string;
  readonly from: Origin;
}
function pick<T>(...candidates: readonly (readonly [T | undefined, string, Origin])[]): Given<T> | undefined {
  const found = candidates.find(([value]) => value !== undefined);
  return found && { value: found[0] as T, name: found[1], from: found[2] };
}
const text = (value: string | undefined): string | undefined => (value === undefined || value === "" ? undefined : value);
const shown = (value: unknown): string => JSON.stringify(value) ?? String(value);

function wrong(name: string, origin: string, expected: string, got: string, message = `"${name}" cannot be ${got}.`): WindhoverError {
  return new WindhoverError("WH2010", { message: `${message} It is set in ${origin}.`, expected, got });
}

function pathOf({ value, name, from }: Given<unknown>): string {
  if (typeof value !== "string" || value === "") throw wrong(name, from.origin, "a folder", shown(value));
  return resolve(from.base, value);
}
function entriesOf({ value, name, from }: Given<unknown>): readonly string[] {
  const list = Array.isArray(value) ? value : [value];
  const bad = list.find((entry) => typeof entry !== "string" || entry === "");
  if (bad !== undefined || list.length === 0) throw wrong(name, from.origin, "a file, or a list of files", shown(value));
  return list.map((entry: string) => resolve(from.base, entry));
}
function portOf({ value, name, from }: Given<unknown>): number {
  const port = typeof value === "string" && /^\d+$/.test(value) ? Number(value) : value;
  if (typeof port !== "number" || !Number.isInteger(port) || port < 0 || port > 65_535)
    throw wrong(name, from.origin, "a port: a whole number from 0 to 65535", shown(value));
  return port;
}

function poolsOf(value: unknown, file = ""): Readonly<Record<string, number>> {
  if (value === undefined) return {};
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw wrong("pools", file, "{ NAME: { concurrency } }", shown(value));
  const pools: Record<string, number> = {};
  for (const [name, options] of Object.entries(value as Record<string, { readonly concurrency?: unknown } | null>)) {
    const concurrency = options?.concurrency;
    if (typeof options !== "object" || options === null) throw wrong(`pools.${name}`, file, "{ concurrency, kind, … }", shown(options));
    if (concurrency === undefined) continue;
    if (typeof concurrency !== "number" || !Number.isInteger(concurrency) || concurrency < 1)
      throw wrong(`pools.${name}.concurrency`, file, "a whole number from 1 on", shown(concurrency));
    pools[name] = concurrency;
  }
  return pools;
}
