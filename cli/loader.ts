/** Loads a user's entries: which flows and deployments they export, and under which names. */
import { dirname } from "node:path";
import { Code, type FlowDefinition } from "../engine/definition.ts";
import { WindhoverError } from "../engine/errors.ts";
import { shared } from "../engine/scope.ts";
import { type DeploymentDefinition, isDeployment } from "../sdk/deployment.ts";
import { withoutScripts } from "../sdk/script.ts";
import { definitionKey } from "../sdk/task.ts";
import { userPlace } from "./stack.ts";

export interface Exported {
  readonly file: string;
  /** `default` for a default export. */
  readonly name: string;
  readonly flow?: FlowDefinition;
  readonly deployment?: DeploymentDefinition;
}

export interface Loaded {
  readonly code: Code;
  /** Flows and deployments in the order of the entries. */
  readonly exported: readonly Exported[];
  readonly flows: readonly FlowDefinition[];
  readonly deployments: readonly DeploymentDefinition[];
  /** The user's files that were read: a change of one of them asks for loading again. */
  readonly inputs: readonly string[];
}

/**
 * Loads the files anew and forgets what was loaded before, unless they cannot be loaded. The registry is that of this process, so one set of entries is loaded at a time.
 * @param files absolute paths
 * @throws WH2009 when one cannot be loaded, or none exports a flow · WH1002 for two flows or tasks of one name · what a definition itself throws (WH1001, WH1003 …)
 */
export async function loadEntries(files: readonly string[]): Promise<Loaded> {
  const restore = shared.code.keep();
  shared.code.clear();
  try {
    return await load(files);
  } catch (error) {
    restore();
    throw error;
  }
}

/** The same beside what was loaded before, which stays as it is for whoever works with it. @throws like {@link loadEntries} */
export async function loadBeside(files: readonly string[]): Promise<Loaded> {
  const before = shared.code;
  shared.code = new Code();
  try {
    return await load(files);
  } catch (error) {
    shared.code = before;
    throw error;
  }
}

async function load(files: readonly string[]): Promise<Loaded> {
  const [{ bundle }, { entryFiles }] = await Promise.all([import("./bundle.ts"), import("../infra/manifest.ts")]);
  const paths = entryFiles(files);
  process.setSourceMapsEnabled(true);
  const bundled = await bundle(paths.map((path, i) => `export * as entry${i} from ${JSON.stringify(path)};`).join("\n"), dirname(paths[0] as string));
  try {
    const modules = (await withoutScripts(() => import(bundled.url))) as Record<string, Readonly<Record<string, unknown>>>;
    const exported = paths.flatMap((file, i) => Object.entries(modules[`entry${i}`] ?? {}).flatMap(([name, value]) => exportedAs(file, name, value) ?? []));
    const loaded = {
      code: shared.code,
      exported,
      // A flow may be exported by its deployment alone.
      flows: unique(exported.flatMap((e) => e.flow ?? e.deployment?.definition ?? [])),
      deployments: unique(exported.flatMap((e) => e.deployment ?? [])),
      inputs: bundled.inputs,
    };
    check(loaded, paths);
    return loaded;
  } catch (error) {
    throw asLoadError(error, paths);
  } finally {
    await bundled.dispose();
  }
}

const unique = <T>(list: readonly T[]): readonly T[] => [...new Set(list)];

function exportedAs(file: string, name: string, value: unknown): Exported | undefined {
  if (isDeployment(value)) return { file, name, deployment: value };
  const isFlow = typeof value === "function" && definitionKey in value && "deployment" in value;
  return isFlow ? { file, name, flow: (value as unknown as { readonly [definitionKey]: FlowDefinition })[definitionKey] } : undefined;
}

function check({ code, exported, deployments }: Loaded, paths: readonly string[]): void {
  if (exported.length === 0)
    throw new WindhoverError("WH2009", {
      message: `${paths.join(", ")} exports no flow.`,
      expected: "export const NAME = flow({ … }, …)",
      got: code.flows.size > 0 ? `${[...code.flows.keys()].join(", ")}, made but not exported` : "no flow",
    });
  code.refuseConflicts();
  const twice = deployments.find((deployment, i) => deployments.findIndex((other) => other.name === deployment.name) < i);
  if (twice)
    throw new WindhoverError("WH1002", { message: `There are two deployments called "${twice.name}".`, expected: "one deployment a name", got: twice.name });
}

/** What a user's file throws while it is loaded is told with its line; what we throw about a definition keeps its code. */
function asLoadError(error: unknown, paths: readonly string[]): unknown {
  if (error instanceof WindhoverError) return error;
  const thrown = error instanceof Error ? error : new Error(String(error));
  const place = userPlace(thrown.stack) ?? paths.join(", ");
  return new WindhoverError("WH2009", {
    message: `${place} threw while it was loaded: ${thrown.name}: ${thrown.message}`,
    expected: "a file that can be imported",
    got: `${thrown.name}: ${thrown.message}`,
    cause: thrown,
  });
}
