/** What a function opens once per container: the stack's ports and clients, the author's code, the deployments that it exports. */
import { openAws } from "../adapters/aws/backend.ts";
import type { AwsClients } from "../adapters/aws/clients.ts";
import type { Role } from "../adapters/aws/parts.ts";
import { BUILD_VARIABLE, parseStack, STACK_VARIABLE, type StackResources } from "../adapters/aws/stack.ts";
import type { Code } from "../engine/definition.ts";
import type { Host } from "../engine/host.ts";
import type { Ports } from "../engine/ports.ts";
import { shared } from "../engine/scope.ts";
import { maskError } from "../engine/secrecy.ts";
import { Warm } from "../engine/warm.ts";
import { type DeploymentDefinition, isDeployment } from "../sdk/deployment.ts";
import { TimeLeft } from "./time-left.ts";

/** The namespaces of a user's modules. Importing them has defined their flows and tasks. */
export type Modules = readonly object[];

/** The same, not yet loaded: what throws while it is loaded can then be told. */
export type LateModules = readonly (() => Promise<object>)[];

export interface FunctionHost {
  readonly stack: StackResources;
  readonly clients: AwsClients;
  readonly ports: Ports;
  readonly code: Code;
  /** By name: those that the modules export. */
  readonly deployments: ReadonlyMap<string, DeploymentDefinition>;
  /** A hash of the code that was bundled. */
  readonly build?: string;
  /** Of the Lambda function that this is, of which there may be older versions. */
  readonly functionName?: string;
  readonly time: TimeLeft;
}

/** @throws WH3101 when the function's environment does not describe a stack. */
export function openFunction(modules: Modules, role: Role, env: NodeJS.ProcessEnv = process.env): FunctionHost {
  const stack = parseStack(env[STACK_VARIABLE], STACK_VARIABLE);
  const { ports, clients } = openAws({ stack, role });
  // Lambda itself prints a promise of the author's that nobody awaits; where nothing listens, Node ends the process, which `sdk/block.ts` sees.
  if (process.listenerCount("unhandledRejection") > 0) process.prependListener("unhandledRejection", (reason) => maskError(reason));
  const [build, functionName] = [env[BUILD_VARIABLE], env["AWS_LAMBDA_FUNCTION_NAME"]];
  return functionHost({ stack, ports, clients, code: shared.code, ...(build && { build }), ...(functionName && { functionName }) }, modules);
}

export function functionHost(parts: Omit<FunctionHost, "deployments" | "time">, modules: Modules): FunctionHost {
  return { ...parts, deployments: deploymentsOf(modules), time: new TimeLeft(parts.ports.clock) };
}

export function deploymentsOf(modules: Modules): FunctionHost["deployments"] {
  const exported = modules.flatMap((module) => Object.values(module)).filter(isDeployment);
  return new Map(exported.map((deployment) => [deployment.name, deployment]));
}

/** Where turns are taken and tasks run. `more` is what one kind of function adds. */
export function hostOf({ ports, code, build, time }: FunctionHost, more: Partial<Host> = {}): Host {
  return {
    ports,
    code,
    warm: new Warm(),
    ticksFromOutside: true,
    advanceDeployment: async (...args) => (await import("../engine/deployment.ts")).advanceDeployment(...args),
    lateRows: true,
    ...(build !== undefined && { build }),
    get inlineMs() {
      return time.ms;
    },
    timeLeft: () => time.ms,
    ...more,
  };
}
