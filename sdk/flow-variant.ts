/** A flow as one place starts it: its definition, and what `withOptions` has set to other values. */
import type { FlowDefinition } from "../engine/definition.ts";
import { WindhoverError } from "../engine/errors.ts";
import type { FlowOverrides } from "../engine/events.ts";
import type { CallOptions } from "./options.ts";
import { definitionKey } from "./task.ts";

export interface FlowVariant {
  readonly definition: FlowDefinition;
  readonly call: CallOptions;
  readonly overrides: FlowOverrides;
  readonly tags?: readonly string[];
}

/** Where a flow's object keeps it, beside its definition. */
export const variantKey = Symbol.for("windhover.variant");

/**
 * What is to be started of a flow's object from outside of a flow.
 * @throws WindhoverError WH2001 for something that is no flow, WH1003 for an option that means something for a call in a flow's body alone.
 */
export function startable(target: unknown): Omit<FlowVariant, "call"> {
  const flow = target as { readonly [definitionKey]?: FlowDefinition; readonly [variantKey]?: FlowVariant } | null | undefined;
  const definition = flow?.[definitionKey];
  if (!definition)
    throw new WindhoverError("WH2001", {
      message: "run() was given something that is neither a flow nor a deployment.",
      expected: "a flow, a deployment, or a name",
      got: typeof target,
    });
  const { call = {}, overrides = {}, tags } = flow?.[variantKey] ?? {};
  refuseCallOptions(definition.name, call);
  return { definition, overrides, ...(tags && { tags }) };
}

/** @throws WindhoverError WH1003 */
export function refuseCallOptions(name: string, call: CallOptions): void {
  const [option] = Object.keys(call);
  if (option === undefined) return;
  throw new WindhoverError("WH1003", {
    message: `\`${option}\` of the flow "${name}" is for calls in a flow's body.`,
    expected: option === "key" ? "an `idempotencyKey` for the run" : "a run that is started when what it waits for has ended",
    got: option,
  });
}
