/** `flow`: a function that decides. It runs again from its log whenever it has to, so it may wait, crash and go on for as long as it likes. */
import { encode } from "../engine/codec.ts";
import type { FlowDefinition } from "../engine/definition.ts";
import { installDeterminism } from "../engine/determinism.ts";
import { WindhoverError } from "../engine/errors.ts";
import type { CallSpec } from "../engine/events.ts";
import { given } from "../engine/optional.ts";
import { currentScope, type FlowScope, shared } from "../engine/scope.ts";
import { type Deployment, type DeploymentOptions, deploymentOf } from "./deployment.ts";
import { type FlowVariant, refuseCallOptions, variantKey } from "./flow-variant.ts";
import { afterOf } from "./inputs.ts";
import { type AnySchema, type CallOptions, checkName, checkOptions, type FlowOptions, type Future, hooksOf, type InputOf, type OutputOf } from "./options.ts";
import { runAsScript } from "./script.ts";
import { keepStrays } from "./strays.ts";
import { definitionKey } from "./task.ts";

export interface Flow<P, R> {
  /** In a flow: starts a subflow. In a script: runs it on the embedded backend. */
  // biome-ignore lint/complexity/noBannedTypes: `{}` asks whether all parameters may be left out.
  (...args: {} extends P ? [parameters?: P] : [parameters: P]): Future<R>;
  withOptions(options: Partial<FlowOptions<never, R>> & CallOptions): Flow<P, R>;
  deployment(options: DeploymentOptions<P>): Deployment<P, R>;
}

/**
 * Defines a flow. Its parameters are one object, checked by the schema before anything runs.
 * @throws WindhoverError WH1001 without a usable name, WH1003 for an option that cannot be.
 * @example
 * export const digest = flow({ name: "digest", parameters: z.object({ urls: z.array(z.url()) }) }, async ({ urls }) => summarize(await fetchPage.map(urls)));
 */
export function flow<S extends AnySchema, R>(
  options: FlowOptions<S, R> & { readonly parameters: S },
  fn: (parameters: OutputOf<S>) => R | Promise<R>,
): Flow<InputOf<S>, R>;
// biome-ignore lint/complexity/noBannedTypes: a flow without a schema takes no parameters.
export function flow<R>(options: FlowOptions<undefined, R>, fn: () => R | Promise<R>): Flow<{}, R>;
export function flow(options: FlowOptions<AnySchema | undefined>, fn: (parameters: never) => unknown): unknown {
  const name = checkName("flow", options?.name);
  checkFlowOptions("flow", name, options);
  if (typeof fn !== "function")
    throw new WindhoverError("WH1003", { message: `flow "${name}" has no function.`, expected: "options first, then the function", got: typeof fn });
  if (options.parameters !== undefined && !options.parameters["~standard"])
    throw new WindhoverError("WH1003", {
      message: `flow "${name}": \`parameters\` is not a schema.`,
      expected: "a Standard Schema (zod, valibot, arktype)",
      got: typeof options.parameters,
    });
  const definition: FlowDefinition = { ...options, name, fn, hooks: hooksOf(options) };
  keepStrays();
  // Before the code takes a `randomUUID` or a `Date` into a variable of its own, as far as that can be.
  installDeterminism();
  shared.code.addFlow(definition);
  return flowOf({ definition, call: {}, overrides: {} });
}

function checkFlowOptions(kind: "flow" | "call of flow", name: string, options: { readonly persistResult?: boolean }): void {
  checkOptions(kind, name, options);
  if (options.persistResult === false)
    throw new WindhoverError("WH1003", {
      message: `flow "${name}": \`persistResult\` cannot be false.`,
      expected: "true, or nothing: a flow's result stands in the log as the end of its run, which whoever waits is told",
      got: "false",
      action: "Return less, or where the result lies; a task's result can be left out of the log (`persistResult: false` of the task).",
    });
}

