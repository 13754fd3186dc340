/** Parameters from the command line: `--param name=value`, read as the flow's schema wants them, and refused when the schema does not know them. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { FlowDefinition, SchemaLike } from "../engine/definition.ts";
import { WindhoverError } from "../engine/errors.ts";
import { usage } from "./failure.ts";
import { closest } from "./suggestion.ts";

export interface ParameterFlags {
  /** `name=value`, repeated for the items of a list. */
  readonly param?: readonly string[];
  /** JSON, or `@file`. */
  readonly params?: string;
}

type JsonSchema = Readonly<Record<string, unknown>>;
export interface KnownParameters {
  readonly properties: Readonly<Record<string, JsonSchema>>;
  readonly required: readonly string[];
  /** Others are accepted too. */
  readonly open: boolean;
}

/**
 * What a flow's schema can tell of itself: by Standard JSON Schema, by a method of its own, or by its shape. Undefined when it tells nothing.
 */
export function knownParameters(flow: FlowDefinition): KnownParameters | undefined {
  if (!flow.parameters) return { properties: {}, required: [], open: false };
  const json = jsonSchemaOf(flow.parameters);
  if (json && typeof json["properties"] === "object" && json["properties"] !== null) {
    const open = json["additionalProperties"] !== undefined && json["additionalProperties"] !== false;
    return {
      properties: json["properties"] as KnownParameters["properties"],
      required: Array.isArray(json["required"]) ? (json["required"] as string[]) : [],
      open,
    };
  }
  const shape = (flow.parameters as { readonly shape?: unknown }).shape ?? (flow.parameters as { readonly entries?: unknown }).entries;
  if (typeof shape !== "object" || shape === null) return undefined;
  return { properties: Object.fromEntries(Object.keys(shape).map((key) => [key, {}])), required: [], open: false };
}

/** The schema as JSON Schema, when it can be had. Source: https://standardschema.dev/json-schema */
export function jsonSchemaOf(schema: SchemaLike): JsonSchema | undefined {
  const candidate = schema as unknown as {
    readonly "~standard": { readonly jsonSchema?: { readonly input?: (options: object) => unknown } };
    readonly toJSONSchema?: (options?: object) => unknown;
    readonly toJsonSchema?: () => unknown;
  };
  const ways = [
    () => candidate["~standard"].jsonSchema?.input?.({ target: "draft-2020-12", libraryOptions: { unrepresentable: "any" } }),
    () => candidate.toJSONSchema?.({ io: "input", unrepresentable: "any" }),
    () => candidate.toJsonSchema?.(),
  ];
  for (const way of ways) {
    try {
      const json = way();
      if (typeof json === "object" && json !== null) return json as JsonSchema;
    } catch {
      // It cannot say all of itself in JSON Schema: the next way may say less, and do.
    }
  }
  return undefined;
}

/**
 * @param options.strict false: the schema says how texts are read, and not which parameters there are
 * @throws WH2007 for a text that cannot be read · WH2005 for a parameter that the schema does not have.
 */
export function readParameters(
  { param = [], params }: ParameterFlags,
  flow: FlowDefinition | undefined,
  flowName = flow?.name ?? "the flow",
  { strict = true }: { readonly strict?: boolean } = {},
): Record<string, unknown> {
  const known = flow && knownParameters(flow);
  const values: Record<string, unknown> = params === undefined ? {} : wholeObject(params);
  const given = new Map<string, string[]>();
  for (const pair of param) {
    const at = pair.indexOf("=");
    if (at < 1) throw usage(`--param ${pair} has no value.`, { expected: "--param NAME=VALUE", got: pair });
    const name = pair.slice(0, at);
    given.set(name, [...(given.get(name) ?? []), pair.slice(at + 1)]);
  }
  for (const name of [...Object.keys(values), ...given.keys()])
    if (strict && known && !known.open && !(name in known.properties)) throw unknownParameter(name, known, flowName);
  for (const [name, texts] of given) values[name] = readValue(name, texts, known?.properties[name]);
  return values;
}

