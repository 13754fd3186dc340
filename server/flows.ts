/** The flows that are loaded, and what parameters they take. */
import * as z from "zod";
import type { FlowDefinition } from "../engine/definition.ts";
import type { ServerOptions } from "./options.ts";
import type { Routes } from "./routes.ts";

const FlowView = z.object({
  name: z.string(),
  description: z.string().optional(),
  version: z.string().optional(),
  tags: z.array(z.string()),
  parameters: z.record(z.string(), z.unknown()).nullable().describe("JSON schema, where the flow's schema can give one"),
  deployments: z.array(z.string()),
});

export function addFlows(routes: Routes, server: ServerOptions): void {
  routes.add({ method: "get", path: "/api/flows", summary: "Flows that are loaded here", answer: z.object({ flows: z.array(FlowView) }) }, async () => {
    const { code, deployments = () => [] } = server;
    const flows = [...code.flows.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
    return {
      flows: flows.map((flow) =>
        flowView(
          flow,
          deployments().flatMap(({ name, settings }) => (settings.flow === flow.name ? [name] : [])),
        ),
      ),
    };
  });
}

function flowView(flow: FlowDefinition, deployments: string[]): z.input<typeof FlowView> {
  const { name, description, version, tags = [] } = flow;
  return {
    name,
    ...(description !== undefined && { description }),
    ...(version !== undefined && { version }),
    tags: [...tags],
    parameters: parametersOf(flow),
    deployments,
  };
}

interface CanDescribe {
  readonly jsonSchema?: { readonly input?: (options: { readonly target: string }) => Record<string, unknown> };
}

/**
 * The JSON schema of a flow's parameters. zod says it itself, and leaves open (`{}`) what JSON cannot say, such as a Date; of other libraries those that follow
 * Standard JSON Schema do. A flow without parameters takes an empty object; null: the schema cannot tell.
 */
export function parametersOf({ parameters }: FlowDefinition): Record<string, unknown> | null {
  if (!parameters) return { type: "object", properties: {}, additionalProperties: false };
  const { vendor, jsonSchema } = parameters["~standard"] as (typeof parameters)["~standard"] & CanDescribe;
  try {
    if (vendor === "zod" && "_zod" in parameters)
      return z.toJSONSchema(parameters as unknown as z.ZodType, { io: "input", unrepresentable: "any" }) as Record<string, unknown>;
    return jsonSchema?.input?.({ target: "draft-2020-12" }) ?? null;
  } catch {
    return null;
  }
}
