/**
 * Runs in a process of its own while a stack is synthesized: loads the entries as the functions will, and writes what is in them, as JSON, to file descriptor 3. What the user's
 * code prints goes elsewhere.
 */
import { writeSync } from "node:fs";
import type { FlowDefinition, TaskDefinition } from "../engine/definition.ts";
import { WindhoverError } from "../engine/errors.ts";
import type { ScheduleSpec } from "../engine/schedule.ts";
import { shared } from "../engine/scope.ts";
import { type DeploymentDefinition, isDeployment } from "../sdk/deployment.ts";
import { definitionKey } from "../sdk/task.ts";

/** What is in the entries. */
export interface Description {
  readonly flows: readonly string[];
  /** Flows that name a pool for their tasks, and which. */
  readonly flowPools: Readonly<Record<string, string>>;
  readonly deployments: readonly DescribedDeployment[];
  /** Tasks that name a pool or a timeout. */
  readonly tasks: readonly DescribedTask[];
}
export interface DescribedDeployment {
  readonly name: string;
  readonly flow: string;
  readonly revision: string;
  readonly schedules: readonly ScheduleSpec[];
  /** In their order: a trigger is known by its place. Functions are left out. */
  readonly triggers: readonly DescribedTrigger[];
}
export interface DescribedTrigger {
  readonly kind: string;
  readonly [option: string]: unknown;
}
export interface DescribedTask {
  readonly name: string;
  readonly pool?: string;
  readonly timeoutSeconds?: number;
}

/** What the process writes: a description, or why there is none. */
export type Answer =
  | { readonly ok: true; readonly description: Description }
  | { readonly ok: false; readonly code?: string; readonly message: string; readonly expected?: string; readonly got?: string; readonly stack?: string };

type Module = Readonly<Record<string, unknown>>;

export async function describeEntries(load: readonly (() => Promise<Module>)[]): Promise<void> {
  const answer = await answerOf(load);
  writeSync(3, JSON.stringify(answer));
  // A connection that the user's modules opened would keep the process alive.
  process.exit(0);
}

async function answerOf(load: readonly (() => Promise<Module>)[]): Promise<Answer> {
  try {
    const modules: Module[] = [];
    for (const one of load) modules.push(await one());
    return { ok: true, description: describe(modules) };
  } catch (error) {
    if (error instanceof WindhoverError) {
      const { code, expected, got, stack } = error;
      return { ok: false, code, message: error.message.slice(code.length + 2), expected, got, stack };
    }
    const thrown = error instanceof Error ? error : new Error(String(error));
    return { ok: false, message: `${thrown.name}: ${thrown.message}`, stack: thrown.stack };
  }
}

function describe(modules: readonly Module[]): Description {
  const { code } = shared;
  code.refuseConflicts();
  const exported = modules.flatMap((module) => Object.values(module));
  const deployments = [...new Set(exported.filter(isDeployment))];
  const flows = new Set([...exported.flatMap(flowOf), ...deployments.map(({ definition }) => definition)]);
  if (flows.size === 0)
    throw new WindhoverError("WH2009", {
      message: "The entry exports no flow.",
      expected: "export const NAME = flow({ … }, …)",
      got: code.flows.size > 0 ? `${[...code.flows.keys()].join(", ")}, made but not exported` : "no flow",
    });
  const twice = deployments.find(({ name }, i) => deployments.findIndex((other) => other.name === name) < i);
  if (twice)
    throw new WindhoverError("WH1002", { message: `There are two deployments called "${twice.name}".`, expected: "one deployment a name", got: twice.name });
  return {
    flows: [...flows].map(({ name }) => name),
    flowPools: Object.fromEntries([...code.flows.values()].flatMap(({ name, pool }) => (pool === undefined ? [] : [[name, pool]]))),
    deployments: deployments.map(deploymentOf),
    tasks: [...code.tasks.values()].flatMap(variantsOf).map(taskOf),
  };
}

function flowOf(value: unknown): FlowDefinition[] {
  if (typeof value !== "function" || !(definitionKey in value) || !("deployment" in value)) return [];
  return [(value as unknown as { readonly [definitionKey]: FlowDefinition })[definitionKey]];
}

function deploymentOf({ name, definition, revision, settings, triggers }: DeploymentDefinition): DescribedDeployment {
  // A trigger's functions are not data: JSON leaves them out.
  return { name, flow: definition.name, revision, schedules: settings.schedules, triggers: triggers as unknown as readonly DescribedTrigger[] };
}

/** A task, and what `withOptions` made of it at module level. */
function variantsOf(task: TaskDefinition): TaskDefinition[] {
  const found = [task];
  for (let variant = 0; ; variant++) {
    const one = shared.code.task(task.name, variant);
    if (!one) return found;
    found.push(one);
  }
}

function taskOf({ name, pool, timeoutSeconds }: TaskDefinition): DescribedTask {
  return { name, ...(pool !== undefined && { pool }), ...(timeoutSeconds !== undefined && { timeoutSeconds }) };
}