function unknownParameter(name: string, { properties, required }: KnownParameters, flow: string): WindhoverError {
  const names = Object.keys(properties);
  const guess = closest(name, names);
  const expected =
    names.length === 0 ? "no parameters" : names.map((n) => `${n}${required.includes(n) ? "" : "?"}: ${typeText(properties[n] ?? {})}`).join(", ");
  return new WindhoverError("WH2005", {
    message: `"${flow}" has no parameter "${name}".${guess ? ` Did you mean "${guess}"?` : ""}`,
    expected,
    got: name,
    ...(guess && { action: `Write --param ${guess}=…` }),
  });
}

function wholeObject(text: string): Record<string, unknown> {
  const source = text.startsWith("@") ? read(text.slice(1)) : text;
  let value: unknown;
  try {
    value = JSON.parse(source);
  } catch (error) {
    throw usage(`--params is not JSON: ${(error as Error).message}`, { expected: "an object as JSON, or @FILE", got: source.slice(0, 200) });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw usage("--params is not an object.", { expected: '{ "name": value }', got: source.slice(0, 200) });
  return value as Record<string, unknown>;
}

function read(file: string): string {
  try {
    return readFileSync(file === "-" ? 0 : resolve(file), "utf8");
  } catch (error) {
    throw usage(`--params @${file} cannot be read: ${(error as Error).message}`, { expected: "a file that exists, or @- for the standard input", got: file });
  }
}

function readValue(name: string, texts: readonly string[], schema: JsonSchema | undefined): unknown {
  const types = typesOf(schema);
  const [first = ""] = texts;
  if (types?.has("array")) {
    const whole = texts.length === 1 ? parsed(first) : undefined;
    return Array.isArray(whole) ? whole : texts.map((text) => single(text, typesOf(schema?.["items"] as JsonSchema | undefined)));
  }
  // Where nobody knows better, what is given several times is a list.
  if (texts.length > 1 && !types) return texts.map((text) => single(text, undefined));
  if (texts.length > 1) throw usage(`--param ${name} is given ${texts.length} times.`, { expected: "once: it is no list", got: texts.join(", ") });
  return single(first, types);
}

/** A string stays what it is where a string is wanted; JSON is read where something else is, or where nobody knows. */
function single(text: string, types: ReadonlySet<string> | undefined): unknown {
  const value = parsed(text);
  if (value === undefined) return text;
  if (!types) return value;
  const type = Array.isArray(value) ? "array" : value === null ? "null" : typeof value;
  const fits = types.has(type) || (type === "number" && types.has("integer"));
  return fits || !types.has("string") ? value : text;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The JSON types that a schema accepts; undefined when it does not say. */
function typesOf(schema: JsonSchema | undefined): ReadonlySet<string> | undefined {
  if (!schema) return undefined;
  const types = new Set<string>();
  const { type } = schema;
  for (const one of Array.isArray(type) ? (type as unknown[]) : [type]) if (typeof one === "string") types.add(one);
  for (const value of [...((schema["enum"] as unknown[] | undefined) ?? []), ...("const" in schema ? [schema["const"]] : [])])
    types.add(value === null ? "null" : typeof value);
  for (const key of ["anyOf", "oneOf", "allOf"])
    for (const part of (schema[key] as JsonSchema[] | undefined) ?? []) for (const inner of typesOf(part) ?? []) types.add(inner);
  return types.size > 0 ? types : undefined;
}

/** `string[]`, `"a" | "b"`, `number = 10`. */
export function typeText(schema: JsonSchema): string {
  const values = schema["enum"] as unknown[] | undefined;
  const base = values
    ? values.map((value) => JSON.stringify(value)).join(" | ")
    : schema["items"]
      ? `${typeText(schema["items"] as JsonSchema)}[]`
      : [...(typesOf(schema) ?? [])].join(" | ") || "any";
  return "default" in schema ? `${base} = ${JSON.stringify(schema["default"])}` : base;
}
