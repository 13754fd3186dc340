/** Limits and variables: what operators set while everything runs. */
import * as z from "zod";
import { WindhoverError } from "../engine/errors.ts";
import { readPayload } from "../engine/payload.ts";
import type { RegistryValue } from "../engine/ports.ts";
import type { Duration } from "../sdk/duration.ts";
import { iso, jsonOf } from "./json.ts";
import type { ServerOptions } from "./options.ts";
import type { Routes } from "./routes.ts";

const Name = z.object({ name: z.string().min(1) });
const LimitView = z.object({
  name: z.string(),
  limit: z.number(),
  perSeconds: z.number().optional(),
  holders: z.array(z.string()),
  waiters: z.array(z.string()),
});
const VariableView = z.object({ name: z.string(), value: z.unknown(), updatedAt: z.iso.datetime() });

export function addLimits(routes: Routes, { client }: ServerOptions): void {
  const one = async (name: string): Promise<z.input<typeof LimitView>> => {
    const limits = await client.limits();
    const found = limits.find((limit) => limit.name === name);
    if (!found)
      throw new WindhoverError("WH2011", {
        message: `No limit is called "${name}".`,
        expected: limits.length > 0 ? `one of ${limits.map((limit) => limit.name).join(", ")}` : "a limit that was set",
        got: name,
      });
    return { ...found, holders: [...found.holders], waiters: [...found.waiters] };
  };
  routes.add(
    { method: "get", path: "/api/limits", summary: "All limits that were set, with who holds and who waits", answer: z.object({ limits: z.array(LimitView) }) },
    async () => ({ limits: await client.limits() }),
  );
  routes.add({ method: "get", path: "/api/limits/{name}", summary: "A limit", params: Name, answer: LimitView, failures: [404] }, ({ params }) =>
    one(params.name),
  );
  const Body = z.strictObject({
    limit: z.int().min(0),
    per: z.string().optional().describe('A period such as "1 minute": so many a period instead of so many at once'),
  });
  routes.add(
    { method: "put", path: "/api/limits/{name}", summary: "Set a limit by name or tag", params: Name, body: Body, answer: LimitView },
    async ({ params, body }) => {
      await client.setLimit(params.name, body.per === undefined ? body.limit : { limit: body.limit, per: body.per as Duration });
      return one(params.name);
    },
  );
  routes.add({ method: "delete", path: "/api/limits/{name}", summary: "Take a limit away", params: Name, status: 204, failures: [404] }, async ({ params }) => {
    await one(params.name);
    await client.setLimit(params.name, null);
  });
}

export function addVariables(routes: Routes, { client }: ServerOptions): void {
  const { registry, results } = client.ports;
  const view = async (name: string, value: RegistryValue): Promise<z.input<typeof VariableView>> => ({
    name,
    value: jsonOf(await readPayload(value.value, results)),
    updatedAt: iso(value.updatedAt),
  });
  const one = async (name: string): Promise<z.input<typeof VariableView>> => {
    const value = await registry.get("variable", name);
    if (!value) throw new WindhoverError("WH2013", { message: `No variable is called "${name}".`, got: name });
    return view(name, value);
  };
  routes.add({ method: "get", path: "/api/variables", summary: "All variables", answer: z.object({ variables: z.array(VariableView) }) }, async () => ({
    variables: await Promise.all((await registry.list("variable")).map(({ key, value }) => view(key, value))),
  }));
  routes.add({ method: "get", path: "/api/variables/{name}", summary: "A variable", params: Name, answer: VariableView, failures: [404] }, ({ params }) =>
    one(params.name),
  );
  routes.add(
    { method: "put", path: "/api/variables/{name}", summary: "Set a variable", params: Name, body: z.strictObject({ value: z.json() }), answer: VariableView },
    async ({ params, body }) => {
      await client.setVariable(params.name, body.value);
      return one(params.name);
    },
  );
  routes.add(
    { method: "delete", path: "/api/variables/{name}", summary: "Delete a variable", params: Name, status: 204, failures: [404] },
    async ({ params }) => {
      await one(params.name);
      await client.setVariable(params.name, undefined);
    },
  );
}