const CALL_OPTIONS = new Set(["key", "waitFor"]);
const OVERRIDES = new Set(["retries", "retryDelaySeconds", "retryJitterFactor", "timeoutSeconds"]);

function flowOf<P, R>(variant: FlowVariant): Flow<P, R> {
  const called = (parameters: unknown): unknown => {
    const scope = currentScope();
    if (scope?.kind === "flow") return callInFlow(scope, variant, parameters);
    if (scope)
      throw new WindhoverError("WH1008", {
        message: `The flow "${variant.definition.name}" was called inside the task "${scope.task}".`,
        expected: "a call in a flow's body, or in a script",
      });
    refuseCallOptions(variant.definition.name, variant.call);
    return runAsScript(variant.definition, parameters, variant);
  };
  const withOptions = (options: object): unknown => flowOf(derive(variant, options));
  const deployment = (options: DeploymentOptions<unknown>): unknown => {
    refuseCallOptions(variant.definition.name, variant.call);
    return deploymentOf(variant, options, result as unknown as Flow<unknown, unknown>);
  };
  const result = Object.assign(called, { withOptions, deployment, [definitionKey]: variant.definition, [variantKey]: variant });
  return result as unknown as Flow<P, R>;
}

/** A flow under another name is another flow; otherwise the options go with the call. */
function derive(variant: FlowVariant, options: Partial<FlowOptions<never, unknown>> & CallOptions): FlowVariant {
  const name = options.name === undefined ? variant.definition.name : checkName("flow", options.name);
  checkFlowOptions("call of flow", name, options);
  if (name !== variant.definition.name) {
    if (currentScope())
      throw new WindhoverError("WH1009", {
        message: `"${variant.definition.name}" was given the name "${name}" inside a flow.`,
        expected: "withOptions({ name }) at module level",
        got: name,
      });
    const { key, waitFor, ...own } = options;
    const definition = { ...variant.definition, ...own, name, hooks: { ...variant.definition.hooks, ...hooksOf(own) } } as FlowDefinition;
    shared.code.addFlow(definition);
    // What is said now counts, and not what an earlier `withOptions` said.
    const overrides = Object.fromEntries(Object.entries(variant.overrides).filter(([option]) => !(option in own)));
    return { definition, call: { ...variant.call, ...given({ key, waitFor }) }, overrides, ...(variant.tags && !own.tags && { tags: variant.tags }) };
  }
  const call: Record<string, unknown> = { ...variant.call };
  const overrides: Record<string, unknown> = { ...variant.overrides };
  let { tags } = variant;
  for (const [option, value] of Object.entries(options)) {
    if (option === "name" || value === undefined) continue;
    if (CALL_OPTIONS.has(option)) call[option] = value;
    else if (option === "tags") tags = value as readonly string[];
    else if (OVERRIDES.has(option) && typeof value !== "function") overrides[option] = value;
    else
      throw new WindhoverError("WH1003", {
        message: `\`${option}\` of the flow "${name}" cannot be changed for one call.`,
        expected: [...OVERRIDES, "tags", ...CALL_OPTIONS].join(", "),
        got: option,
        action: "Give the flow another name as well (`withOptions({ name, … })` at module level): then it is a flow of its own.",
      });
  }
  return { definition: variant.definition, call: call as CallOptions, overrides, ...(tags && { tags }) };
}

function callInFlow(scope: FlowScope, { definition, call, overrides, tags }: FlowVariant, parameters: unknown): unknown {
  shared.code.refuseShadowed("flow", definition);
  const spec = (): CallSpec => {
    return {
      args: encode(parameters ?? {}, { name: "parameters" }),
      ...afterOf(scope.instance, call),
      ...(scope.within && { within: scope.within }),
      ...(Object.keys(overrides).length > 0 && { overrides: JSON.stringify(overrides) }),
      ...((tags ?? definition.tags) && { tags: tags ?? definition.tags }),
    };
  };
  return scope.instance.call({ kind: "flow", name: definition.name, key: call.key, spec }).future;
}
