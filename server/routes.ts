/** Routes with their schemas: what validates a request is what describes it in the OpenAPI document. */
import type { Context, Hono } from "hono";
import * as z from "zod";
import { Problem, Refusal } from "./problems.ts";

type Shape = z.ZodObject;
type Given<S> = S extends z.ZodType ? z.output<S> : undefined;

export interface Route<P extends Shape | undefined, Q extends Shape | undefined, B extends z.ZodType | undefined> {
  readonly method: "get" | "post" | "put" | "delete";
  /** With parameters as `{name}`. */
  readonly path: string;
  readonly summary: string;
  readonly params?: P;
  readonly query?: Q;
  readonly body?: B;
  /** The status of success. Default: 200. */
  readonly status?: 200 | 201 | 202 | 204;
  /** What success answers; none with 204. */
  readonly answer?: z.ZodType;
  /** Statuses of failure that this route knows of, beside 400. */
  readonly failures?: readonly number[];
}
/** A route of any shape, once its handler is bound. */
export type AnyRoute = Route<Shape | undefined, Shape | undefined, z.ZodType | undefined>;

export interface Request<P, Q, B> {
  readonly params: Given<P>;
  readonly query: Given<Q>;
  readonly body: Given<B>;
  readonly context: Context;
}

/** What a body may measure. Unit: bytes. */
export const BODY_BYTES = 1024 * 1024;

/** An app's routes, in the order in which they were added. */
export class Routes {
  readonly all: AnyRoute[] = [];
  readonly #app: Hono;
  constructor(app: Hono) {
    this.#app = app;
  }

  add<P extends Shape | undefined = undefined, Q extends Shape | undefined = undefined, B extends z.ZodType | undefined = undefined>(
    route: Route<P, Q, B>,
    handler: (request: Request<P, Q, B>) => Promise<unknown>,
  ): void {
    this.all.push(route);
    this.#app.on(route.method.toUpperCase(), route.path.replace(/\{(\w+)\}/g, ":$1"), async (context) => {
      const params = validated("the address", route.params, context.req.param());
      const query = validated("the query", route.query?.strict(), context.req.query());
      const body = route.body && validated("the body", route.body, await readJson(context));
      const answer = await handler({ params, query, body, context } as Request<P, Q, B>);
      return route.status === 204 ? context.body(null, 204) : context.json(answer as object, route.status ?? 200);
    });
  }
}

function validated(where: string, schema: z.ZodType | undefined, value: unknown): unknown {
  if (!schema) return undefined;
  const { success, data, error } = schema.safeParse(value);
  if (success) return data;
  const issues = error.issues.map(({ path, message }) => `${path.join(".") || where}: ${message}`).join("; ");
  throw new Refusal(400, "WH2017", { message: `The request does not fit in ${where}: ${issues}`, expected: "what /api/openapi.json says", got: issues });
}

/** An empty body is an empty object. */
async function readJson(context: Context): Promise<unknown> {
  const bytes = await readBody(context);
  if (bytes.length === 0) return {};
  const type = context.req.header("content-type") ?? "";
  if (!/^application\/(?:[\w.+-]+\+)?json\b/i.test(type))
    throw new Refusal(415, "WH2017", {
      message: "The body is not said to be JSON.",
      expected: "content-type: application/json",
      got: type || "no content-type",
    });
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch (error) {
    throw new Refusal(400, "WH2017", { message: `The body is not JSON: ${(error as Error).message}`, expected: "a JSON object" });
  }
}

/** @throws WH2017 with status 413 as soon as there is more than {@link BODY_BYTES}. */
export async function readBody(context: Context): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  const reader = context.req.raw.body?.getReader();
  for (let part = await reader?.read(); part && !part.done; part = await reader?.read()) {
    size += part.value.byteLength;
    if (size > BODY_BYTES) {
      void reader?.cancel();
      throw new Refusal(413, "WH2017", {
        message: "The body is too large.",
        expected: `at most ${BODY_BYTES} bytes`,
        got: "more",
        action: "Store the data elsewhere and send its address.",
      });
    }
    chunks.push(part.value);
  }
  return Buffer.concat(chunks);
}

/** The document that describes them. */
export function openApi(routes: readonly AnyRoute[], version: string): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const route of routes) (paths[route.path] ??= {})[route.method] = operation(route);
  return {
    openapi: "3.1.0",
    info: {
      title: "Windhover",
      version,
      description:
        "Runs, deployments, limits and what they leave behind. Times are ISO 8601; a failure is a Problem with a code that has a page in docs/errors.",
    },
    paths,
    components: { schemas: { Problem: schema(Problem, "output") } },
  };
}

function operation(route: AnyRoute): object {
  const parameters = [...parametersOf("path", route.params), ...parametersOf("query", route.query)];
  const content = (of: z.ZodType, io: "input" | "output"): object => ({ content: { "application/json": { schema: schema(of, io) } } });
  const problem = { content: { "application/json": { schema: { $ref: "#/components/schemas/Problem" } } } };
  const failures = [400, ...(route.failures ?? [])].map((status) => [status, { description: DESCRIPTIONS[status], ...problem }]);
  return {
    summary: route.summary,
    ...(parameters.length > 0 && { parameters }),
    ...(route.body && { requestBody: content(route.body, "input") }),
    responses: { [route.status ?? 200]: { description: "Success", ...(route.answer && content(route.answer, "output")) }, ...Object.fromEntries(failures) },
  };
}

const DESCRIPTIONS: Readonly<Record<number, string>> = {
  400: "It cannot be read",
  401: "The secret is missing or wrong",
  404: "There is no such thing",
  409: "Its state does not allow it",
  413: "It is too large",
  422: "The values do not fit",
};

function parametersOf(place: "path" | "query", shape: Shape | undefined): readonly object[] {
  return Object.entries(shape?.shape ?? {}).map(([name, type]) => {
    const { description, ...rest } = schema(type as z.ZodType, "input");
    return { name, in: place, required: place === "path", ...(description !== undefined && { description }), schema: rest };
  });
}

function schema(of: z.ZodType, io: "input" | "output"): Record<string, unknown> {
  const { $schema: _, ...rest } = z.toJSONSchema(of, { io, unrepresentable: "any" }) as Record<string, unknown>;
  return rest;
}
