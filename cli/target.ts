/** What `windhover run` is pointed at: a file and one of its exports, or a flow or deployment of the project by name. */
import { existsSync, statSync } from "node:fs";
import { resolve } from "node:path";
import type { FlowDefinition } from "../engine/definition.ts";
import { WindhoverError } from "../engine/errors.ts";
import type { DeploymentDefinition } from "../sdk/deployment.ts";
import { usage } from "./failure.ts";
import type { Exported, Loaded } from "./loader.ts";
import { shortPath } from "./stack.ts";
import { closest } from "./suggestion.ts";

export type Target =
  | { readonly flow: FlowDefinition; readonly deployment?: undefined }
  | { readonly deployment: DeploymentDefinition; readonly flow?: undefined };

/** `flows.ts` or `flows.ts:digest`; undefined for a name. */
export function asFile(target: string): { readonly file: string; readonly name?: string } | undefined {
  const match = /^(.*\.[cm]?[tj]sx?)(?::([^:/\\]*))?$/.exec(target);
  if (match?.[1]) return { file: resolve(match[1]), ...(match[2] && { name: match[2] }) };
  const [path = "", name] = target.split(":");
  const isFolder = /[/\\.]/.test(path) && existsSync(path) && statSync(path).isDirectory();
  return isFolder ? { file: resolve(path), ...(name !== undefined && { name }) } : undefined;
}

const targetOf = ({ flow, deployment }: Exported): Target => (deployment ? { deployment } : { flow: flow as FlowDefinition });

/** The export that is named, the default one, or the only flow. @throws WH2001 · WH2007 when there are several. */
export function targetInFile({ exported }: Loaded, file: string, name: string | undefined): Target {
  const short = shortPath(file);
  if (name !== undefined) {
    const found = exported.find((e) => e.name === name) ?? exported.find((e) => e.flow?.name === name) ?? exported.find((e) => e.deployment?.name === name);
    if (found) return targetOf(found);
    throw unknown(
      `${short} exports no flow or deployment "${name}".`,
      name,
      exported.map((e) => e.name),
    );
  }
  const fallback = exported.find((e) => e.name === "default");
  if (fallback) return targetOf(fallback);
  const flows = exported.filter((e) => e.flow);
  const [only] = flows.length > 0 ? flows : exported;
  if (only && (flows.length === 1 || exported.length === 1)) return targetOf(only);
  const choices = exported.map((e) => `${short}:${e.name}`);
  throw usage(`${short} exports ${flows.length} flows: say which one to run.`, {
    expected: `one of ${choices.join(", ")}`,
    got: short,
    action: `windhover run ${choices[0]}`,
  });
}

/** @throws WH2001 */
export function targetByName({ code, exported, flows, deployments }: Loaded, name: string): Target {
  const flow = flows.find((f) => f.name === name);
  if (flow) return { flow };
  const deployment = deployments.find((d) => d.name === name);
  if (deployment) return { deployment };
  const other = code.flows.get(name);
  if (other) return { flow: other };
  const byExport = exported.find((e) => e.name === name);
  if (byExport) return targetOf(byExport);
  throw unknown(`No flow or deployment is called "${name}".`, name, [...flows.map((f) => f.name), ...deployments.map((d) => d.name)]);
}

function unknown(message: string, got: string, names: readonly string[]): WindhoverError {
  const guess = closest(got, names);
  return new WindhoverError("WH2001", {
    message: `${message}${guess ? ` Did you mean "${guess}"?` : ""}`,
    expected: `one of ${[...new Set(names)].sort().join(", ")}`,
    got,
  });
}
